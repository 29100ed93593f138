"""Builds an image as BuildKit does: first everything is read and checked, then what is needed is done.

Source: moby/buildkit, frontend/dockerfile; Dockerfile reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...cloud import Cloud
from ...errors import CloudError, words_of
from ...reference import Reference
from ..errors import BuildError
from ..images.images import Image
from .build_context import BuildContext, ContextError
from .builder import BuildResult, BuiltStage
from .buildkit_state import BuildKitState, silent
from .dockerfile import Instruction, parse
from .file_instructions import copy_files, working_dir
from .frontend import Frontend
from .instructions import apply
from .plan import COUNTED, PlannedStage, needed, stages_of, target_of
from .platforms import PLATFORM_ARGUMENTS, normal_platform
from .progress import Progress, Vertex
from .registry_cache import RegistryCache
from .resources import Resources
from .run_instruction import RunInstruction
from .stage import Stage
from .state import SCRATCH, Host, Log
from .variables import VariableError

LLB = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "
_METADATA = frozenset(
    ("ENV", "LABEL", "MAINTAINER", "CMD", "ENTRYPOINT", "SHELL", "USER", "STOPSIGNAL", "EXPOSE")
) | {"VOLUME", "HEALTHCHECK", "ONBUILD"}


class BuildKit(BuildKitState):
    """One build on its way."""

    def run(self) -> tuple[BuildResult, Vertex]:
        """Build the target: the image, and the step of the log that exports it.

        Raises :class:`BuildError` in BuildKit's words.
        """
        try:
            self._plan()
        except (VariableError, ContextError) as error:
            raise BuildError(LLB + str(error)) from None
        if self.kept is not None:
            self.cache.imported = self.kept.load(self.progress)
        self._load_context()
        self._build(self._target)
        return self._finish(self._target)

    # -- reading and checking --------------------------------------------------------------------

    def _plan(self) -> None:
        """Read everything: raises VariableError and BuildError before anything is run."""
        self._arguments = {
            name: self.build_args.get(name, value) for name, value in PLATFORM_ARGUMENTS.items()
        }
        for instruction in self.dockerfile.instructions:
            if instruction.name == "FROM":
                break
            self.global_argument(instruction, self._arguments)
        planned = stages_of(self.dockerfile, lambda word: self.expanded(word, self._arguments))
        self._planned = planned
        self._target = target_of(planned, self.target)
        self._arguments["TARGETSTAGE"] = self._target.name or "default"
        wanted = list(needed(self._target))
        images = self._metadata_of(wanted)
        for one in wanted:
            self._begin(one, images)
            for instruction in [*one.triggers, *one.instructions]:
                self._dispatch(one, instruction)

    def _metadata_of(self, wanted: list[PlannedStage]) -> dict[str, Image]:
        """The base images of the stages, by the name that FROM has."""
        images: dict[str, Image] = {}
        for one in wanted:
            platform = self.expanded(one.opening.flags.get("platform", ""), self._arguments)
            if platform and normal_platform(platform) != "linux/amd64":
                raise VariableError(
                    f"the local cloud builds for linux/amd64 only, not for {platform}"
                )
            if one.parent is not None or one.base == SCRATCH or one.base in images:
                continue
            name = self._image_name(one.base)
            vertex = self.progress.begin(f"[internal] load metadata for {name}")
            try:
                images[one.base] = self.host.resolve(self._named_context(one.base), silent)
            except (CloudError, OSError) as error:
                vertex.failed(words_of(error))
                self._excerpt(one.opening)
                raise BuildError(LLB + f"{name}: {words_of(error)}") from None
            vertex.done()
        return images

    def _named_context(self, name: str) -> str:
        given = self.resources.contexts.get(name, name)
        if not isinstance(given, str):
            raise VariableError(
                f"the context {name} is a folder: the local cloud takes an image for FROM "
                f"(--build-context {name}=docker-image://IMAGE)"
            )
        return given

    @staticmethod
    def _image_name(name: str) -> str:
        try:
            return str(Reference.parse(name))
        except ValueError:
            return name

    def _begin(self, one: PlannedStage, images: Mapping[str, Image]) -> None:
        if one.parent is not None:
            parent = one.parent.stage
            assert parent is not None
            one.stage = Stage.after(one.name, one.index, parent)
        elif one.base == SCRATCH:
            one.stage = Stage.begin(one.name, one.index, one.base, None)
            one.stage.set("WorkingDir", "/")
        else:
            one.stage = Stage.begin(one.name, one.index, one.base, images[one.base])
        one.first_layers = one.parent.first_layers if one.parent else list(one.stage.layers)
        one.history = one.parent.history.copy() if one.parent else list(one.stage.config["history"])
        one.triggers = self.triggers(one.stage)
        every = [*one.triggers, *one.instructions]
        one.total = sum(instruction.name in COUNTED for instruction in every)
        if one.parent is None and one.base != SCRATCH:
            one.total += 1

    def _dispatch(self, one: PlannedStage, instruction: Instruction) -> None:
        stage = one.stage
        assert stage is not None
        self.current = one
        try:
            if instruction.name == "ARG":
                self._argument(stage, instruction)
            elif instruction.name in _METADATA:
                apply(self, stage, instruction)
                if instruction.name == "ENV":
                    variables = self.variables(stage)
                    names = {self.expanded(name, variables) for name in instruction.words[::2]}
                    for name in names:
                        stage.arguments.pop(name, None)
            elif instruction.name == "WORKDIR":
                working_dir(self, one, stage, instruction)
            elif instruction.name == "RUN":
                run = RunInstruction(self, stage, instruction)
                self.add(one, instruction, run.shown, run.act)
            else:
                copy_files(self, one, stage, instruction)
        except (VariableError, ContextError, BuildError) as error:
            self._excerpt(instruction)
            raise BuildError(LLB + words_of(error)) from None

    def _argument(self, stage: Stage, instruction: Instruction) -> None:
        for name, value in self.declared(instruction, self.variables(stage)).items():
            if value is not None:
                stage.arguments[name] = value
            elif name in self._arguments:
                stage.arguments[name] = self._arguments[name]
        self.metadata(stage, f"ARG {instruction.rest}")

    # -- doing it --------------------------------------------------------------------------------

    def _load_context(self) -> None:
        reads = [
            operation
            for one in needed(self._target)
            for operation in one.operations
            if operation.instruction.name in ("COPY", "ADD") and not operation.sources
        ]
        if reads:
            self.progress.done(
                "[internal] load build context", f"transferring context: {self.context.size}B done"
            )

    def _build(self, target: PlannedStage) -> None:
        """Do what the stage and those before it need, each once."""
        pending = [target]
        while pending:
            one = pending[-1]
            # What comes later in the file is not there yet: see PlannedStage.seen_by.
            missing = [its for its in one.needs() if not its.built and its.index < one.index]
            if missing:
                pending += missing
                continue
            pending.pop()
            if not one.built:
                self._build_one(one)
                one.built = True

    def _build_one(self, one: PlannedStage) -> None:
        stage = one.stage
        assert stage is not None
        if one.parent is not None:
            assert one.parent.stage is not None
            stage.layers[:] = one.parent.stage.layers
            stage.config["rootfs"]["diff_ids"] = [layer["digest"] for layer in stage.layers]
        elif one.base != SCRATCH:
            self.progress.done(one.prefix(f"FROM {self._image_name(one.base)}"))
        for operation in one.operations:
            vertex = self.progress.begin(one.prefix(operation.name))
            try:
                layer, known = operation.act(vertex)
            except (VariableError, ContextError, CloudError, OSError) as error:
                message = words_of(error)
                vertex.failed(message)
                self._excerpt(operation.instruction)
                status = error.exit_status if isinstance(error, BuildError) else 1
                raise BuildError(message, status) from None
            if layer is None:
                operation.history["empty_layer"] = True
            else:
                stage.layers.append(layer)
                stage.config["rootfs"]["diff_ids"].append(layer["digest"])
            if known:
                vertex.cached()
            else:
                vertex.done()

    def _excerpt(self, instruction: Instruction) -> None:
        last = max(instruction.line, instruction.end)
        self.progress.excerpt(self.dockerfile.name, self.text.splitlines(), instruction.line, last)

    def _finish(self, one: PlannedStage) -> tuple[BuildResult, Vertex]:
        stage = one.stage
        assert stage is not None
        stage.config["history"] = one.history
        vertex = self.progress.begin("exporting to image")
        vertex.tell("exporting layers done")
        image = self.images.commit(stage.finished(), stage.layers)
        vertex.tell(f"writing image {image.id} done")
        built = {
            known.index: BuiltStage(known.name, known.stage.base, known.stage.base_digest)
            for known in self._planned
            if known.stage is not None
        }
        first = one
        while first.parent is not None:
            first = first.parent
        bases = [
            known
            for known in self._planned
            if known.stage is not None and known.parent is None and known.base != SCRATCH
        ]
        runtime = built[first.index] if first in bases else None
        others = tuple(built[known.index] for known in bases if known is not first)
        return BuildResult(image.digest, tuple(built.values()), runtime, others), vertex


def build_by_buildkit(  # noqa: PLR0913, PLR0917 (the options of docker build)
    text: str,
    name: str,
    frontend: Frontend,
    resources: Resources,
    cloud: Cloud,
    host: Host,
    context: BuildContext,
    log: Log,
    build_args: Mapping[str, str],
    no_cache: bool,
    target: str | None,
    names: Sequence[tuple[str, Callable[[str], None]]],
    kept: RegistryCache | None = None,
) -> BuildResult:
    """Build an image; ``names`` are those to give it, each with how. Raises :class:`BuildError`."""
    progress = Progress(log)
    told = "[internal] load build definition from " + name.rpartition("/")[2]
    progress.done(told, f"transferring dockerfile: {len(text.encode())}B done")
    progress.done("[internal] load .dockerignore", "transferring context: 2B done")
    try:
        parsed = parse(text, name, frontend)
    except BuildError as error:
        raise BuildError(LLB + error.message) from None
    build = BuildKit(
        *(cloud, host, parsed, context, log, build_args, no_cache, target),
        progress=progress,
        resources=resources,
        text=text,
        kept=kept,
    )
    result, vertex = build.run()
    for shown, give in names:
        give(result.digest)
        vertex.tell(f"naming to {shown} done")
    vertex.done()
    if kept is not None:
        kept.save(build.cache.used, progress)
    return result
