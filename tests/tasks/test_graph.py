"""The order of steps: what waits for what, impossible orders, side by side, the first error."""

from __future__ import annotations

import threading

import pytest

from helpers.localcloud.tasks.definitions.graph import Graph, check
from helpers.localcloud.tasks.definitions.task_file import Step
from helpers.localcloud.tasks.errors import TaskError


def steps(*names: str, **when: list[str]) -> list[Step]:
    return [Step(name, cmd="x", when=when.get(name)) for name in names]


def test_what_each_step_waits_for() -> None:
    graph = Graph(steps("a", "b", "c", "d", "e", b=["-"], c=["a", "b"], e=[]))
    assert graph.waits == {"a": set(), "b": set(), "c": {"a", "b"}, "d": {"c"}, "e": {"d"}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            steps("a", "b", b=["nobody"]),
            "nobody does not exist as a vertex [from: nobody, to: b]: 'when' of step b names no step",
        ),
        (
            steps("x", "y", "z", x=["y"], y=["-"]),
            "y does not exist as a vertex [from: y, to: x]: step y stands below step x. A step can",
        ),
        (
            steps("a", "b", "c", a=["c"], c=["b"]),
            "c does not exist as a vertex [from: c, to: a]: step c stands below step a, and c waits "
            "for a: a cycle.",
        ),
        (steps("a", "a"), "a already exists as a vertex"),
        (steps("a", a=["a"]), "Step ID: a is self-referenced"),
        (steps("acb_root"), "acb_root is a reserved ID, it can't be used"),
    ],
)
def test_impossible_orders_in_the_engines_words(given: list[Step], message: str) -> None:
    with pytest.raises(TaskError) as caught:
        Graph(given)
    assert str(caught.value).startswith(message)


MOUNT = {"name": "v", "mountPath": "/m"}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Step(""), "step is missing an ID"),
        (Step("a"), "step is missing a cmd, build, or push property"),
        (Step("a b", cmd="x"), "step ID cannot contain spaces"),
        (Step("a", cmd="x", retries=-1), "step must specify retries >= 0"),
        (Step("a", cmd="x", repeat=-1), "step must specify repeat >= 0"),
        (
            Step("a", cmd="x", push=["y"]),
            "step must only contain a single build, cmd, or push property",
        ),
        (
            Step("a", cmd="x", when=["-", "b"]),
            "step cannot contain other IDs in when if the immediate execution token is specified",
        ),
        (
            Step("a", build=".", cache="maybe"),
            "invalid value for cache property. Valid values are 'enabled', 'disabled'",
        ),
        (Step("a", push=["x"], volume_mounts=[MOUNT]), "invalid use of Mounts. Mounts must have"),
        (
            Step("a", cmd="x", volume_mounts=[MOUNT, MOUNT]),
            "mount with duplicate container file path found",
        ),
        (
            Step("a", cmd="x", volume_mounts=[{"name": "v", "mountPath": ""}]),
            "mount name or mount path is empty",
        ),
    ],
)
def test_rules_of_a_step_in_the_engines_words(step: Step, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        check(step)
    assert str(caught.value).startswith(message)


def test_what_is_free_runs_side_by_side() -> None:
    together = threading.Barrier(2, timeout=10)
    order: list[str] = []

    def execute(step: Step) -> None:
        if step.id in ("a", "b"):
            together.wait()  # breaks unless both run at the same time
        order.append(step.id)

    Graph(steps("a", "b", "c", b=["-"], c=["a", "b"])).run(execute)
    assert order[-1] == "c"
    assert sorted(order) == ["a", "b", "c"]


def test_the_first_error_ends_the_run() -> None:
    stopped = threading.Event()
    done: list[str] = []

    def execute(step: Step) -> None:
        if step.id == "bad":
            raise TaskError("broken")
        assert stopped.wait(10)
        done.append(step.id)

    graph = Graph(steps("slow", "bad", "after", bad=["-"], after=["slow"]))
    with pytest.raises(TaskError, match="broken"):
        graph.run(execute, stopped.set)
    assert done == ["slow"]
    assert not [one for one in threading.enumerate() if one.name.startswith("step ")]


def test_many_steps_in_a_diamond() -> None:
    names = [f"s{number}" for number in range(50)]
    given = [Step("first", cmd="x"), *(Step(name, cmd="x", when=["first"]) for name in names)]
    given.append(Step("last", cmd="x", when=names))
    order: list[str] = []
    Graph(given).run(lambda step: order.append(step.id))
    assert (order[0], order[-1], len(order)) == ("first", "last", 52)
