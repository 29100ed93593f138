"""The submodules of a commit: what its .gitmodules file says of them (gitmodules(5))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dulwich.object_store import BaseObjectStore
from dulwich.objects import Blob

from .checkout import Entry
from .git_context import SourceError
from .git_program import GitProgram, GitProgramError

FILE = ".gitmodules"
# An agent takes all of them; these limits are of what never ends.
DEEPEST, MOST = 16, 256


@dataclass(frozen=True)
class Submodule:
    """A folder of a commit that holds a commit of another repository."""

    path: str
    url: str  # as the file has it
    commit: str


def submodules_of(
    program: GitProgram, objects: BaseObjectStore, entries: list[Entry]
) -> list[Submodule]:
    """The submodules that ``git submodule update --init`` would take, in the order of their paths.

    Raises :class:`SourceError` for one that has no URL, or settings that git refuses.
    """
    wanted = sorted((e for e in entries if e.is_submodule), key=lambda one: one.path)
    if not wanted:
        return []
    settings = _settings(program, objects, entries)
    found = []
    for entry in wanted:
        given = settings.get(entry.path, {})
        update = given.get("update", "checkout")
        if update == "none":
            continue
        if update not in ("checkout", "rebase", "merge"):
            raise SourceError(
                f"invalid value for 'update' of the submodule '{entry.path}' in {FILE}: {update}"
            )
        if not given.get("url"):
            raise SourceError(f"No url found for submodule path '{entry.path}' in {FILE}")
        found.append(Submodule(entry.path, given["url"], entry.sha.decode()))
    return found


def _settings(
    program: GitProgram, objects: BaseObjectStore, entries: list[Entry]
) -> dict[str, dict[str, str]]:
    """What the file says, by the submodules' paths."""
    file = next((one for one in entries if one.path == FILE and one.is_file), None)
    blob = objects[file.sha] if file is not None else None
    if not isinstance(blob, Blob):
        return {}
    words = ["config", "--file", "-", "--no-includes", "--null", "--list"]
    try:
        listed = program.run(words, blob.as_raw_string())
    except GitProgramError as error:
        raise SourceError(f"its file {FILE} cannot be read: {error}") from None
    named: dict[str, dict[str, str]] = {}
    for name, key, value in _variables(listed.decode(errors="surrogateescape")):
        # Both would be taken for something else: a way out of a folder, an option of git.
        if ".." not in name.split("/") and not value.startswith("-"):
            named.setdefault(name, {})[key] = value
    return {one["path"].rstrip("/"): one for one in named.values() if "path" in one}


def _variables(listed: str) -> Iterator[tuple[str, str, str]]:
    for line in listed.split("\0"):
        whole, _, value = line.partition("\n")
        section, _, rest = whole.partition(".")
        name, _, key = rest.rpartition(".")
        if section == "submodule" and name:
            yield name, key, value
