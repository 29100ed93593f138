"""What webhooks are told of content that goes, or comes back, by the policies of a registry."""

from __future__ import annotations

from tests.conftest import LocalCloud
from tests.registry.places import Place
from tests.registry.policies import restore, retention, soft_delete
from tests.registry.test_acr import acr

from .receiving import Hooks, Receiver, soon
from .test_quarantine import told


def test_what_the_retention_policy_deletes_is_told_as_deleted(
    local_cloud: LocalCloud, receiver: Receiver
) -> None:
    place = Place(local_cloud)
    Hooks(place).make(receiver.uri("/200/retention"), "push", "delete")
    retention(place, days=0)
    old = place.push("app", "v1", b"old")
    new = place.push("app", "v1", b"new")
    soon(lambda: len(told(receiver, "/200/retention")) == 3)
    assert ("delete", old, None) in told(receiver, "/200/retention")
    [deletion] = [one for one in receiver.at("/200/retention") if one.content["action"] == "delete"]
    assert deletion.content["request"]["host"] == place.server
    assert new != old


def test_a_deletion_is_told_though_it_is_kept_and_to_restore_is_not(
    local_cloud: LocalCloud, receiver: Receiver
) -> None:
    place = Place(local_cloud)
    Hooks(place).make(receiver.uri("/200/kept"), "push", "delete")
    soft_delete(place)
    kept = place.push("app", "v1")
    assert acr(place, "DELETE", "app").status_code == 202
    assert restore(place, "app", kept, "v1").status_code == 200
    last = place.push("app", "v2", b"last")
    soon(lambda: ("push", last, "v2") in told(receiver, "/200/kept"))
    actions = [(action, digest) for action, digest, _ in told(receiver, "/200/kept")]
    assert sorted(actions) == sorted([("push", kept), ("delete", kept), ("push", last)])
