"""RUN as BuildKit does it: with mounts, which are made when it runs and gone afterwards."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from ...root_folder import remove_tree
from ..errors import BuildError
from ..images.images import Descriptor
from ..images.layers import Entry
from ..sandboxes.container import Mount
from ..sandboxes.root_file_system import RootFileSystem
from .buildkit_state import BuildKitState
from .cache_mounts import CacheMounts
from .copying import Copy
from .dockerfile import Instruction
from .progress import Vertex
from .run_mounts import RunMount, parse_mount
from .running import command_line, execute
from .stage import Stage
from .variables import VariableError

HOSTNAME = "buildkitsandbox"
_ENGINES = ("proc", "dev", "sys")
_SHEBANG = "#!"


class RunInstruction:
    """One RUN, read and checked; :meth:`act` does it. Raises :class:`VariableError`."""

    def __init__(self, build: BuildKitState, stage: Stage, instruction: Instruction) -> None:
        self._build = build
        self._stage = stage
        self._then = stage.snapshot()
        self._instruction = instruction
        assert build.current is not None
        self._planned = build.current
        variables = build.variables(stage)
        self._mounts = [
            parse_mount(text, lambda word: build.expanded(word, variables), build.frontend)
            for flag, text in instruction.repeated
            if flag == "mount"
        ]
        self._places = [mount.place(stage.working_dir) for mount in self._mounts]
        self._network = self._checked_network()
        if instruction.flags.get("security", "sandbox") != "sandbox":
            kind = instruction.flags["security"]
            if kind != "insecure":
                raise VariableError(f'security "{kind}" is not valid')
            raise VariableError("security.insecure is not allowed")
        self._argv, self._script = _command(stage, instruction)
        if not self._argv or any("\0" in word for word in self._argv):
            raise VariableError("there is no command to run, or it holds a zero byte")
        self._environment = build.run_environment(stage)
        self.shown = "RUN " + " ".join(self._argv)

    def _checked_network(self) -> str:
        given = self._instruction.flags.get("network", "default")
        if given not in ("default", "none", "host"):
            raise VariableError(f'unsupported network mode: "{given}"')
        if given == "host":
            raise VariableError("network.host is not allowed")
        return given

    # -- doing it --------------------------------------------------------------------------------

    def act(self, vertex: Vertex) -> tuple[Descriptor | None, bool]:
        """Run it, or take its layer from the cache: the layer, and whether it was known."""
        build = self._build
        secrets = self._secrets()
        bound = [self._copied(mount) if mount.type == "bind" else None for mount in self._mounts]
        key = self._key(bound)
        known, layer = build.remembered(key)
        if known:
            return layer, True
        scratch = Path(tempfile.mkdtemp(prefix="build-", dir=build.cloud.scratch))
        try:
            with ExitStack() as stack:
                mounts = self._made(scratch, secrets, bound, stack)
                environment = dict(self._environment)
                for mount in self._mounts:
                    if mount.variable and mount.secret_id in secrets:
                        value = secrets[mount.secret_id].decode(errors="surrogateescape")
                        environment[mount.variable] = value
                status, layer = execute(
                    *(build, self._then, self._argv, environment, scratch / "upper"),
                    vertex.output,
                    network=self._network,
                    mounts=mounts,
                    hostname=HOSTNAME,
                    more=lambda root: self._left(root, mounts),
                )
        finally:
            remove_tree(scratch)
        if status != 0:
            words = " ".join(self._argv)
            raise BuildError(f"executor failed running [{words}]: exit code: {status}", status)
        build.cache.put(key, layer)
        return layer, False

    def _key(self, bound: Sequence[Copy | None]) -> str:
        """What decides about its layer: never the value of a secret, nor what a cache holds."""
        build = self._build
        read = []
        for mount, copy in zip(self._mounts, bound, strict=True):
            stored = build.store(copy.entries) if copy is not None else None
            read.append([repr(mount), stored["digest"] if stored else ""])
        return build.cache.key(
            "run",
            self._stage.chain,
            json.dumps([self._argv, self._script, self._network, read]),
            json.dumps(self._environment, sort_keys=True),
            self._then.working_dir,
            self._then.settings.get("User") or "",
        )

    def _secrets(self) -> dict[str, bytes]:
        """The secrets that it mounts and that were given."""
        found = {}
        for mount in self._mounts:
            if mount.type == "ssh" and mount.required:
                raise VariableError(f"unset ssh forward key {mount.secret_id}")
            if mount.type == "secret":
                value = self._build.resources.secrets.get(mount.secret_id)
                if value is not None:
                    found[mount.secret_id] = value
                elif mount.required:
                    raise VariableError(f"secret {mount.secret_id} not found: not found")
        return found

    def _made(
        self,
        scratch: Path,
        secrets: dict[str, bytes],
        bound: Sequence[Copy | None],
        stack: ExitStack,
    ) -> list[Mount]:
        """The mounts, outer ones first."""
        made: list[Mount] = []
        if self._script:
            file = scratch / "script"
            file.write_text(self._script)
            file.chmod(0o755)
            made.append(Mount(file, self._argv[0], read_only=True))
        each = zip(self._mounts, self._places, bound, strict=True)
        for number, (mount, place, copy) in enumerate(each):
            folder = scratch / f"mount-{number}"
            if mount.type == "secret":
                if mount.secret_id in secrets and place:
                    folder.touch(mode=0o600)
                    folder.write_bytes(secrets[mount.secret_id])
                    folder.chmod(mount.mode if mount.mode is not None else 0o400)
                    made.append(Mount(folder, place, read_only=True))
            elif mount.type == "tmpfs":
                folder.mkdir(mode=0o755)
                made.append(Mount(folder, place, mount.read_only, mount.size))
            elif mount.type == "cache":
                made.append(Mount(self._cache(mount, place, stack), place, mount.read_only))
            elif copy is not None:
                copy.write(folder)
                made.append(Mount(folder, place, read_only=mount.read_only))
        return sorted(made, key=lambda one: len(PurePosixPath(one.target).parts))

    def _cache(self, mount: RunMount, place: str, stack: ExitStack) -> Path:
        filled = self._copied(mount) if mount.origin else None
        host = self._build.host
        caches = CacheMounts(
            self._build.cloud, host.check, scope=host.scope, alone=host.copies_mounts()
        )
        return stack.enter_context(caches.taken(mount, mount.id or place, filled))

    def _copied(self, mount: RunMount) -> Copy:
        """What a bind mount shows, as it is in the context, a stage or an image."""
        build = self._build
        origin = build.origin(self._planned, self._instruction, mount.origin)
        copy = build.copying(self._stage, [], "/")
        copy.add_tree(origin, mount.source)
        return copy

    def _left(self, root: RootFileSystem, mounts: list[Mount]) -> list[Entry]:
        """The directories that were made to mount on: they stay in the layer, files do not."""
        entries: dict[PurePosixPath, Entry] = {}
        targets = [str(root.resolve(mount.target)) for mount in mounts]
        for mount, target in zip(mounts, targets, strict=True):
            place = PurePosixPath(target)
            is_folder = isinstance(mount.source, Path) and mount.source.is_dir()
            for folder in [*reversed(place.parents), *([place] if is_folder else [])][1:]:
                inside = any(
                    folder.is_relative_to(other) and str(folder) != other for other in targets
                )
                if inside or folder.parts[1] in _ENGINES or root.find(str(folder)) is not None:
                    continue
                path = folder.relative_to("/")
                entries[path] = Entry(path, 0o755, "directory")
        return list(entries.values())


def _command(stage: Stage, instruction: Instruction) -> tuple[list[str], str]:
    """The command, and the script that it names.

    A here-document that begins with ``#!`` is a program, at the place where BuildKit puts it.
    """
    if instruction.json or not instruction.here_documents:
        return command_line(stage, instruction), ""
    first = instruction.here_documents[0]
    if re.fullmatch(r"""<<-?["']?[^\s<"']+["']?""", instruction.rest.strip()):
        text = first.content
        if text.startswith(_SHEBANG):
            return [f"/dev/pipes/{first.name}"], text
    else:
        bodies = "".join(f"{d.content}{d.name}\n" for d in instruction.here_documents)
        text = f"{instruction.rest}\n{bodies}"
    return [*stage.shell, text], ""
