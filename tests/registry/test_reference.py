"""Image names are read as Docker reads them."""

from __future__ import annotations

import pytest

from helpers.localcloud.reference import InvalidReferenceError, Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "whole", "familiar"),
    [
        ("node", "docker.io/library/node:latest", "node:latest"),
        ("node:15-alpine", "docker.io/library/node:15-alpine", "node:15-alpine"),
        ("docker.io/node:1", "docker.io/library/node:1", "node:1"),
        ("registry.hub.docker.com/library/node:1", "docker.io/library/node:1", "node:1"),
        ("someone/app", "docker.io/someone/app:latest", "someone/app:latest"),
        ("R.azurecr.io/a/b:1", "r.azurecr.io/a/b:1", "r.azurecr.io/a/b:1"),
        ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a:latest"),
        (f"r.azurecr.io/a@{DIGEST}", f"r.azurecr.io/a@{DIGEST}", f"r.azurecr.io/a@{DIGEST}"),
        (f"node:1@{DIGEST}", f"docker.io/library/node:1@{DIGEST}", f"node:1@{DIGEST}"),
    ],
)
def test_names(text: str, whole: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == whole
    assert reference.familiar == familiar
    assert Reference.parse(whole) == reference


@pytest.mark.parametrize("text", ["", ":1", "a b", "Node", "a/../b", "a:b c", "a@sha256:12", "-a"])
def test_what_names_nothing(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="invalid reference format"):
        Reference.parse(text)
