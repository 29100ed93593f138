"""What the notebooks attach to images and list of them, in a real cloud."""

from __future__ import annotations

import pytest

from helpers import artifacts
from helpers.clouds import Connection
from helpers.errors import HelpersError
from tests.conftest import LocalCloud
from tests.registry.test_registry import MANIFEST, Place

NOTE = "application/vnd.example.note"


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    return Place(local_cloud)


def test_what_is_attached_is_listed_once(connection: Connection, place: Place) -> None:
    image = place.push("app", "v1")
    where = (place.server, "app")
    described = artifacts.descriptor(connection, *where, "v1")
    assert (described.media_type, described.digest) == (MANIFEST, image)
    assert described == artifacts.descriptor(connection, *where, image)
    assert artifacts.referrers(connection, *where, image) == []
    attached = artifacts.attach(connection, *where, "v1", NOTE, b"hello")
    assert artifacts.attach(connection, *where, image, NOTE, b"hello") == attached
    other = artifacts.attach(connection, *where, "v1", NOTE, b"other")
    found = artifacts.referrers(connection, *where, image)
    assert {one["digest"] for one in found} == {attached, other}
    assert {one["artifactType"] for one in found} == {NOTE}
    shown = connection.clients.registry(place.server).get_manifest("app", attached).manifest
    assert shown is not None
    assert shown["subject"] == described.as_oci()


def test_what_there_is_not_is_named(connection: Connection, place: Place) -> None:
    with pytest.raises(HelpersError, match="answers 404 to HEAD app/manifests/none"):
        artifacts.attach(connection, place.server, "app", "none", NOTE, b"hello")
    with pytest.raises(HelpersError, match=r"nobody00.azurecr.io gives no token \(404\)"):
        artifacts.referrers(connection, "nobody00.azurecr.io", "app", f"sha256:{'0' * 64}")
