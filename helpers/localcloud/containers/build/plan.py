"""Which stages of a Dockerfile BuildKit builds, and what each of them needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..images.images import Descriptor
from .dockerfile import Dockerfile, Instruction
from .progress import Vertex
from .stage import Stage
from .variables import VariableError

COUNTED = ("RUN", "COPY", "ADD", "WORKDIR")


# What is done, which writes to a step of the log: the layer, and whether it was known.
Act = Callable[[Vertex], tuple[Descriptor | None, bool]]


@dataclass
class Operation:
    """What is done when the stage is built; ``act`` does it."""

    name: str
    instruction: Instruction
    act: Act
    history: dict[str, Any]
    sources: list[PlannedStage]


@dataclass(eq=False)
class PlannedStage:
    """A stage between FROM and the next one; ``parent`` is the stage that it begins with."""

    index: int
    name: str
    base: str
    opening: Instruction
    instructions: list[Instruction]
    parent: PlannedStage | None = None
    sources: dict[int, list[PlannedStage]] = field(default_factory=dict)  # by line of instruction
    stage: Stage | None = None
    operations: list[Operation] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    shown: str = ""  # its name in the log
    counted: int = 0
    total: int = 0
    triggers: list[Instruction] = field(default_factory=list)
    built: bool = False
    first_layers: list[Descriptor] = field(default_factory=list)  # those of its base image

    def seen_by(self, other: PlannedStage) -> list[Descriptor]:
        """The layers that ``other`` may copy from: of a stage that comes later, the base's alone."""
        assert self.stage is not None
        return self.stage.layers if self.index <= other.index else self.first_layers

    def needs(self) -> list[PlannedStage]:
        """The stages that it is made of."""
        found = [one for several in self.sources.values() for one in several]
        return [self.parent, *found] if self.parent else found

    def prefix(self, text: str) -> str:
        """``text`` as the log shows it: ``[name 2/3] text``."""
        if not self.total:
            return text
        self.counted += 1
        number = str(self.counted).rjust(len(str(self.total)))
        return f"[{self.shown + ' ' if self.shown else ''}{number}/{self.total}] {text}"


def stages_of(dockerfile: Dockerfile, expanded: Callable[[str], str]) -> list[PlannedStage]:
    """The stages in the order of the file. Raises :class:`VariableError` in BuildKit's words."""
    planned: list[PlannedStage] = []
    for instruction in dockerfile.instructions:
        if instruction.name == "FROM":
            planned.append(_opened(instruction, planned, expanded))
        elif planned:
            planned[-1].instructions.append(instruction)
    for one in planned:
        one.shown = one.name or (f"stage-{one.index}" if len(planned) > 1 else "")
        for instruction in one.instructions:
            found = [source for name in origins(instruction) for source in _named(name, planned)]
            if found:
                one.sources[instruction.line] = found
    _check_circles(planned)
    return planned


def _opened(
    instruction: Instruction, planned: list[PlannedStage], expanded: Callable[[str], str]
) -> PlannedStage:
    name = instruction.stage_name
    base = expanded(instruction.words[0])
    if not base:
        raise VariableError(f"base name ({instruction.words[0]}) should not be blank")
    made = PlannedStage(len(planned), name, base, instruction, [])
    made.parent = next((one for one in reversed(planned) if one.name == base != ""), None)
    return made


def origins(instruction: Instruction) -> list[str]:
    """Stages or images that an instruction reads from, as they are written."""
    found = [instruction.flags["from"]] if instruction.flags.get("from") else []
    for flag, value in instruction.repeated:
        if flag == "mount":
            found += re.findall(r'(?:^|,)"?from=([^,"]+)', value, re.IGNORECASE)
    return found


def _named(name: str, planned: list[PlannedStage]) -> list[PlannedStage]:
    """The stage of a name (the last one) or number; [] for an image."""
    if name.isdigit():
        if int(name) >= len(planned):
            raise VariableError(f"invalid from flag value {name}: there is no such stage")
        return [planned[int(name)]]
    return [one for one in planned if one.name == name.lower()][-1:]


def _check_circles(planned: list[PlannedStage]) -> None:
    """Raise :class:`VariableError` for a stage that needs itself."""
    done: set[int] = set()
    open_now: set[int] = set()
    pending = [(one, False) for one in reversed(planned)]
    while pending:
        one, leaving = pending.pop()
        if leaving:
            open_now.discard(one.index)
            done.add(one.index)
        elif one.index in open_now:
            raise VariableError(f"circular dependency detected on stage: {one.name or one.index}")
        elif one.index not in done:
            open_now.add(one.index)
            pending.append((one, True))
            pending += [(needed, False) for needed in one.needs()]


def target_of(planned: list[PlannedStage], wanted: str | None) -> PlannedStage:
    """The stage to build. Raises :class:`VariableError`."""
    if not wanted:
        return planned[-1]
    for one in reversed(planned):
        if wanted.lower() == one.name:
            return one
    raise VariableError(f"target stage {wanted} could not be found")


def needed(target: PlannedStage) -> Iterable[PlannedStage]:
    """The stages that are built for ``target``, in the order of the file."""
    found: dict[int, PlannedStage] = {}
    pending = [target]
    while pending:
        one = pending.pop()
        if one.index not in found:
            found[one.index] = one
            pending += one.needs()
    return [found[index] for index in sorted(found)]
