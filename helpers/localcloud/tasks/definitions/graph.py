"""The order of a task's steps: by ``when``, else one after the other; what is free runs in parallel.

Source: acr-builder, graph/dag.go and graph/step.go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..errors import TaskError
from .task_file import Step

IMMEDIATELY = "-"  # in ``when``: wait for nothing
ROOT = "acb_root"


class Graph:
    """The steps with what each waits for.

    A step can only wait for steps above it in the file, so there are no cycles. Raises
    :class:`TaskError` for an order that is impossible or a step that breaks a rule.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps: dict[str, Step] = {}
        self._waits: dict[str, set[str]] = {}
        self.told: dict[str, list[str]] = {}  # what each waits for, acb_root if for nothing
        previous: str | None = None
        for step in steps:
            check(step)
            if step.id == ROOT:
                raise TaskError(f"{ROOT} is a reserved ID, it can't be used{step.place}")
            if step.id in self._steps:
                raise TaskError(f"{step.id} already exists as a vertex{step.place}")
            self._steps[step.id] = step
            if step.when:
                waits = {name for name in step.when if name != IMMEDIATELY}
            else:
                waits = set() if previous is None else {previous}
            for name in step.when or ():
                if not name:
                    raise TaskError(
                        f"from cannot be empty: an item of 'when' of step {step.id}{step.place}"
                    )
                if name in waits and name not in self._steps and name != ROOT:
                    raise TaskError(_unknown(name, step.id, steps) + step.place)
            self.told[step.id] = sorted(waits) or [ROOT]
            self._waits[step.id] = waits - {ROOT}
            previous = step.id

    @property
    def waits(self) -> dict[str, set[str]]:
        """What each step waits for."""
        return {name: set(waits) for name, waits in self._waits.items()}

    def run(
        self, execute: Callable[[Step], None], on_failure: Callable[[], None] | None = None
    ) -> None:
        """Execute every step when its time has come; steps that are free run side by side.

        The first error ends the run: nothing starts any more, ``on_failure`` is called so that
        what still runs ends too, and when it has, the error is raised.
        """
        condition = threading.Condition()
        left = self.waits
        running: set[str] = set()
        failures: list[BaseException] = []

        def work(step: Step) -> None:
            error: BaseException | None = None
            try:
                execute(step)
            except BaseException as caught:  # noqa: BLE001 - handed to the caller's thread
                error = caught
            with condition:
                running.discard(step.id)
                if error is not None:
                    failures.append(error)
                for waits in left.values():
                    waits.discard(step.id)
                condition.notify_all()

        told = False
        with condition:
            while (left and not failures) or running:
                if failures and not told and on_failure is not None:
                    told = True
                    condition.release()
                    try:
                        on_failure()
                    finally:
                        condition.acquire()
                    continue
                free = [name for name, waits in left.items() if not waits] if not failures else []
                for name in free:
                    del left[name]
                    running.add(name)
                    threading.Thread(
                        target=work, args=(self._steps[name],), name=f"step {name}", daemon=True
                    ).start()
                if running:
                    condition.wait()
        if failures:
            raise failures[0]


def _unknown(name: str, step: str, steps: Sequence[Step]) -> str:
    """The engine's words for a ``when`` that names no step above it, and what to do."""
    message = f"{name} does not exist as a vertex [from: {name}, to: {step}]"
    order = [one.id for one in steps]
    if name not in order:
        return f"{message}: 'when' of step {step} names no step of the file"
    circle = f", and {name} waits for {step}: a cycle" if _reaches(name, step, steps) else ""
    return (
        f"{message}: step {name} stands below step {step}{circle}. A step can only wait for steps "
        "above it"
    )


def _reaches(start: str, goal: str, steps: Sequence[Step]) -> bool:
    """Whether ``start`` waits for ``goal``, directly or by way of others."""
    waits: dict[str, list[str]] = {}
    previous: list[str] = []
    for step in steps:
        waits[step.id] = list(step.when) if step.when else previous
        previous = [step.id]
    seen: set[str] = set()
    todo = [start]
    while todo:
        for name in waits.get(todo.pop(), ()):
            if name == goal:
                return True
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return False


def check(step: Step) -> None:
    """The engine's rules for one step, in its words and its order (Step.Validate)."""
    kinds = [bool(step.cmd), bool(step.build), bool(step.push)]
    mounts = step.volume_mounts
    paths = [mount.get("mountPath", "") for mount in mounts]
    when = step.when or ()
    rules = (
        (not step.id, "step is missing an ID"),
        (step.retries < 0, "step must specify retries >= 0"),
        (step.repeat < 0, "step must specify repeat >= 0"),
        (sum(kinds) > 1, "step must only contain a single build, cmd, or push property"),
        (any(map(str.isspace, step.id)), "step ID cannot contain spaces"),
        (not any(kinds), "step is missing a cmd, build, or push property"),
        (
            mounts and not step.cmd and not step.build,
            "invalid use of Mounts. Mounts must have unique container paths and only used for cmd "
            "or build steps",
        ),
        (
            not all(mount.get("name") and mount.get("mountPath") for mount in mounts),
            "mount name or mount path is empty",
        ),
        (len(set(paths)) < len(paths), "mount with duplicate container file path found"),
        (
            IMMEDIATELY in when and len(when) > 1,
            "step cannot contain other IDs in when if the immediate execution token is specified",
        ),
        (step.id in when, f"Step ID: {step.id} is self-referenced"),
        (
            step.cache.lower() not in ("", "enabled", "disabled"),
            "invalid value for cache property. Valid values are 'enabled', 'disabled'",
        ),
    )
    for broken, message in rules:
        if broken:
            raise TaskError(f"{message} [step: {step.id}]{step.place}")
