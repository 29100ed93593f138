"""To change the attributes of repositories, tags and manifests."""

from __future__ import annotations

import re

import pytest

from tests.registry.places import Place, digest
from tests.registry.test_acr import LOCK, acr

from .locking import lock


def test_a_changed_tag_is_answered_as_acr_does(place: Place, app: str) -> None:
    pushed = place.push(app, "1.0.0")
    answer = lock(place, f"{app}/_tags/1.0.0", deleteEnabled=False, writeEnabled=False)
    assert list(answer) == ["registry", "imageName", "tag"]
    tag = answer["tag"]
    times = [tag.pop("createdTime"), tag.pop("lastUpdateTime")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", one) for one in times)
    assert tag == {
        "changeableAttributes": {
            "deleteEnabled": False,
            "listEnabled": True,
            "readEnabled": True,
            "writeEnabled": False,
        },
        "digest": pushed,
        "name": "1.0.0",
        "signed": False,
    }
    again = lock(place, f"{app}/_tags/1.0.0", readEnabled=False)["tag"]["changeableAttributes"]
    assert again == {**tag["changeableAttributes"], "readEnabled": False}


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("nowhere", "NAME_UNKNOWN", 'repository "nowhere" is not found'),
        ("nowhere/_tags/v1", "NAME_UNKNOWN", 'repository "nowhere" is not found'),
        ("{app}/_tags/v2", "TAG_UNKNOWN", "the specified tag v2 does not exist"),
        ("{app}/_manifests/{no}", "MANIFEST_UNKNOWN", "manifest {no} is not found"),
    ],
)
def test_attributes_of_nothing_are_not_changed(
    place: Place, app: str, path: str, code: str, message: str
) -> None:
    place.push(app, "v1")
    names = {"app": app, "no": digest(b"nothing")}
    answer = acr(place, "PATCH", path.format(**names), json=LOCK)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (404, code)
    assert error["message"] == message.format(**names)


@pytest.mark.parametrize("object_", ["", "/_tags/v1", "/_manifests/{digest}"])
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"color": true}', 400, "color cannot be changed; attributes are deleteEnabled, list"),
        (b'{"writeEnabled": "no"}', 400, "writeEnabled cannot be changed"),
        (b'{"writeEnabled": 0}', 400, "writeEnabled cannot be changed"),
        (b'{"writeEnabled": false, "WriteEnabled": false}', 400, "WriteEnabled cannot be changed"),
        (b"[]", 400, "the body must be a JSON object of attributes"),
        (b'"writeEnabled"', 400, "the body must be a JSON object of attributes"),
        (b"{", 400, "and is no JSON"),
        (b'{"quarantineState": "Quarantined"}', 400, "quarantineState cannot be"),
        (b'{"quarantineState": "passed", "writeEnabled": false}', 400, "quarantineState cannot be"),
        (b'{"quarantineState": true}', 400, "quarantineState cannot be changed"),
        (b'{"writeEnabled": false, "quarantineDetails": {}}', 400, "quarantineDetails cannot be"),
        (b'{"writeEnabled": false, "quarantineDetails": "scanned"}', 400, "quarantineDetails "),
        (b'{"writeEnabled": false, "quarantineDetails": "[1]"}', 400, "quarantineDetails "),
    ],
)
def test_what_is_no_attribute_changes_nothing(
    place: Place, object_: str, body: bytes, status: int, said: str
) -> None:
    pushed = place.push("attributes", "v1")
    path = "attributes" + object_.format(digest=pushed)
    answer = acr(place, "PATCH", path, data=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["errors"][0]["message"]
    for each in ("", "/_tags/v1", f"/_manifests/{pushed}"):
        shown = acr(place, "GET", f"attributes{each}").text
        assert '"writeEnabled":true' in shown


@pytest.mark.parametrize("object_", ["", "/_tags/v1"])
def test_manifests_alone_are_marked_for_a_quarantine(place: Place, app: str, object_: str) -> None:
    place.push(app, "v1")
    for mark in ({"quarantineState": "Passed"}, {"quarantineDetails": "{}"}):
        answer = acr(place, "PATCH", f"{app}{object_}", json=mark)
        assert answer.status_code == 400
        [name] = mark
        assert f"{name} cannot be changed" in answer.json()["errors"][0]["message"]
    assert "quarantine" not in acr(place, "GET", f"{app}{object_}").text


def test_what_is_null_or_missing_stays(place: Place, app: str) -> None:
    place.push(app, "v1")
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    for body in (b"", b"{}", b'{"writeEnabled": null, "readEnabled": true}'):
        answer = acr(place, "PATCH", f"{app}/_tags/v1", data=body)
        assert answer.status_code == 200
        assert answer.json()["tag"]["changeableAttributes"]["writeEnabled"] is False
