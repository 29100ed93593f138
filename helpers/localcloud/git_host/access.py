"""Which repository of the git host a caller may see: for its routes, and for the cloud's own services.

What another service needs of a repository it asks :func:`find`, inside the process, with the token
that it was given: it meets the rules of api.github.com and waits for nobody.
"""

from __future__ import annotations

from ..cloud import Cloud
from .authentication import authenticate
from .repositories import Repositories, Repository


class RepositoryNotFoundError(Exception):
    """There is no such repository, or it is private and the caller is nobody in particular."""


def find(cloud: Cloud, owner: str, name: str, token: str = "") -> Repository:
    """The repository that the bearer of ``token`` may read, and the bare folder that it is in.

    ``token`` '' is nobody in particular, who reads what is public; a valid one is the account's,
    which administers every repository. Raises :class:`.authentication.BadCredentialsError` for a
    token that is not valid, as GitHub does for public ones too, and RepositoryNotFoundError.
    """
    caller = authenticate(cloud, f"token {token}" if token else None)
    return visible(Repositories(cloud), owner, name.removesuffix(".git"), caller)


def visible(repositories: Repositories, owner: str, name: str, caller: str | None) -> Repository:
    """The repository, if ``caller`` may see it. Raises :class:`RepositoryNotFoundError`."""
    found = repositories.find(owner, name)
    if found is None or (found.private and caller is None):
        raise RepositoryNotFoundError(f"https://github.com/{owner}/{name}")
    return found
