"""The part of a registry that a webhook is for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..reference import valid_repository, valid_tag


class InvalidScopeError(ValueError):
    """A text that names no part of a registry."""


@dataclass(frozen=True)
class Scope:
    """A repository and a tag of it, ``*`` for all of its tags; no repository for everything."""

    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read ``foo:*``, ``foo:bar``, ``foo`` (which is ``foo:latest``) or nothing: everything.

        Raises :class:`InvalidScopeError`. Source: az acr webhook create --help, ``--scope``.
        """
        repository, colon, tag = text.partition(":")
        tag = tag if colon else "latest"
        if text and not (valid_repository(repository) and (tag == "*" or valid_tag(tag))):
            raise InvalidScopeError(text)
        return cls(repository, tag)

    def covers(self, repository: str, tags: Collection[str]) -> bool:
        """Whether it is about a manifest of ``repository`` that has these tags."""
        if not self.repository:
            return True
        return self.repository == repository and (self.tag == "*" or self.tag in tags)
