"""What the instructions of a build by BuildKit share while they are planned, and then done."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..images.images import Descriptor
from .build_context import BuildContext
from .copying import Copy, Source
from .dockerfile import Instruction
from .plan import Act, Operation, PlannedStage
from .progress import Progress
from .registry_cache import RegistryCache
from .resources import NOTHING, Resources
from .stage import CREATED, Stage
from .state import PREDEFINED, SCRATCH, BuildState


@dataclass
class BuildKitState(BuildState):
    """``text`` is the Dockerfile's, ``current`` the stage that is being planned."""

    progress: Progress = field(default_factory=lambda: Progress(silent))
    resources: Resources = NOTHING
    text: str = ""
    kept: RegistryCache | None = None  # where what it knows of steps is kept besides
    current: PlannedStage | None = None

    def variables(self, stage: Stage) -> Mapping[str, str]:
        """What instructions may refer to: of an ARG and an ENV the later one wins."""
        return ChainMap(stage.arguments, stage.environment)

    def run_environment(self, stage: Stage) -> dict[str, str]:
        """What a RUN sees: a proxy that was given in both spellings, too."""
        given = {}
        for name in PREDEFINED:
            for spelling in (name.upper(), name.lower()):
                if spelling in self.build_args:
                    given[name] = self.build_args[spelling]
        return {**given, **self.variables(stage)}

    def metadata(self, stage: Stage, created_by: str) -> None:  # noqa: ARG002 - the current one's
        """An instruction that changes the configuration only."""
        assert self.current is not None
        self.current.history.append(
            {
                "created": CREATED,
                "created_by": created_by,
                "comment": "buildkit.dockerfile.v0",
                "empty_layer": True,
            }
        )

    def add(self, one: PlannedStage, instruction: Instruction, created_by: str, act: Act) -> None:
        entry = {
            "created": CREATED,
            "created_by": f"{created_by} # buildkit",
            "comment": "buildkit.dockerfile.v0",
        }
        one.history.append(entry)
        sources = one.sources.get(instruction.line, [])
        one.operations.append(Operation(instruction.text, instruction, act, entry, sources))

    def copying(
        self, stage: Stage, lowers: list[Path], working_dir: str, owner: str = "", mode: str = ""
    ) -> Copy:
        owners = self.images.owners(stage.layers)
        return Copy(lowers, working_dir, owners, owner=owner, mode=mode, frontend=self.frontend)

    def origin(self, one: PlannedStage, instruction: Instruction, name: str) -> Source:
        """The files of ``--from`` or ``from=``: another stage, a named context, or an image."""
        if not name:
            return self.context
        for source in one.sources.get(instruction.line, []):
            if name.lower() == source.name or name == str(source.index):
                return self.tree(self.images.unpacked(source.seen_by(one)))
        given = self.resources.contexts.get(name, name)
        if not isinstance(given, str):
            return BuildContext(given)
        if name == SCRATCH:
            return self.tree([])
        return self.tree(self.images.lowers(self.host.resolve(given, silent)))

    def known(
        self, layer: Descriptor | None, stage: Stage, instruction: Instruction
    ) -> tuple[Descriptor | None, bool]:
        key = self.cache.key("copy", stage.chain, instruction.name, layer and layer["digest"])
        return layer, self.seen(key, layer)


def silent(_line: str) -> None:
    """What a pull tells has no place in this log."""
