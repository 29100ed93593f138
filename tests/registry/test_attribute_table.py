"""Every attribute, of a repository, a tag and a manifest, against every operation of the data plane.

Source: learn.microsoft.com, "Lock a container image in an Azure container registry": what each attribute
forbids, and that the three kinds of object are locked one by one.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import requests

from tests.registry.places import MANIFEST, Place, digest
from tests.registry.test_acr import acr

from .locking import begin, lock, pull, refused, with_subject

READ, WRITE, DELETE, LIST = "readEnabled", "writeEnabled", "deleteEnabled", "listEnabled"
LEVELS = ("repository", "tag", "manifest")
_numbers = itertools.count()


@dataclass(frozen=True)
class Image:
    """An image with the tag v1 in a repository of its own, and content that is no part of it."""

    place: Place
    repository: str
    digest: str
    layer: str
    spare: str
    other: bytes  # a manifest that is not there yet

    @classmethod
    def push(cls, place: Place) -> Image:
        repository, layer, spare = f"table/r{next(_numbers)}", os.urandom(20), os.urandom(20)
        pushed = place.push(repository, "v1", layer)
        place.push_blob(repository, spare)
        other = place.manifest(repository, b"other")
        return cls(place, repository, pushed, digest(layer), digest(spare), other)

    def url(self, path: str) -> str:
        return self.place.url(f"{self.repository}/{path}")

    def send(self, method: str, path: str) -> requests.Response:
        return self.place.http.request(method, self.url(path))

    def acr(self, method: str, path: str = "", **more: object) -> requests.Response:
        return acr(self.place, method, f"{self.repository}{path}", **more)

    def lock(self, level: str, attribute: str) -> None:
        path = {"repository": "", "tag": "/_tags/v1", "manifest": f"/_manifests/{self.digest}"}
        lock(self.place, self.repository + path[level], **{attribute: False})


def mounted(image: Image) -> requests.Response:
    query = {"mount": image.layer, "from": image.repository}
    target = image.place.url(f"table/taker{next(_numbers)}/blobs/uploads/")
    return image.place.http.post(target, params=query)


def uploaded(image: Image) -> requests.Response:
    query = {"digest": digest(b"new")}
    return image.place.http.post(image.url("blobs/uploads/"), params=query, data=b"new")


def referred(image: Image) -> requests.Response:
    data = with_subject(image.place, f"{image.repository}/made", image.digest)
    for part in (b"{}", b"signature"):
        image.place.push_blob(image.repository, part)
    return image.place.put(image.repository, digest(data), data, MANIFEST)


EVERYWHERE = [(level, attribute) for level in LEVELS for attribute in (WRITE, DELETE)]
IMAGE = [("repository", WRITE), *EVERYWHERE[2:]]
# What is done, and the attributes of which a false one forbids it; all others do not matter to it.
OPERATIONS: dict[str, tuple[Callable[[Image], requests.Response], list[tuple[str, str]]]] = {
    "pull by tag": (
        lambda image: pull(image.place, image.repository, "v1"),
        [(level, READ) for level in LEVELS],
    ),
    "pull by digest": (
        lambda image: pull(image.place, image.repository, image.digest),
        [("repository", READ), ("manifest", READ)],
    ),
    "pull a blob": (
        lambda image: image.send("GET", f"blobs/{image.layer}"),
        [("repository", READ)],
    ),
    "list tags": (lambda image: image.send("GET", "tags/list"), []),
    "list manifests": (lambda image: image.acr("GET", "/_manifests"), []),
    "list referrers": (lambda image: image.send("GET", f"referrers/{image.digest}"), []),
    "show": (lambda image: image.acr("GET", "/_tags/v1"), []),
    "unlock": (lambda image: image.acr("PATCH", "/_tags/v1", json={"writeEnabled": True}), []),
    "begin an upload": (
        lambda image: begin(image.place, image.repository),
        [("repository", WRITE)],
    ),
    "upload": (uploaded, [("repository", WRITE)]),
    "push a new tag": (
        lambda image: image.place.put(image.repository, "v2", image.other),
        [("repository", WRITE)],
    ),
    "push by digest": (
        lambda image: image.place.put(image.repository, digest(image.other), image.other),
        [("repository", WRITE)],
    ),
    "move the tag": (
        lambda image: image.place.put(image.repository, "v1", image.other),
        [("repository", WRITE), ("tag", WRITE)],
    ),
    "untag": (
        lambda image: image.acr("DELETE", "/_tags/v1"),
        [("repository", WRITE), ("tag", WRITE), ("tag", DELETE)],
    ),
    "untag as OCI": (
        lambda image: image.send("DELETE", "manifests/v1"),
        [("repository", WRITE), ("tag", WRITE), ("tag", DELETE)],
    ),
    "delete the manifest": (
        lambda image: image.send("DELETE", f"manifests/{image.digest}"),
        IMAGE,
    ),
    "delete the repository": (lambda image: image.acr("DELETE"), EVERYWHERE),
    "delete a spare blob": (
        lambda image: image.send("DELETE", f"blobs/{image.spare}"),
        [("repository", WRITE)],
    ),
}


@pytest.mark.parametrize("attribute", [READ, WRITE, DELETE, LIST])
@pytest.mark.parametrize("level", LEVELS)
def test_what_an_attribute_forbids(place: Place, level: str, attribute: str) -> None:
    for name, (operation, forbidding) in OPERATIONS.items():
        image = Image.push(place)
        image.lock(level, attribute)
        answer = operation(image)
        if (level, attribute) in forbidding:
            detail = refused(answer, f"The {level} {image.repository}", f"{attribute} is false")
            assert "az acr repository update" in detail, name
        else:
            assert answer.ok, (name, answer.status_code, answer.text)
        layer = image.send("DELETE", f"blobs/{image.layer}")  # a layer goes after its image alone
        gone = answer.ok and name.startswith("delete the")
        assert layer.status_code in ((202, 404) if gone else (405,)), name


@pytest.mark.parametrize(("level", "mount"), [("repository", 202), ("tag", 201), ("manifest", 201)])
def test_what_may_not_be_read_is_not_mounted(place: Place, level: str, mount: int) -> None:
    image = Image.push(place)
    image.lock(level, READ)
    assert mounted(image).status_code == mount


@pytest.mark.parametrize("level", LEVELS)
def test_what_refers_to_a_locked_image_is_pushed(place: Place, level: str) -> None:
    image = Image.push(place)
    for part in (b"{}", b"signature"):
        place.push_blob(image.repository, part)
    image.lock(level, DELETE)
    assert referred(image).status_code == 201


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_not_listed_is_hidden_where_its_kind_is_listed(place: Place, level: str) -> None:
    image = Image.push(place)
    image.lock(level, LIST)
    shown = {
        "repository": image.repository in place.http.get(place.url("_catalog")).text,
        "tag": "v1" in image.send("GET", "tags/list").json()["tags"],
        "manifest": image.digest in image.acr("GET", "/_manifests").text,
    }
    assert shown == {one: one != level for one in LEVELS}
    assert pull(place, image.repository, "v1").ok


@pytest.mark.parametrize("locked", [False, True])
def test_a_repository_goes_with_its_last_manifest_unless_it_is_locked(
    place: Place, locked: bool
) -> None:
    image = Image.push(place)
    assert place.put(image.repository, "v2", image.other).status_code == 201
    if locked:
        image.lock("repository", DELETE)
    assert image.send("DELETE", f"manifests/{image.digest}").status_code == 202
    assert image.send("GET", "tags/list").json()["tags"] == ["v2"]
    assert image.send("DELETE", f"manifests/{digest(image.other)}").status_code == 202
    assert image.acr("GET").status_code == (200 if locked else 404)
    assert (image.repository in place.http.get(place.url("_catalog")).text) == locked
    assert place.put(image.repository, "v3", image.other).status_code == 201
    assert pull(place, image.repository, "v3").content == image.other
