"""Scope maps and tokens: what they may not be, what is changed of them, and their passwords."""

from __future__ import annotations

from typing import Any

import pytest

from .refusing import READ, Place, assert_refused


@pytest.mark.parametrize(
    ("method", "path", "properties", "status", "code", "message"),
    [
        (
            "PUT",
            "scopeMaps/four",
            {"actions": READ},
            400,
            "InvalidResourceName",
            "The scope map name 'four' is invalid",
        ),
        (
            "PUT",
            "tokens/under_score",
            {},
            400,
            "InvalidResourceName",
            "The token name 'under_score' is invalid",
        ),
        (
            "PUT",
            "scopeMaps/_repositories_pull",
            {"actions": READ},
            400,
            "SystemDefinedScopeMap",
            "'_repositories_pull' is system-defined",
        ),
        (
            "PATCH",
            "scopeMaps/_repositories_pull",
            {"actions": READ},
            400,
            "SystemDefinedScopeMap",
            "'_repositories_pull' is system-defined",
        ),
        (
            "DELETE",
            "scopeMaps/_repositories_pull",
            None,
            400,
            "SystemDefinedScopeMap",
            "'_repositories_pull' is system-defined",
        ),
        (
            "PUT",
            "scopeMaps/empty",
            {"actions": []},
            400,
            "InvalidScopeMapActions",
            "at least one action",
        ),
        (
            "PATCH",
            "scopeMaps/known",
            {"actions": ["repositories/a/content/fly"]},
            400,
            "InvalidScopeMapActions",
            "'repositories/a/content/fly' is invalid",
        ),
        *(
            (
                "PATCH",
                "scopeMaps/known",
                {"actions": [f"repositories/{name}/content/read"]},
                400,
                "InvalidScopeMapActions",
                f"'repositories/{name}/content/read' is invalid",
            )
            for name in ("a//b", "a/../b", "a..b/*", "a*", "*/*", "A", "a/-b", "x" * 256)
        ),
        ("DELETE", "scopeMaps/known", None, 409, "ScopeMapInUse", "used by the token known"),
        (
            "PUT",
            "tokens/fresh",
            {"scopeMapId": "/nowhere"},
            400,
            "InvalidScopeMap",
            "The scope map '/nowhere' of the token does not exist",
        ),
        (
            "PATCH",
            "tokens/known",
            {"status": "asleep"},
            400,
            "InvalidRequestContent",
            "'properties.status' must be one of enabled, disabled",
        ),
        (
            "PATCH",
            "tokens/known",
            {"scopeMapId": "/nowhere"},
            400,
            "InvalidScopeMap",
            "'/nowhere' of the token",
        ),
        (
            "PATCH",
            "tokens/known",
            {"credentials": {"certificates": [{"name": "certificate1"}]}},
            501,
            "NotImplemented",
            "properties.credentials.certificates=[",
        ),
    ],
)
def test_scope_maps_and_tokens_that_may_not_be(
    place: Place,
    method: str,
    path: str,
    properties: Any,
    status: int,
    code: str,
    message: str,
) -> None:
    before = [place.send("GET", "{r}/" + kind).json() for kind in ("scopeMaps", "tokens")]
    body = None if properties is None else {"properties": properties}
    assert_refused(place.send(method, "{r}/" + path, body), status, code, message)
    assert [place.send("GET", "{r}/" + kind).json() for kind in ("scopeMaps", "tokens")] == before


def test_a_scope_map_is_changed_and_deleted(place: Place) -> None:
    path = "{r}/scopeMaps/changing"
    made = place.send("PUT", path, {"properties": {"actions": READ, "description": "first"}})
    assert (made.status_code, made.json()["properties"]["description"]) == (201, "first")
    other = ["repositories/b/content/write", "repositories/b/metadata/read"]
    changed = place.send("PATCH", path, {"properties": {"actions": other}})
    assert changed.status_code == 200
    assert changed.json()["properties"]["actions"] == other
    assert changed.json()["properties"]["description"] == "first"
    place.send("PATCH", path, {"properties": {"description": "second"}})
    shown = place.send("GET", path).json()["properties"]
    assert (shown["actions"], shown["description"]) == (other, "second")
    assert place.send("DELETE", path).status_code == 200
    assert place.send("GET", path).status_code == 404
    assert place.send("DELETE", path).status_code == 204
    assert place.send("DELETE", "{r}/tokens/nothere").status_code == 204


def test_a_token_is_given_another_scope_map(place: Place) -> None:
    first, second = (place.id("{r}/scopeMaps/" + name) for name in ("known", "_repositories_pull"))
    path = "{r}/tokens/moving"
    place.send("PUT", path, {"properties": {"scopeMapId": first}})
    moved = place.send("PATCH", path, {"properties": {"scopeMapId": second, "status": "disabled"}})
    assert moved.status_code == 200
    shown = place.send("GET", path).json()["properties"]
    assert (shown["scopeMapId"], shown["status"]) == (second, "disabled")
    assert place.send("DELETE", path).status_code == 200


@pytest.mark.parametrize(
    ("token", "given", "status", "code", "message"),
    [
        ("nothere", {}, 404, "TokenNotFound", "tokens/nothere' does not exist"),
        ("known", {"name": "password3"}, 400, "InvalidRequestContent", "'password3' is invalid"),
        (
            "known",
            {"expiry": "tomorrow"},
            400,
            "InvalidRequestContent",
            "'tomorrow' is not an ISO 8601 time",
        ),
        (
            "known",
            {"expiry": "2020-01-01T00:00:00Z"},
            400,
            "InvalidRequestContent",
            "is in the past",
        ),
    ],
)
def test_no_password_is_made_for_a_wrong_request(
    place: Place, token: str, given: dict[str, str], status: int, code: str, message: str
) -> None:
    body = {"tokenId": place.id(f"{{r}}/tokens/{token}"), **given}
    answer = place.send("POST", "{r}/generateCredentials", body)
    assert_refused(answer, status, code, message)
    shown = place.send("GET", "{r}/tokens/known").json()["properties"]
    assert shown["credentials"]["passwords"] == []
