"""The volumes of a container group: folders of this machine that its containers share."""

from __future__ import annotations

import base64
import re
import resource
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..cloud import Cloud
from ..containers.errors import SandboxError
from ..git_environment import environment
from ..git_host import access
from ..git_host.authentication import BadCredentialsError
from ..root_folder import RootFolder

_REPOSITORY = re.compile(r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(\.git)?/?")
_HOST = "github.com"
_MEMORY = 1 << 30  # bytes that git may have
_PATIENCE = 300.0  # seconds for a clone


def fill(cloud: Cloud, folder: Path, volume: dict[str, Any], secrets: Mapping[str, str]) -> None:
    """An empty directory, a clone, or a file for each secret: whoever a container runs as may use it.

    ``secrets`` are those of vaults, by the names of their references: a file has the value as the
    vault has it. Above it is a folder of this user alone. Raises :class:`SandboxError` for a clone
    that fails.
    """
    own, referred = volume.get("secret") or {}, volume.get("secretReference") or {}
    folder.mkdir(mode=0o755)
    folder.chmod(0o755 if own or referred else 0o777)
    with RootFolder(folder) as opened:
        for key, value in own.items():
            opened.write(key, base64.b64decode(value), 0o644)
        for key, name in referred.items():
            opened.write(key, secrets[name].encode(), 0o644)
    if volume.get("gitRepo"):
        _clone(cloud, folder, volume["name"], volume["gitRepo"])


def clonable(url: str) -> bool:
    """Whether this cloud can have the repository of a git volume: at its own git host."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and (parts.hostname or "").lower() == _HOST
            and parts.port in (None, 443)
            and _REPOSITORY.fullmatch(parts.path) is not None
        )
    except ValueError:
        return False


def without_secret(url: str) -> str:
    """The URL of a repository as it is shown: without user name, password or token."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _clone(cloud: Cloud, folder: Path, volume: str, git: dict[str, Any]) -> None:
    """As Kubernetes does it: git clone, and git checkout of a revision (gitRepo volumes)."""
    parts = urlsplit(git["repository"])
    found = _REPOSITORY.fullmatch(parts.path)
    assert found is not None
    shown = f"https://{_HOST}/{found['owner']}/{found['name']}"
    try:
        source = access.find(cloud, found["owner"], found["name"], _secret(parts))
    except (access.RepositoryNotFoundError, BadCredentialsError):
        raise SandboxError(
            f"the volume '{volume}' could not be made: the repository {shown} was not found. A "
            "private one is read with https://TOKEN@github.com/OWNER/NAME"
        ) from None
    directory = git.get("directory") or found["name"]
    target = (folder / directory).resolve()
    run = _Git(folder.parent / f"{volume}.home", volume, shown)
    run(["clone", "--quiet", "--no-local", "--", str(source.path.absolute()), str(target)])
    run(["-C", str(target), "remote", "set-url", "origin", shown])
    if git.get("revision"):
        run(["-C", str(target), "checkout", "--quiet", str(git["revision"]), "--"])


def _secret(parts: SplitResult) -> str:
    return unquote(parts.password or parts.username or "")


class _Git:
    """Runs git without anybody's configuration, and with an end to its time and memory."""

    def __init__(self, home: Path, volume: str, shown: str) -> None:
        home.mkdir(mode=0o700)
        self._volume, self._shown = volume, shown
        self._environment = environment(home, "file")

    def __call__(self, words: list[str]) -> None:
        """Run it. Raises :class:`SandboxError` with its last line."""
        try:
            process = subprocess.Popen(
                [
                    "git",
                    "-c",
                    "advice.detachedHead=false",
                    "-c",
                    "core.hooksPath=/dev/null",
                    *words,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=self._environment,
                umask=0o022,
            )
        except OSError:
            raise SandboxError(
                f"the volume '{self._volume}' needs the program git, which this machine has not got"
            ) from None
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        try:
            _, complaint = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            complaint = f"it took longer than {_PATIENCE:g} s".encode()
        if process.returncode != 0:
            lines = complaint.decode(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"git ended with status {process.returncode}"
            raise SandboxError(
                f"the volume '{self._volume}' could not be made of {self._shown}: {why}"
            )
