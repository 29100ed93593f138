"""What webhooks tell their receivers, and what is recorded of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.localcloud.store import Store
from tests.registry.places import INDEX, MANIFEST, digest

from .receiving import Hooks, Receiver, soon

CHART = "application/vnd.cncf.helm.config.v1+json"


def actions(receiver: Receiver, path: str) -> list[tuple[str, str, str]]:
    """Action, repository and tag of what came under a path."""
    found = []
    for one in receiver.at(path):
        target = one.content.get("target", {})
        found.append((one.content["action"], target.get("repository"), target.get("tag")))
    return found


def settle(hooks: Hooks, *names: str) -> None:
    """Wait until these webhooks have told everything: what is pushed now is recorded after it."""
    last = hooks.make("http://192.0.2.1/")
    hooks.place.push("last", "v1", last.encode())
    hooks.answered(last)
    hooks.call("DELETE", f"/{last}")
    for name in names:
        soon(lambda: all(one["eventResponseMessage"] for one in hooks.events(name)))  # noqa: B023


def test_a_push_is_told_as_documented(hooks: Hooks, receiver: Receiver) -> None:
    name = hooks.make(receiver.uri("/200/told?key=1"), customHeaders={"X-Key": "hidden-value"})
    pushed = hooks.place.push("told/app", "v1")
    size = len(hooks.place.manifest("told/app"))
    [got] = soon(lambda: receiver.at("/200/told?key=1"))
    assert got.method == "POST"
    assert got.headers == {
        "Host": f"127.0.0.1:{receiver.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(got.body)),
        "X-Key": "hidden-value",
    }
    content = got.content
    assert content["timestamp"].endswith("Z")
    assert list(content) == ["id", "timestamp", "action", "target", "request"]
    assert content["action"] == "push"
    assert content["target"] == {
        "mediaType": MANIFEST,
        "size": size,
        "digest": pushed,
        "length": size,
        "repository": "told/app",
        "tag": "v1",
    }
    assert content["request"].pop("id")
    assert content["request"] == {
        "host": hooks.place.server,
        "method": "PUT",
        "useragent": hooks.place.http.headers["User-Agent"],
    }
    [event] = hooks.answered(name)
    assert event["id"] == content["id"]
    assert event["eventRequestMessage"] == {
        "content": got.content,
        "headers": {"Content-Type": "application/json", "Content-Length": str(len(got.body))},
        "method": "POST",
        "requestUri": receiver.uri("/200/told?key=1"),
        "version": "1.1",
    }
    answer = event["eventResponseMessage"]
    assert (answer["statusCode"], answer["reasonPhrase"]) == ("200", "OK")
    assert answer["content"] == "thank you"
    assert answer["headers"]["Content-Length"] == "9"
    for path in ("", f"/{name}"):
        assert "hidden-value" not in hooks.call("GET", path).text
        assert "serviceUri" not in hooks.call("GET", path).text
    log = (hooks.place.cloud.home / "daemon.log").read_text()
    assert "hidden-value" not in log


def test_scope_status_and_actions(hooks: Hooks, receiver: Receiver) -> None:
    scopes = {"/200/s1": "", "/200/s2": "scoped:*", "/200/s3": "scoped:v1", "/200/s4": "scoped"}
    names = [hooks.make(receiver.uri(path), scope=scope) for path, scope in scopes.items()]
    off = hooks.make(receiver.uri("/200/off"), status="disabled")
    hooks.make(receiver.uri("/200/deletes"), "delete")
    names.append(hooks.make(receiver.uri("/200/quarantine"), "quarantine", scope="scoped:*"))
    for repository, tag in (("scoped", "v1"), ("scoped", "latest"), ("scopedother", "v1")):
        hooks.place.push(repository, tag)
    hooks.place.push("scoped", "v1")  # once more: it is a push, too
    data = hooks.place.manifest("scoped", b"by digest")
    hooks.place.put("scoped", digest(data), data)
    settle(hooks, *names)
    one, latest = ("push", "scoped", "v1"), ("push", "scoped", "latest")
    again = one
    untagged = ("push", "scoped", None)
    other = ("push", "scopedother", "v1")
    everything = [told for told in actions(receiver, "/200/s1") if told[1].startswith("scoped")]
    assert sorted(everything, key=str) == sorted([one, latest, other, again, untagged], key=str)
    told = sorted(actions(receiver, "/200/s2"), key=str)
    assert told == sorted([one, latest, again, untagged], key=str)
    assert actions(receiver, "/200/s3") == [one, again]
    assert actions(receiver, "/200/s4") == [latest]
    assert actions(receiver, "/200/off") == []
    assert actions(receiver, "/200/deletes") == []
    assert {told[0] for told in actions(receiver, "/200/quarantine")} == {"quarantine"}
    assert len(actions(receiver, "/200/quarantine")) == 4
    hooks.call("PATCH", f"/{off}", {"properties": {"status": "enabled"}})
    hooks.place.push("scoped", "v9")
    soon(lambda: actions(receiver, "/200/off"))
    assert actions(receiver, "/200/off") == [("push", "scoped", "v9")]


def test_deletions_are_told_of_manifests(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make(receiver.uri("/200/gone"), "delete", scope="gone:*")
    hooks.make(receiver.uri("/200/gone-v1"), "delete", scope="gone:v1")
    first, second = hooks.place.push("gone", "v1", b"1"), hooks.place.push("gone", "v2", b"2")
    hooks.place.http.put(  # v2 has two tags
        hooks.place.url("gone/manifests/v3"),
        data=hooks.place.manifest("gone", b"2"),
        headers={"Content-Type": MANIFEST},
    )
    assert hooks.place.http.delete(hooks.place.url("gone/manifests/v3")).status_code == 202
    assert hooks.place.http.delete(hooks.place.url(f"gone/manifests/{first}")).status_code == 202
    [got] = soon(lambda: receiver.at("/200/gone"))  # not of the tag
    content = got.content
    assert list(content) == ["id", "timestamp", "action", "target", "request"]
    assert content["action"] == "delete"
    assert content["target"] == {"mediaType": MANIFEST, "digest": first, "repository": "gone"}
    assert content["request"]["method"] == "DELETE"
    hooks.place.sdk().delete_repository("gone")
    soon(lambda: len(receiver.at("/200/gone")) == 2)
    assert receiver.at("/200/gone")[1].content["target"]["digest"] == second
    assert [one.content["target"]["digest"] for one in receiver.at("/200/gone-v1")] == [first]


def test_a_chart_is_told_as_an_image_and_as_a_chart(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make(receiver.uri("/200/charts"), "chart_push", "chart_delete", scope="helm/hello:*")
    hooks.make(receiver.uri("/200/images"), "push", "delete", scope="helm/hello:*")
    config = {**hooks.place.push_blob("helm/hello", b'{"name":"hello"}'), "mediaType": CHART}
    manifest = {"schemaVersion": 2, "config": config, "layers": []}
    noted = {"annotations": {"org.opencontainers.image.version": "0.1.0+green"}}
    data = json.dumps({**manifest, **noted}).encode()
    assert hooks.place.put("helm/hello", "0.1.0_green", data).status_code == 201
    [got] = soon(lambda: receiver.at("/200/charts"))
    content = got.content
    assert list(content) == ["id", "timestamp", "action", "target"]
    assert content["action"] == "chart_push"
    target = {
        "mediaType": MANIFEST,
        "size": len(data),
        "digest": digest(data),
        "repository": "helm/hello",
        "tag": "0.1.0_green",
        "name": "hello",
        "version": "0.1.0+green",
    }
    assert content["target"] == target
    hooks.place.http.delete(hooks.place.url(f"helm/hello/manifests/{digest(data)}"))
    soon(lambda: len(receiver.at("/200/charts")) == 2)
    assert receiver.at("/200/charts")[1].content["action"] == "chart_delete"
    assert receiver.at("/200/charts")[1].content["target"] == target
    soon(lambda: len(receiver.at("/200/images")) == 2)
    assert [one[0] for one in actions(receiver, "/200/images")] == ["push", "delete"]
    bare = json.dumps(manifest).encode()
    assert hooks.place.put("helm/hello", "0.2.0_blue", bare).status_code == 201
    soon(lambda: len(receiver.at("/200/charts")) == 3)
    target = receiver.at("/200/charts")[2].content["target"]
    assert (target["name"], target["version"]) == ("hello", "0.2.0+blue")


def test_an_index_is_one_push_for_each_manifest(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make(receiver.uri("/200/index"), scope="many:*")
    data = hooks.place.manifest("many")
    hooks.place.put("many", digest(data), data)
    child = {"mediaType": MANIFEST, "digest": digest(data), "size": len(data)}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).encode()
    assert hooks.place.put("many", "v1", index, INDEX).status_code == 201
    soon(lambda: len(receiver.at("/200/index")) == 2)
    targets = [one.content["target"] for one in receiver.at("/200/index")]
    assert {(one["mediaType"], one.get("tag")) for one in targets} == {
        (MANIFEST, None),
        (INDEX, "v1"),
    }


def test_a_ping_comes_even_when_disabled(hooks: Hooks, receiver: Receiver) -> None:
    name = hooks.make(receiver.uri("/200/ping"), status="disabled")
    event = hooks.ping(name)
    [got] = soon(lambda: receiver.at("/200/ping"))
    assert got.content["action"] == "ping"
    assert list(got.content) == ["id", "timestamp", "action"]
    assert got.content["id"] == event
    [recorded] = hooks.answered(name)
    assert recorded["id"] == event


@pytest.mark.parametrize(
    ("login", "headers", "sent"),
    [
        ("user:p%40ss@", {}, {"Authorization": "Basic dXNlcjpwQHNz"}),
        ("user:p%40ss@", {"authorization": "Bearer x"}, {"authorization": "Bearer x"}),
        ("", {"content-type": "text/x"}, {"content-type": "text/x"}),
        ("", {"User-Agent": "mine"}, {"User-Agent": "mine"}),
    ],
)
def test_what_the_headers_are(
    hooks: Hooks, receiver: Receiver, login: str, headers: dict[str, str], sent: dict[str, str]
) -> None:
    path = f"/200/login{len(login)}{len(''.join(headers))}"
    uri = receiver.uri(path).replace("://", f"://{login}")
    name = hooks.make(uri, customHeaders=headers)
    hooks.ping(name)
    [got] = soon(lambda: receiver.at(path))
    assert {key: got.headers.get(key) for key in sent} == sent
    names = sorted(one.lower() for one in got.headers)
    assert len(names) == len(set(names))
    [event] = hooks.answered(name)
    assert event["eventRequestMessage"]["requestUri"] == receiver.uri(path)
    shown = event["eventRequestMessage"]["headers"]
    assert ("Content-Type" in shown) is ("content-type" not in headers)
    assert not set(shown) & set(sent)
    config = hooks.call("POST", f"/{name}/getCallbackConfig").json()
    assert config == {"serviceUri": uri, "customHeaders": headers}


def test_only_the_newest_events_are_kept(hooks: Hooks, receiver: Receiver) -> None:
    name = hooks.make(receiver.uri("/200/many"))
    pinged = [hooks.ping(name) for _ in range(105)]
    soon(lambda: len(receiver.at("/200/many")) == 105)
    last = hooks.ping(name)
    soon(lambda: all(one["eventResponseMessage"] for one in hooks.events(name)))
    kept = [one["id"] for one in hooks.events(name)]
    assert kept[0] == last
    assert set(kept) <= {last, *pinged[-100:]}
    assert len(kept) >= 100


def test_what_is_deleted_is_told_no_more(hooks: Hooks, receiver: Receiver) -> None:
    name = hooks.make(receiver.uri("/hang/deleted"))
    hooks.ping(name)
    soon(lambda: receiver.at("/hang/deleted"))
    assert hooks.call("DELETE", f"/{name}").status_code == 200
    assert hooks.call("DELETE", f"/{name}").status_code == 204
    store = Store(hooks.place.cloud.home / "state.db", checked=True)
    rows: Any = store.query(
        "SELECT count(*) AS n FROM webhook_events WHERE webhook LIKE ?", (f"%/{name}",)
    )
    store.close()
    assert rows[0]["n"] == 0
    for path in ("", "/ping", "/listEvents", "/getCallbackConfig"):
        method = "GET" if not path else "POST"
        assert hooks.call(method, f"/{name}{path}").status_code == 404
