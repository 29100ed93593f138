"""The order of a task's steps: by ``when``, else one after the other; what is free runs in parallel.

Source: acr-builder, graph/dag.go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from .definition import Step
from .errors import TaskError

ROOT = "-"


class Graph:
    """The steps with what each waits for. Raises :class:`TaskError` for an impossible order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.id: step for step in steps}
        self._waits: dict[str, set[str]] = {}
        previous = ""
        seen: set[str] = set()
        for step in steps:
            if step.id in seen:
                raise TaskError(
                    f"failed to create the task's graph: {step.id} already exists as a vertex"
                )
            seen.add(step.id)
            if step.when is None:
                self._waits[step.id] = {previous} if previous else set()
            else:
                self._waits[step.id] = {name for name in step.when if name != ROOT}
            previous = step.id
        self._check()

    def _check(self) -> None:
        for name, waits in self._waits.items():
            for other in sorted(waits):
                if other == name:
                    raise TaskError(
                        f"failed to create the task's graph: step {name} waits for itself"
                    )
                if other not in self._steps:
                    raise TaskError(
                        f"failed to create the task's graph: {other} does not exist as a vertex "
                        f"[from: {other}, to: {name}]"
                    )
        order = {name: number for number, name in enumerate(self._steps)}
        left = {name: set(waits) for name, waits in self._waits.items()}
        while left:
            free = [name for name, waits in left.items() if not waits]
            if not free:
                names = ", ".join(sorted(left, key=order.__getitem__))
                raise TaskError(
                    f"failed to create the task's graph: the steps {names} wait for one another "
                    "in a cycle"
                )
            for name in free:
                del left[name]
            for waits in left.values():
                waits.difference_update(free)

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
