"""``acr purge``: untag what is old, and delete the manifests that nothing needs any more.

Source of rules and output: acr-cli 0.19, cmd/acr/purge.go, cmd/repository/image_functions.go and
internal/worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ...media_types import INDEXES, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST
from ...timestamps import parse
from .acr_filters import Expression
from .acr_registry import NOT_FOUND, AcrError, AcrRegistry, Attributes
from .duration import parse_age

# Those that may have a subject, or children: they are looked into.
_OPENED = (OCI_MANIFEST, OCI_INDEX, OCI_ARTIFACT)
Log = Callable[[str], None]


@dataclass(frozen=True)
class Rules:
    """What of the repositories that match is purged."""

    ago: str
    keep: int = 0
    untagged: bool = False  # manifests, too
    tags: bool = True  # False: manifests alone
    dry_run: bool = False
    include_locked: bool = False
    concurrency: int = 1
    seconds: float = 60.0  # of one evaluation of a filter


class Purge:
    """One purge; ``tags`` and ``manifests`` count what was deleted, or would be."""

    def __init__(
        self,
        registry: AcrRegistry,
        rules: Rules,
        log: Log,
        cancelled: Callable[[], bool],
        *,
        now: datetime | None = None,
    ) -> None:
        self.tags = 0
        self.manifests = 0
        self._registry = registry
        self._rules = rules
        self._log = log
        self._cancelled = cancelled
        self._now = now or datetime.now(timezone.utc)

    def run(self, filters: dict[str, str]) -> None:
        """Purge each repository with the expression for its tags. Raises :class:`AcrError`.

        What was done before an error is done; it is counted by repository.
        """
        for repository, expression in filters.items():
            untagged: Counter[str] = Counter()
            tags = 0
            if self._rules.tags:
                try:
                    tags = self._purge_tags(repository, expression, untagged)
                except AcrError as error:
                    raise AcrError(f"failed to purge tags: {error}", error.status) from None
            if self._rules.untagged:
                try:
                    self.manifests += self._purge_manifests(repository, untagged)
                except AcrError as error:
                    raise AcrError(f"failed to purge manifests: {error}", error.status) from None
            self.tags += tags

    def _border(self) -> datetime:
        """What was last updated before this is old."""
        if not self._rules.ago:
            return self._now
        try:
            age, cut = parse_age(self._rules.ago)
        except ValueError as error:
            raise AcrError(str(error)) from None
        if cut:
            self._log(
                "Warning: ago value exceeds maximum duration of 150 years, capping to 150 years"
            )
        return self._now - age

    # -- tags ------------------------------------------------------------------------------------

    def _purge_tags(self, repository: str, text: str, untagged: Counter[str]) -> int:
        verb = "Would delete" if self._rules.dry_run else "Deleting"
        self._log(f"{verb} tags for repository: {repository}")
        border = self._border()
        expression = Expression(text, self._rules.seconds)
        deleted = kept = 0
        # All pages first: deleting while one turns them would be a race.
        try:
            pages = list(self._registry.tags(repository, newest_first=True))
        except AcrError as error:
            if error.status != NOT_FOUND:
                raise
            self._log(f"{repository} repository not found")
            return 0
        for page in pages:
            old = [tag for tag in page if self._may_go(tag, expression, border)]
            spared = min(self._rules.keep - kept, len(old))
            kept += spared
            gone = old[spared:]
            untagged.update(str(tag["digest"]) for tag in gone)
            deleted += self._delete(
                gone,
                lambda tag: f"{repository}:{tag['name']}",
                lambda tag: self._registry.delete_tag(repository, tag["name"]),
                lambda tag: self._registry.unlock(repository, f"_tags/{tag['name']}"),
            )
        return deleted

    def _may_go(self, tag: Attributes, expression: Expression, border: datetime) -> bool:
        if not expression.finds(str(tag["name"])):
            return False
        return _updated(tag) < border and (self._rules.include_locked or not is_locked(tag))

    # -- manifests -------------------------------------------------------------------------------

    def _purge_manifests(self, repository: str, untagged: Counter[str]) -> int:
        verb = "Would delete" if self._rules.dry_run else "Deleting"
        self._log(f"{verb} manifests for repository: {repository}")
        border = self._border()
        try:
            found = self._registry.manifests(repository)
        except AcrError as error:
            if error.status != NOT_FOUND:
                raise
            self._log(f"{repository} repository not found")
            return 0
        gone = self._dangling(repository, found, untagged, border)
        return self._delete(
            gone,
            lambda one: f"{repository}@{one['digest']}",
            lambda one: self._registry.delete_manifest(repository, one["digest"]),
            lambda one: self._registry.unlock(repository, f"_manifests/{one['digest']}"),
        )

    def _dangling(
        self,
        repository: str,
        found: list[Attributes],
        untagged: Counter[str],
        border: datetime,
    ) -> list[Attributes]:
        """Manifests without a tag, that no index which stays has, and that have no subject."""
        candidates: list[Attributes] = []
        indexes: list[str] = []  # that stay
        for one in found:
            if is_locked(one) and not self._rules.include_locked:
                # acr-cli forgets the children of an index that it skips here; they are needed.
                indexes += [one["digest"]] if one.get("mediaType") in INDEXES else []
                continue
            tags = len(one.get("tags") or [])
            # In a dry run, the tags that would be gone are still there.
            tagged = tags > untagged[one["digest"]] if self._rules.dry_run else tags > 0
            if tagged or _updated(one) >= border:
                indexes += [one["digest"]] if one.get("mediaType") in INDEXES else []
            else:
                candidates.append(one)
        opened = [one for one in candidates if one.get("mediaType") in _OPENED]
        contents = self._all(lambda one: self._registry.manifest(repository, one["digest"]), opened)
        kept = {one["digest"] for one in candidates if not one.get("mediaType")}
        for one, content in zip(opened, contents, strict=True):
            if content is None or (content.get("subject") or {}).get("digest"):
                kept.add(one["digest"])
                indexes += [one["digest"]] if one["mediaType"] in INDEXES else []
        kept |= self._below(repository, indexes)
        return [one for one in candidates if one["digest"] not in kept]

    def _below(self, repository: str, indexes: Iterable[str]) -> set[str]:
        """The manifests that these indexes have, at any depth."""
        found: set[str] = set()
        ahead = list(indexes)
        while ahead:
            contents = self._all(lambda one: self._registry.manifest(repository, one), ahead)
            ahead = []
            for content in contents:
                for child in (content or {}).get("manifests") or []:
                    digest = str(child.get("digest"))
                    if digest not in found and child.get("mediaType") in INDEXES:
                        ahead.append(digest)
                    found.add(digest)
        return found

    # -- many at a time --------------------------------------------------------------------------

    def _delete(
        self,
        items: list[Attributes],
        name: Callable[[Attributes], str],
        delete: Callable[[Attributes], None],
        unlock: Callable[[Attributes], None],
    ) -> int:
        """Delete them; how many are gone. Raises the first :class:`AcrError` when all were tried.

        In a dry run it says only which would be.
        """
        if self._rules.dry_run:
            for item in items:
                self._log(f"Would delete: {self._registry.server}/{name(item)}")
            return len(items)

        def one(item: Attributes) -> AcrError | None:
            if self._cancelled():
                return AcrError("canceled")
            shown = f"{self._registry.server}/{name(item)}"
            try:
                if is_locked(item):
                    unlock(item)
                delete(item)
            except AcrError as error:
                if error.status == NOT_FOUND:  # somebody was faster
                    self._log(f"Skipped {shown}, HTTP status: {error.status}")
                    return None
                self._log(f"Failed to delete {shown}, error: {error}")
                return error
            self._log(f"Deleted {shown}")
            return None

        errors = self._all(one, items)
        failed = [error for error in errors if error is not None]
        if failed:
            raise failed[0]
        return len(items)

    def _all(self, work: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        if not items:
            return []
        with ThreadPoolExecutor(self._rules.concurrency, thread_name_prefix="purge") as pool:
            return list(pool.map(work, items))


def is_locked(item: Attributes) -> bool:
    """Whether a tag or manifest may not be deleted: either lock is enough."""
    given = item.get("changeableAttributes") or {}
    return not given.get("deleteEnabled", True) or not given.get("writeEnabled", True)


def _updated(item: Attributes) -> datetime:
    """When a tag or manifest was last updated; now, so that it stays, where nobody knows."""
    try:
        return parse(str(item.get("lastUpdateTime") or ""))
    except ValueError:
        return datetime.now(timezone.utc) + timedelta(days=1)
