"""Policies: packed and found in both layouts, evaluated, refused in words."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from typing import Any

import pytest

from helpers import archives, policies
from helpers.artifacts import Artifact
from helpers.policies import PolicyError

REGO = b"""package main
import rego.v1
deny contains message if {
    some image in input.images
    not startswith(image, data.verified)
    message := sprintf("%v is foreign", [image])
}
"""
FILES = {"gate.rego": REGO, "verified.json": b'{"verified": "acme/"}'}


def pulled(*layers: tuple[str, bytes]) -> Artifact:
    described: list[dict[str, Any]] = [{"mediaType": kind} for kind, _ in layers]
    files = {f"file-{number}": content for number, (_, content) in enumerate(layers)}
    return Artifact("sha256:1", {"layers": described}, files)


def test_a_policy_says_what_it_does_not_allow() -> None:
    found = policies.evaluate(FILES, {"images": ["docker.io/b", "acme/x", "docker.io/a"]})
    assert found == ["docker.io/a is foreign", "docker.io/b is foreign"]
    assert policies.evaluate(FILES, {"images": ["acme/x"]}) == []


def test_a_bundle_is_always_the_same_and_says_the_same() -> None:
    packed = policies.bundle(FILES)
    assert packed == policies.bundle(dict(reversed(FILES.items())))
    found = policies.files_of(pulled((policies.BUNDLE_LAYER, packed)))
    assert set(found) == {"gate.rego", "data.json"}
    assert policies.evaluate(found, {"images": ["x"]}) == ["x is foreign"]


def test_the_first_bundle_counts_whatever_lies_before_it() -> None:
    other = policies.bundle({**FILES, "verified.json": b'{"verified": "x"}'})
    artifact = pulled(
        ("text/plain", b"read me"),
        (policies.BUNDLE_LAYER, policies.bundle(FILES)),
        (policies.BUNDLE_LAYER, other),
    )
    assert policies.evaluate(policies.files_of(artifact), {"images": ["x"]}) == ["x is foreign"]


def test_conftest_has_a_layer_for_each_file() -> None:
    assert policies.layer_type("a/gate.rego") == policies.POLICY_LAYER
    assert policies.layer_type("verified.json") == policies.DATA_LAYER
    artifact = Artifact(
        "sha256:1",
        {"layers": [{"mediaType": policies.layer_type(name)} for name in FILES]},
        FILES,
    )
    assert policies.files_of(artifact) == FILES


def test_an_artifact_without_a_policy_is_refused() -> None:
    for layers in ((), (("text/plain", b""),), ((policies.DATA_LAYER, b"{}"),)):
        with pytest.raises(PolicyError, match="no tarball descriptor found in the layers"):
            policies.files_of(pulled(*layers))


def bomb() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        entry = tarfile.TarInfo("zeros.rego")
        entry.size = 17 << 20
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return gzip.compress(content.getvalue())


def damaged() -> bytes:
    text = " ".join(map(str, range(100_000))).encode()
    content = bytearray(archives.pack({"numbers.rego": text}))
    middle = len(content) // 2
    content[middle : middle + 20] = b"\xff" * 20
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no tar.gz"),
        (b"text", "no tar.gz"),
        (damaged(), "no tar.gz"),
        (bomb(), "more than 16 MiB"),
    ],
    ids=["empty", "text", "damaged", "bomb"],
)
def test_a_bundle_that_is_none_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        policies.files_of(pulled((policies.BUNDLE_LAYER, content)))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"gate.rego": b"package main\ndeny contains if {"}, "The policy has an error: "),
        ({"gate.rego": b"\xff"}, "The policy has an error: "),
        ({"gate.rego": b"package other\n"}, "does not define data.main.deny"),
        ({"gate.rego": b"package main\ndeny := true\n"}, "does not define data.main.deny"),
        ({**FILES, "more.json": b"{"}, "more.json is no JSON"),
        ({**FILES, "more.json": b"[]"}, "more.json is no JSON object"),
        ({**FILES, "zz.json": b'{"verified": ""}'}, "zz.json gives verified"),
    ],
)
def test_a_policy_with_an_error_is_refused(
    files: dict[str, bytes], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PolicyError) as error:
        policies.evaluate(files, {})
    assert told in str(error.value)
    assert "errormsg" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_without_regopy_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regopy", None)
    with pytest.raises(policies.EvaluatorMissing, match=r"pip install regopy.*glibc 2.34"):
        policies.evaluate(FILES, {})


def test_data_of_several_files_is_put_together() -> None:
    packed = policies.files_of(
        pulled(
            (policies.BUNDLE_LAYER, policies.bundle({"a.json": b'{"a": 1}', "b.json": b'{"b": 2}'}))
        )
    )
    assert json.loads(packed["data.json"]) == {"a": 1, "b": 2}
