"""COPY, ADD and WORKDIR as BuildKit does them: read and checked first, done when all is read."""

from __future__ import annotations

from ..images.images import Descriptor
from ..sandboxes.root_file_system import RootFileSystem
from .build_context import ContextError
from .buildkit_state import BuildKitState
from .copying import Copy
from .dockerfile import Instruction
from .paths import absolute
from .plan import PlannedStage
from .progress import Vertex
from .stage import Stage
from .variables import VariableError, expand


def working_dir(
    build: BuildKitState, one: PlannedStage, stage: Stage, instruction: Instruction
) -> None:
    path = build.expanded(instruction.words[0], build.variables(stage))
    whole = absolute(stage.working_dir, path)
    # Until 1.6 an absolute path is kept as it was written.
    kept = path.startswith("/") and not build.frontend.has(1, 6)
    stage.set("WorkingDir", path if kept else whole)
    then = stage.snapshot()

    def act(_vertex: Vertex) -> tuple[Descriptor | None, bool]:
        lowers = build.images.unpacked(stage.layers)
        root = RootFileSystem(lowers)
        existing = root.find(whole) if lowers else None
        if existing is not None and existing.is_dir():
            return None, False
        if existing is not None:
            raise ContextError(f"mkdir {whole}: not a directory")
        copy = build.copying(stage, lowers, "/", then.settings.get("User") or "")
        copy.make_directory(whole)
        return build.store(copy.entries), False

    build.add(one, instruction, f"WORKDIR {path}", act)


def copy_files(
    build: BuildKitState, one: PlannedStage, stage: Stage, instruction: Instruction
) -> None:
    words = instruction.words
    variables = build.variables(stage)
    documents = {document.name: document for document in instruction.here_documents}
    texts: list[tuple[str, str]] = []
    plain: list[str] = []
    for word in words[:-1]:
        name = word.removeprefix("<<").removeprefix("-").strip("\"'")
        if word.startswith("<<") and name in documents:
            text = documents[name].content
            if documents[name].expand:
                text = expand(
                    text, variables, build.dockerfile.escape, build.frontend, keep_quotes=True
                )
            texts.append((name, text))
            continue
        source = build.expanded(word, variables)
        if instruction.name == "ADD" and source.startswith(("http://", "https://", "git@")):
            raise VariableError(
                f"the local cloud cannot fetch {source}: nothing leaves this machine. Put the "
                "file into the build context"
            )
        plain.append(source)
    destination = build.expanded(words[-1], variables)
    flags = {n: build.expanded(t, variables) for n, t in instruction.flags.items()}
    mode = flags.get("chmod", "")
    if not build.frontend.has(1, 10):
        mode = instruction.flags.get("chmod", "")
    Copy.check_mode(mode, build.frontend)
    then = stage.snapshot()
    excluded = [
        build.expanded(value, variables)
        for flag, value in instruction.repeated
        if flag == "exclude"
    ]

    def act(_vertex: Vertex) -> tuple[Descriptor | None, bool]:
        # What --link copies knows nothing of the layers below.
        linked = flags.get("link") == "true"
        lowers = [] if linked else build.images.unpacked(stage.layers)
        copy = build.copying(stage, lowers, then.working_dir, flags.get("chown", ""), mode)
        for name, text in texts:
            copy.add_text(name, text, destination)
        unpacks = instruction.name == "ADD" and flags.get("unpack") != "false"
        with build.unpacking(wanted=unpacks) as unpack_in:
            if plain:
                copy.add(
                    build.origin(one, instruction, flags.get("from", "")),
                    plain,
                    destination,
                    unpack_in=unpack_in,
                    parents=flags.get("parents") == "true",
                    exclude=excluded,
                )
            return build.known(build.store(copy.entries), stage, instruction)

    shown = f"{instruction.name} {' '.join([*words[:-1], destination])}"
    build.add(one, instruction, shown, act)
