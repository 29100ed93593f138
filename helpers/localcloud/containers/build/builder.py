"""Builds an image from a Dockerfile, with the log of Docker's classic builder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ...errors import CloudError, words_of
from ..errors import BuildError
from .build_context import ContextError
from .dockerfile import Instruction
from .instructions import apply
from .platforms import normal_platform
from .stage import Stage
from .state import PREDEFINED, SCRATCH, BuildState
from .variables import VariableError


@dataclass(frozen=True)
class BuiltStage:
    """A stage of a finished build: what it is based on (reference and digest)."""

    name: str
    reference: str
    digest: str


@dataclass(frozen=True)
class BuildResult:
    """``runtime`` is what the last stage begins with; ``buildtime`` are the other bases."""

    digest: str
    stages: tuple[BuiltStage, ...]
    runtime: BuiltStage | None = None
    buildtime: tuple[BuiltStage, ...] = field(default=())


class Build(BuildState):
    """One build on its way: the stages of a Dockerfile, one after the other."""

    # -- stages ------------------------------------------------------------------------------

    def run(self) -> BuildResult:
        """Build every stage that is needed. Raises :class:`BuildError`."""
        names = [one.stage_name for one in self.dockerfile.openings]
        if self.target and not any(self._is_target(name) for name in names):
            raise BuildError(
                f"failed to reach build target {self.target} in {self.dockerfile.name}"
            )
        total = len(self.dockerfile.instructions)
        arguments = self.given_predefined()
        stage: Stage | None = None
        for number, instruction in enumerate(self.dockerfile.instructions, 1):
            opens = instruction.name == "FROM"
            if opens and stage is not None and self._is_target(stage.name):
                break
            self.log(f"Step {number}/{total} : {instruction.text}")
            if opens:
                with self._guard(instruction):
                    stage = self._begin(instruction, arguments)
                self.log(f" ---> {stage.short_id}")
                self._triggers(stage, instruction, arguments)
            elif stage is None:
                with self._guard(instruction):
                    self.global_argument(instruction, arguments)
            else:
                self._step(stage, instruction, arguments)
        assert stage is not None
        return self._finish(stage)

    def _is_target(self, name: str) -> bool:
        """Whether the build ends with this stage: the classic builder knows names only."""
        return bool(self.target) and str(self.target).lower() == name.lower()

    @contextmanager
    def _guard(self, instruction: Instruction) -> Iterator[None]:
        """Errors of an instruction name the file and the line."""
        try:
            yield
        except (VariableError, ContextError) as error:
            raise self.dockerfile.error(instruction, str(error)) from None
        except BuildError:
            raise
        except (CloudError, OSError) as error:
            raise self.dockerfile.error(instruction, words_of(error)) from None

    def _begin(self, instruction: Instruction, arguments: Mapping[str, str]) -> Stage:
        base = self.expanded(instruction.words[0], arguments)
        name = instruction.stage_name
        if name and any(earlier.name == name for earlier in self.stages):
            raise VariableError(f"{name} stage name already used")
        platform = self._platform(instruction, arguments)
        if not base:
            raise VariableError(
                f"base name ({instruction.words[0]}) should not be blank: give its argument a value "
                "(--build-arg NAME=VALUE), or a default"
            )
        index = len(self.stages)
        earlier = next((s for s in self.stages if s.name and s.name == base.lower()), None)
        if earlier is not None:
            stage = Stage.after(name, index, earlier)
        elif base == SCRATCH:
            stage = Stage.begin(name, index, base, None)
        else:
            stage = Stage.begin(name, index, base, self.host.resolve(base, self.log))
            if platform and platform != stage.platform:
                self.log(
                    f"WARNING: the image {base} is for {stage.platform}, not for the requested "
                    f"{platform}: the local cloud has no other"
                )
        self.stages.append(stage)
        return stage

    def _platform(self, instruction: Instruction, arguments: Mapping[str, str]) -> str:
        """The platform that FROM asks for, as os/architecture; "" without one."""
        given = instruction.flags.get("platform", "")
        text = self.expanded(given, arguments)
        if given and not text:
            raise VariableError(
                f'failed to parse platform {text}: "{text}" is an invalid component of "{text}": '
                f"the value of {given} is empty (only BuildKit gives automatic platform arguments)"
            )
        return normal_platform(text) if text else ""

    def _triggers(
        self, stage: Stage, instruction: Instruction, arguments: Mapping[str, str]
    ) -> None:
        """ONBUILD of the base image: run now, as if they followed FROM."""
        triggers = self.triggers(stage)
        if triggers:
            self.log(f"# Executing {len(triggers)} build trigger{'s' * (len(triggers) > 1)}")
        for inner in triggers:
            self._step(stage, replace(inner, line=instruction.line), arguments)

    # -- instructions ------------------------------------------------------------------------

    def _step(self, stage: Stage, instruction: Instruction, arguments: Mapping[str, str]) -> None:
        with self._guard(instruction):
            if instruction.name == "ARG":
                self._argument(stage, instruction, arguments)
            else:
                apply(self, stage, instruction)
        self.log(f" ---> {stage.short_id}")

    def _argument(self, stage: Stage, instruction: Instruction, outer: Mapping[str, str]) -> None:
        for name, value in self.declared(instruction, self.variables(stage)).items():
            if value is not None:
                stage.arguments[name] = value
            elif name in outer:
                stage.arguments[name] = outer[name]
            else:
                stage.arguments.pop(name, None)
        self.metadata(stage, f"ARG {instruction.rest}")

    # -- the end -----------------------------------------------------------------------------

    def _finish(self, stage: Stage) -> BuildResult:
        if not stage.config["history"] and not stage.layers:
            raise BuildError("No image was generated. Is your Dockerfile empty?")
        unused = sorted(set(self.build_args) - self.used_args - PREDEFINED)
        if unused:
            self.log(f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed")
        image = self.images.commit(stage.finished(), stage.layers)
        self.log(f"Successfully built {image.id.removeprefix('sha256:')[:12]}")
        built = tuple(BuiltStage(s.name, s.base, s.base_digest) for s in self.stages)
        bases = [s for s in self.stages if s.base != SCRATCH and s.origin is None]
        origin = stage
        while origin.origin is not None:
            origin = self.stages[origin.origin]
        runtime = next((built[s.index] for s in bases if s is origin), None)
        others = tuple(built[s.index] for s in bases if s is not origin)
        return BuildResult(image.digest, built, runtime, others)
