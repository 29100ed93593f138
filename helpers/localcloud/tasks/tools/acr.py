"""``acr`` in a task step: a stand-in for acr-cli, the tool that purges registries.

It works under what the run is logged in with, as there: the registry of the run, or one that the
task has a credential for. Source of options and texts: acr-cli 0.19, cmd/acr.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable

import requests

from ...reference import login_server
from ...registry.credentials import Credential
from ...registry.tokens import sendable
from ..errors import UsageError
from . import ToolContext
from .acr_filters import FilterError, by_repository
from .acr_registry import PAGE, AcrError, AcrRegistry
from .arguments import Parser, stand_in
from .purge import Purge, Rules

MOST = 32  # requests at a time, what acr-cli takes
_DRY_RUN = (
    "DRY RUN: The following output shows what WOULD be deleted if the purge command was executed. "
    "Nothing is deleted."
)
_ELSEWHERE = ("annotate", "cssc", "login", "logout")  # what acr-cli has besides


def run(arguments: list[str], context: ToolContext) -> int:
    """Run one acr command; returns its exit status."""
    words = arguments[:2] if arguments[:1] in (["tag"], ["manifest"]) else arguments[:1]
    name = " ".join(words)
    command = _COMMANDS.get(name)
    if command is None:
        there = "works on Azure only" if name in _ELSEWHERE else f'unknown command "{name}"'
        context.tell(f"Error: {there} for acr in the local cloud. It has: " + ", ".join(_COMMANDS))
        return 1
    try:
        return command(arguments[len(words) :], context)
    except (UsageError, AcrError, FilterError) as error:
        context.tell(f"Error: {error}")
    except requests.RequestException as error:
        context.tell(f"Error: the request failed: {error}")
    return 1


def _parse(name: str, words: list[str], define: Callable[[Parser], None]) -> Namespace:
    parser = Parser(f"acr {name}")
    parser.add_argument("-r", "--registry", default="")
    parser.add_argument("-u", "--username", default="")
    parser.add_argument("-p", "--password", default="")
    parser.add_argument("-c", "--config", action="append")
    define(parser)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        raise UsageError(stand_in(f"acr {name}", f"unknown flag: {unknown[0]}"))
    if options.config:
        raise UsageError("--config: the local cloud reads the logins of the run alone")
    return options


def _registry(options: Namespace, context: ToolContext) -> AcrRegistry:
    """The registry that is named, or that of the run, under the login that there is for it."""
    name = options.registry or context.environment.get("ACR_DEFAULT_REGISTRY") or context.registry
    if not name:
        raise AcrError("unable to determine registry name, please use --registry flag")
    server = name.lower() if "." in name else login_server(name)
    credential = context.session.credential(server)
    if options.password:
        credential = Credential(options.username, options.password)
    if credential is None:
        raise AcrError("unable to resolve authentication, missing identity token or password")
    return AcrRegistry(context.cloud, server, sendable(context.cloud, credential))


# -- purge ---------------------------------------------------------------------------------------


def _purge(words: list[str], context: ToolContext) -> int:
    options = _purge_options(words)
    registry = _registry(options, context)
    found = by_repository(
        options.filter or [".*:.*"],
        lambda: registry.repositories(options.repository_page_size),
        options.filter_timeout_seconds,
    )
    if options.dry_run:
        context.log(_DRY_RUN)
    rules = Rules(
        ago=options.ago,
        keep=max(0, options.keep),
        untagged=options.untagged or options.untagged_only,
        tags=not options.untagged_only,
        dry_run=options.dry_run,
        include_locked=options.include_locked,
        concurrency=_concurrency(options.concurrency, context),
        seconds=options.filter_timeout_seconds,
    )
    purge = Purge(registry, rules, context.log, context.cancelled)
    failure: Exception | None = None
    try:
        purge.run(found)
    except (AcrError, FilterError) as error:
        context.log(f"Failed to complete purge: {error} ")
        failure = error
    context.log("")
    if options.dry_run:
        context.log(f"Number of tags to be deleted: {purge.tags}")
        context.log(f"Number of manifests to be deleted: {purge.manifests}")
    else:
        context.log(f"Number of deleted tags: {purge.tags}")
        context.log(f"Number of deleted manifests: {purge.manifests}")
    if failure is not None:
        raise failure
    return 0


def _purge_options(words: list[str]) -> Namespace:
    def define(parser: Parser) -> None:
        parser.add_argument("-f", "--filter", action="append")
        parser.add_argument("--ago", default="")
        for number, default in (("--keep", 0), ("--repository-page-size", PAGE)):
            parser.add_argument(number, type=int, default=default)
        parser.add_argument("--concurrency", type=int)
        parser.add_argument("--filter-timeout-seconds", type=int, default=60)
        for flag in ("--untagged", "--untagged-only", "--dry-run", "--include-locked"):
            parser.add_argument(flag, action="store_true")

    options = _parse("purge", words, define)
    required = {"filter": options.filter, "ago": options.ago}
    missing = [name for name, value in required.items() if not value]
    if missing and not options.untagged_only:
        quoted = ", ".join(f'"{name}"' for name in missing)
        raise UsageError(f"required flag(s) {quoted} not set")
    if options.untagged and options.untagged_only:
        raise UsageError(
            "if any flags in the group [untagged untagged-only] are set none of the others can be; "
            "[untagged untagged-only] were all set"
        )
    if options.filter_timeout_seconds <= 0:
        options.filter_timeout_seconds = 60
    options.repository_page_size = max(1, options.repository_page_size)
    return options


def _concurrency(given: int | None, context: ToolContext) -> int:
    usual = os.cpu_count() or 1
    if given is None:
        return min(usual, MOST)
    if given <= 0:
        context.log(f"Specified concurrency value invalid. Set to default value: {usual} ")
        return min(usual, MOST)
    if given > MOST:
        context.log(f"Specified concurrency value too large. Set to maximum value: {MOST} ")
        return MOST
    return given


# -- tag and manifest ----------------------------------------------------------------------------


def _of_repository(
    name: str, words: list[str], context: ToolContext
) -> tuple[AcrRegistry, str, list[str]]:
    def define(parser: Parser) -> None:
        parser.add_argument("--repository", default="")
        parser.add_argument("names", nargs="*")

    options = _parse(name, words, define)
    if not options.repository:
        raise UsageError('required flag(s) "repository" not set')
    return _registry(options, context), options.repository, options.names


def _tag_list(words: list[str], context: ToolContext) -> int:
    registry, repository, _ = _of_repository("tag list", words, context)
    pages = registry.tags(repository, newest_first=False)
    names = [f":{tag['name']}" for page in pages for tag in page]
    return _listed("tags", registry, repository, names, context)


def _manifest_list(words: list[str], context: ToolContext) -> int:
    registry, repository, _ = _of_repository("manifest list", words, context)
    names = [f"@{one['digest']}" for one in registry.manifests(repository)]
    return _listed("manifests", registry, repository, names, context)


def _listed(
    what: str, registry: AcrRegistry, repository: str, names: list[str], context: ToolContext
) -> int:
    context.log(f'Listing {what} for the "{repository}" repository:')
    for name in names:
        context.log(f"{registry.server}/{repository}{name}")
    return 0


def _tag_delete(words: list[str], context: ToolContext) -> int:
    return _delete("tag", ":", AcrRegistry.delete_tag, words, context)


def _manifest_delete(words: list[str], context: ToolContext) -> int:
    return _delete("manifest", "@", AcrRegistry.delete_manifest, words, context)


def _delete(
    what: str,
    mark: str,
    delete: Callable[[AcrRegistry, str, str], None],
    words: list[str],
    context: ToolContext,
) -> int:
    registry, repository, names = _of_repository(f"{what} delete", words, context)
    for name in names:
        try:
            delete(registry, repository, name)
        except AcrError as error:
            raise AcrError(f"failed to delete {what}s: {error}") from None
        context.log(f"{registry.server}/{repository}{mark}{name}")
    return 0


def _version(words: list[str], context: ToolContext) -> int:  # noqa: ARG001 - as the others
    context.log("acr stand-in of the local cloud, for ACR Tasks steps")
    return 0


_COMMANDS: dict[str, Callable[[list[str], ToolContext], int]] = {
    "purge": _purge,
    "tag list": _tag_list,
    "tag delete": _tag_delete,
    "manifest list": _manifest_list,
    "manifest delete": _manifest_delete,
    "version": _version,
}
