"""The pipeline and the staging as they follow from the state of the cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from helpers.lab import flows
from helpers.lab.state import (
    CloudState,
    Dependency,
    Image,
    RegistryState,
    RunState,
    SiteState,
    TagState,
    TaskState,
)
from helpers.pictures import Box, Flow, news
from helpers.settings import Settings

NAMES = Settings()
NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
PUBLIC = Dependency(NAMES.public_login_server, "node", "15-alpine", DIGEST)
GATED = Dependency(NAMES.base_artifacts_login_server, "node", "15-alpine", DIGEST)
SITE = SiteState(
    "http://127.0.0.1:8080/", "acmerockets.azurecr.io/hello-world:do1", "Running", "Green"
)


def run(run_id: str, task: str, status: str = "Succeeded", **more: Any) -> RunState:
    over = status not in ("Queued", "Started", "Running")
    times = {"started": NOON, "finished": NOON + timedelta(seconds=2) if over else None}
    return RunState(run_id, "", "", task, status, **{"trigger": "Commit", **times, **more})


def registry(
    name: str, tasks: Sequence[TaskState], runs: Sequence[RunState], *tags: str
) -> RegistryState:
    runs = tuple(replace(one, registry=name, group=f"{name}-rg") for one in runs)
    split = {tag: tag.partition(":") for tag in tags}
    found = {
        name: TagState(repository, tag, DIGEST) for name, (repository, _, tag) in split.items()
    }
    server = f"{name}.azurecr.io"
    return RegistryState(name, f"{name}-rg", server, tuple(tasks), runs, MappingProxyType(found))


def state(
    *registries: RegistryState, site: SiteState | None = SITE, problem: str = ""
) -> CloudState:
    return CloudState(registries, site, NOON, problem)


def public(*runs: RunState) -> RegistryState:
    runs = runs or (run("ca1", "node-public"),)
    return registry(NAMES.public_registry, [TaskState("node-public", True)], runs, flows.IMAGE)


def base(*runs: RunState, enabled: bool = True) -> RegistryState:
    tasks = [TaskState("base-import-node", enabled, (PUBLIC,))]
    return registry(NAMES.base_artifacts_registry, tasks, runs, flows.IMAGE)


def team(built_on: Dependency = GATED) -> RegistryState:
    pushed = Image("hello-world", "do1", DIGEST)
    runs = [run("do1", "hello-world", images=(pushed,))]
    return registry(NAMES.registry, [TaskState("hello-world", True, (built_on,))], runs)


def staged(*runs: RunState) -> RegistryState:
    tasks = [TaskState("rescan-node", True), TaskState("stage-node", True, (PUBLIC,))]
    return registry(NAMES.staging_registry, tasks, runs)


def boxes(flow: Flow) -> list[Box]:
    return [box for column in flow.columns for box in column]


def test_an_empty_cloud_shows_what_will_be_there() -> None:
    flow = flows.pipeline(state(site=None), NAMES)
    assert [box.title for box in boxes(flow)] == ["The public", "The team", "The site"]
    assert {box.status for box in boxes(flow)} == {"not there yet"}
    assert [len(column) for column in flows.staging(state(), NAMES).columns] == [1, 1, 2, 1]


def test_before_there_is_a_gate_it_is_not_drawn() -> None:
    flow = flows.pipeline(state(public(), team(PUBLIC)), NAMES)
    assert [box.title for box in boxes(flow)] == ["The public", "The team", "The site"]
    assert "sha256:0123456789ab" in flow.text()


def test_a_team_that_goes_past_the_gate_is_told_so() -> None:
    gate = base(run("cg1", "base-import-node"))
    flow = flows.pipeline(state(public(), gate, team(PUBLIC)), NAMES)
    assert [box.gate for box in boxes(flow)] == ["", "gate open", "not behind a gate", ""]
    flow = flows.pipeline(state(public(), gate, team()), NAMES)
    assert [box.gate for box in boxes(flow)] == ["", "gate open", "", ""]
    assert boxes(flow)[2].lines[-2:] == (("hello-world:", "do1", ""), ("sha256:0123456789ab",))


def test_the_gate_is_open_or_shut_or_decides() -> None:
    def gate(*runs: RunState, enabled: bool = True) -> Box:
        flow = flows.pipeline(state(public(), base(*runs, enabled=enabled), team()), NAMES)
        return boxes(flow)[1]

    assert (gate().status, gate().gate) == ("no run yet", "")
    assert gate(run("cg1", "base-import-node")).lines[-2] == (flows.IMAGE,)
    failed = gate(run("cg1", "base-import-node", "Failed"))
    assert (failed.gate, failed.lines[-2]) == ("gate shut", (f"still {flows.IMAGE}",))
    decides = gate(run("cg2", "base-import-node", "Running"), run("cg1", "base-import-node"))
    assert (decides.status, decides.gate) == ("Running", "gate decides")
    off = gate(run("cg1", "base-import-node"), enabled=False)
    assert (off.gate, off.meaning.name, off.passes) == ("disabled", "idle", False)


def test_the_gate_of_staging_takes_the_place_of_one_that_is_disabled() -> None:
    seen = state(public(), base(enabled=False), team(), staged(run("dg1", "stage-node", "Failed")))
    gate = boxes(flows.pipeline(seen, NAMES))[1]
    assert (gate.name, gate.place, gate.gate) == ("stage-node", "acmestaging", "gate shut")


def test_the_site_is_of_the_colour_that_it_names() -> None:
    def site(**more: Any) -> Box:
        return boxes(flows.pipeline(state(team(), site=replace(SITE, **more)), NAMES))[-1]

    assert (site().color, site().meaning.name) == ("Green", "good")
    assert site(state="Creating", color="").meaning.name == "going"
    assert site(state="Failed").meaning.name == "bad"
    assert ("hello-world", ":", "do1") in site().lines


def test_staging_tells_which_question_was_answered_with_no() -> None:
    def asked(status: str, error: str = "") -> list[tuple[str, str]]:
        one = run("dg1", "stage-node", status, error=error)
        test, scan = flows.staging(state(public(), base(), staged(one)), NAMES).columns[2]
        return [(box.status, box.meaning.name) for box in (test, scan)]

    assert asked("Running") == [("under way", "going")] * 2
    assert asked("Succeeded") == [("passed", "good")] * 2
    scan = "failed to run step ID: scan: exit status 1"
    assert asked("Failed", scan) == [("ended with the run", "stopped"), ("refused", "bad")]
    test = "failed to run step ID: build-test: x"
    assert asked("Failed", test) == [("refused", "bad"), ("ended with the run", "stopped")]
    assert asked("Timeout", "") == [("ended with the run", "stopped")] * 2


def test_staging_shows_mirror_promotion_and_the_second_look() -> None:
    mirrored = Image("node", "15-alpine-dg1", DIGEST)
    runs = (
        run("dg2", "rescan-node", "Failed", trigger="Timer"),
        run("dg1", "stage-node", images=(Image("gate", "dg1", ""), mirrored)),
    )
    flow = flows.staging(state(public(), base(), staged(*runs)), NAMES)
    mirror, promoted = boxes(flow)[1], boxes(flow)[-1]
    assert "node:15-alpine-dg1" in "".join("".join(one) for one in mirror.lines)
    assert (promoted.gate, promoted.meaning.name) == ("gate open", "bad")
    assert ("looked at again: ", "Failed") in promoted.lines
    assert flow.more == ()


def test_runs_that_go_on_beside_are_named() -> None:
    others = registry(
        NAMES.registry, [], [run("do9", "catalog", "Running", trigger="Image Update")]
    )
    flow = flows.pipeline(state(public(), others), NAMES)
    [line] = flow.more
    told = "Running: catalog in acmerockets, run do9 by Image Update, since 26 Nov 12:00:00 UTC"
    assert "".join(line) == told
    assert told in flow.text()
    assert "catalog in acmerockets" in flow.html()
    assert "catalog in acmerockets" in flow.svg()
    again = flows.pipeline(state(public(run("ca2", "node-public", "Queued"))), NAMES)
    assert again.more == ()  # it is in its box


def test_a_cloud_that_cannot_be_seen_is_told_above_what_was_seen_last() -> None:
    flow = flows.pipeline(state(public(), problem="The local cloud is down."), NAMES)
    for form in (flow.text(), flow.html(), flow.svg()):
        assert "The local cloud is down." in form
        assert "node-public" in form


def test_news_are_what_has_changed_and_nothing_else() -> None:
    before = flows.pipeline(state(public(), base(run("cg1", "base-import-node")), team()), NAMES)
    after = flows.pipeline(
        state(public(), base(run("cg2", "base-import-node", "Failed")), team()), NAMES
    )
    assert news(before, before) == ""
    assert news(before, after) == "The gate, base-import-node: Failed, gate shut."
    gone = replace(before, problem="It is down.")
    assert news(before, gone) == "It is down."
    assert news(gone, gone) == ""
    assert news(gone, before) == "The cloud is seen again."


def test_five_hundred_runs_are_one_picture() -> None:
    many = [run(f"c{n:03}", "<script>", "Running") for n in range(500)]
    flow = flows.pipeline(state(registry(NAMES.registry, [], many)), NAMES)
    assert len(flow.more) <= 6
    assert "<script>" not in flow.html() + flow.svg()
    assert "and 495 more" in flow.text()
