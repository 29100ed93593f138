"""A git repository as the source of a run: what a context names, and what its submodules do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit


class SourceError(Exception):
    """The source cannot be had; the text says which part of it and what to check."""


@dataclass(frozen=True)
class GitContext:
    """The parts of ``https://github.com/OWNER/NAME.git#BRANCH:FOLDER``."""

    url: str
    # Branch, tag, commit, or a whole name (refs/pull/1/head); "" = the default branch.
    reference: str
    folder: str

    @classmethod
    def parse(cls, text: str) -> GitContext | None:
        """The parts, or None where ``text`` is no URL of a git repository.

        Raises :class:`SourceError` for a URL that cannot be read.
        """
        address, _, fragment = text.strip().partition("#")
        parts = _parts(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        if not (address.endswith(".git") or fragment or parts.hostname.lower() == "github.com"):
            return None
        reference, _, folder = fragment.partition(":")
        return cls(_secure(address, parts), reference, folder.strip("/"))

    def submodule(self, url: str, commit: str) -> GitContext:
        """The repository that ``url`` of a .gitmodules file means here, at a commit.

        A URL that begins with ``./`` or ``../`` counts from this repository's (gitsubmodules(7)).
        Raises :class:`SourceError` for what is no URL over HTTPS.
        """
        address = self._relative(url) if url.startswith(("./", "../")) else url
        parts = _parts(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(
                "a URL of another kind than https://HOST/OWNER/NAME.git is refused: an agent has "
                "no SSH key, and reads no folder of its machine as a repository"
            )
        return GitContext(_secure(address, parts), commit, "")

    def _relative(self, url: str) -> str:
        base = self.url
        while url.startswith(("./", "../")):
            first, _, url = url.partition("/")
            if first == "..":
                base = base.rpartition("/")[0]
                if "//" not in base:
                    raise SourceError("it leads out of the host of the repository that names it")
        return f"{base}/{url}".rstrip("/")

    @property
    def host(self) -> tuple[str, str]:
        """Scheme and host with its port: where a credential of this repository may go."""
        parts = urlsplit(self.url)
        return parts.scheme, parts.netloc.rpartition("@")[2].lower()

    @property
    def credential(self) -> tuple[str, str] | None:
        """User name and password of the URL, where it has any.

        A token alone may stand in either place; GitHub takes any user name beside it.
        """
        parts = urlsplit(self.url)
        secret = parts.password or ""
        if not secret:
            return None
        return unquote(parts.username or "") or "x-access-token", unquote(secret)

    @property
    def shown(self) -> str:
        """The URL without a user name or password in it."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    @property
    def name(self) -> str:
        """owner/name."""
        return urlsplit(self.url).path.strip("/").removesuffix(".git")


def _secure(address: str, parts: SplitResult) -> str:
    """The address, without a slash at its end; by HTTPS on GitHub, which sends http there."""
    if (parts.hostname or "").lower() == "github.com":
        address = urlunsplit(("https", *parts[1:]))
    return address.rstrip("/")


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        assert parts.port is None or parts.port >= 0  # reading it checks it
    except ValueError as error:
        # Neither what may be a password in it, nor what was taken for a port and may be one.
        shown, why = re.sub("//.*@", "//***@", address), str(error).partition(" as ")[0]
        raise SourceError(f"the source '{shown}' is no URL: {why}") from None
    return parts
