"""``az acr repository`` and ``az acr manifest`` in the az stand-in.

Source of checks and texts: azure-cli 2.84, command_modules/acr (repository.py, manifest.py,
_docker_utils.py).
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ...reference import AZURE
from .az_account import AzError, Session
from .az_registration import FLAG, SWITCH, YES, Settings, command, confirm, switches
from .az_registry_access import Repositories

_ATTRIBUTES = ("delete_enabled", "list_enabled", "read_enabled", "write_enabled")
_SWITCHES = dict.fromkeys(_ATTRIBUTES, SWITCH)
_LOGIN = (("--username", "-u"), ("--password", "-p"), ("--suffix",))
_LISTED = (("--top",), ("--orderby",))
# What both groups name a registry by; repository takes -n for it, manifest for the image.
_REGISTRY = ("--name", "-n", "--registry", "-r", "!")
_ON_REPOSITORY = (("--repository",), ("--image", "-t"), ("--resource-group", "-g"), *_LOGIN)
_MANIFEST = (("--registry", "-r"), ("--name", "-n"), *_LOGIN)
_ID = ("manifest_id",)
_EITHER = (
    "Usage error: You need to provide either --image IMAGE | --repository REPOSITORY, but not both"
)

Command = Callable[[Session, Namespace], Any]


def _repository_command(
    name: str, *options: tuple[str, ...], **flags: Settings
) -> Callable[[Command], Command]:
    """A command of ``az acr repository``: its registry is ``options.registry``, as in the others."""

    def register(execute: Command) -> Command:
        @command(f"acr repository {name}", _REGISTRY, *options, **flags)
        def with_registry(az: Session, given: Namespace) -> Any:
            given.registry = given.name
            return execute(az, given)

        return execute

    return register


def _manifest_command(
    name: str, *options: tuple[str, ...], **flags: Settings
) -> Callable[[Command], Command]:
    """A command of ``az acr manifest``, which is a preview, and says so."""

    def register(execute: Command) -> Command:
        @command(f"acr manifest {name}", *_MANIFEST, *options, **flags)
        def announced(az: Session, given: Namespace) -> Any:
            az.warn(
                "Command group 'acr manifest' is in preview and under development. Reference and "
                "support levels: https://aka.ms/CLI_refstatus"
            )
            return execute(az, given)

        return execute

    return register


# -- names of images -----------------------------------------------------------------------------


def _image(text: str, *, digest: bool = True) -> tuple[str, str, str]:
    """Repository, tag and digest of an image, one of the last two "". Raises :class:`AzError`."""
    if digest and text.count("@") == 1:
        repository, _, found = text.partition("@")
        return repository, "", found
    if "@" not in text and text.count(":") <= 1:
        repository, _, tag = text.partition(":")
        return repository, tag or "latest", ""
    or_digest = " or digest in the format 'name@digest'" if digest else ""
    raise AzError(f"The name of the image may include a tag in the format 'name:tag'{or_digest}.")


def _place(repository: str, tag: str, digest: str) -> str:
    """The path of the attributes of a repository, of a tag or of a manifest."""
    path = f"/acr/v1/{repository}"
    if tag:
        return f"{path}/_tags/{tag}"
    return f"{path}/_manifests/{digest}" if digest else path


def _digest_of(acr: Repositories, repository: str, tag: str) -> str:
    return str(acr.json("GET", _place(repository, tag, ""))["tag"]["digest"])


# -- az acr repository ---------------------------------------------------------------------------


@_repository_command("list", ("--top",), ("--resource-group", "-g"), *_LOGIN)
def _list(az: Session, options: Namespace) -> Any:
    acr = Repositories(az, options, "", "catalog")
    return acr.items("/v2/_catalog", "repositories", top=_top(options))


@_repository_command("show-tags", ("--repository", "!"), *_LISTED, *_LOGIN, detail=FLAG)
def _show_tags(az: Session, options: Namespace) -> Any:
    acr = Repositories(az, options, options.repository, "metadata_read")
    path = f"/acr/v1/{options.repository}/_tags"
    found = acr.items(path, "tags", top=_top(options), orderby=_order(options))
    return found if options.detail else [one["name"] for one in found]


@_repository_command("show-manifests", ("--repository", "!"), *_LISTED, *_LOGIN, detail=FLAG)
def _show_manifests(az: Session, options: Namespace) -> Any:
    az.warn(
        "This command has been deprecated and will be removed in a future release. Use 'acr manifest "
        "list-metadata' instead."
    )
    found = _metadata(az, options, options.repository)
    if options.detail:
        return found
    return [
        {
            "digest": one.get("digest", ""),
            "tags": one.get("tags", []),
            "timestamp": one.get("lastUpdateTime", ""),
        }
        for one in found
    ]


@_repository_command("show", *_ON_REPOSITORY)
def _show(az: Session, options: Namespace) -> Any:
    return _attributes(az, options, *_object(options), {}, showing=True)


@_repository_command("update", *_ON_REPOSITORY, **_SWITCHES)
def _update(az: Session, options: Namespace) -> Any:
    return _attributes(az, options, *_object(options), _changes(options))


@_repository_command("untag", ("--image", "-t", "!"), ("--resource-group", "-g"), *_LOGIN)
def _untag(az: Session, options: Namespace) -> Any:
    repository, tag, _ = _image(options.image, digest=False)
    acr = Repositories(az, options, repository, "delete")
    return acr.json("DELETE", _place(repository, tag, ""))


@_repository_command("delete", *_ON_REPOSITORY, yes=YES)
def _delete(az: Session, options: Namespace) -> Any:
    repository, tag, digest = _object(options)
    acr = Repositories(az, options, repository, "delete,metadata_read")
    if not tag and not digest:
        confirm(options)
        return acr.json("DELETE", f"/acr/v1/{repository}")
    digest = digest or _digest_of(acr, repository, tag)
    tags = acr.items(f"/acr/v1/{repository}/_tags", "tags")
    images = [f"'{repository}:{one['name']}'" for one in tags if one["digest"] == digest]
    confirm(options)
    also = f" and all the following images: {', '.join(images)}" if images else ""
    az.warn(f"This operation will delete the manifest '{digest}'{also}")
    return acr.json("DELETE", f"/v2/{repository}/manifests/{digest}")


def _object(options: Namespace) -> tuple[str, str, str]:
    """The repository, tag or manifest that ``--image`` or ``--repository`` names."""
    if bool(options.repository) == bool(options.image):
        raise AzError(_EITHER)
    return _image(options.image) if options.image else (options.repository, "", "")


def _changes(options: Namespace) -> dict[str, bool]:
    given = switches(options, *_ATTRIBUTES)
    return {name.replace("_e", "E"): value for name, value in given.items()}


def _attributes(
    az: Session,
    options: Namespace,
    repository: str,
    tag: str,
    digest: str,
    changes: dict[str, bool],
    *,
    showing: bool = False,
) -> Any:
    """Change the attributes of an object, or show it when there is nothing to change."""
    permission = "metadata_write,metadata_read" if changes else "metadata_read"
    acr = Repositories(az, options, repository, permission)
    method = "PATCH" if changes else "GET"
    place = _place(repository, tag, digest)
    found = acr.json(method, place, changes or None, showing=showing)
    kind = "tag" if tag else "manifest" if digest else ""
    return found[kind] if kind else found


def _metadata(az: Session, options: Namespace, repository: str) -> list[Any]:
    acr = Repositories(az, options, repository, "metadata_read")
    path = f"/acr/v1/{repository}/_manifests"
    return acr.items(path, "manifests", top=_top(options), orderby=_order(options))


def _top(options: Namespace) -> int | None:
    if options.top is None:
        return None
    try:
        return int(options.top)
    except ValueError:
        raise AzError(f"argument --top: invalid int value: '{options.top}'", 2) from None


def _order(options: Namespace) -> str | None:
    order: str | None = options.orderby
    if order not in (None, "time_asc", "time_desc"):
        raise AzError(
            f"'{order}' is not a valid value for '--orderby'. Allowed values: time_asc, time_desc.",
            2,
        )
    return order


# -- az acr manifest -----------------------------------------------------------------------------


def _named_manifest(options: Namespace) -> tuple[str, str, str]:
    """The manifest that the positional argument, or ``-r`` and ``-n``, name."""
    whole, spec = options.manifest_id, options.name
    if (whole and spec) or (not whole and not (options.registry and spec)):
        raise AzError(
            "You must provide either a fully qualified manifest specifier such as "
            "'myregistry.azurecr.io/hello-world:latest' as a positional parameter or provide "
            "'-r MyRegistry -n hello-world:latest' argument values."
        )
    if whole:
        options.registry, spec = _qualified(
            whole,
            "The positional parameter 'manifest_id' must be a fully qualified manifest specifier "
            "such as 'myregistry.azurecr.io/hello-world:latest' or "
            "'myregistry.azurecr.io/hello-world@sha256:abc123'.",
        )
    return _image(spec)


def _named_repository(options: Namespace) -> str:
    whole, name = options.repo_id, options.name
    if (whole and name) or (not whole and not (options.registry and name)):
        raise AzError(
            "You must provide either a fully qualified repository specifier such as "
            "'myregistry.azurecr.io/hello-world' as a positional parameter or provide "
            "'-r MyRegistry -n hello-world' argument values."
        )
    if whole:
        options.registry, name = _qualified(
            whole,
            "The positional parameter 'repo_id' must be a fully qualified repository specifier such "
            "as 'myregistry.azurecr.io/hello-world'.",
        )
        if ":" in name:
            raise AzError("The positional parameter 'repo_id' should not include a tag or digest.")
    elif ":" in name:
        raise AzError(
            "Parameter 'name' refers to a repository and should not include a tag or digest."
        )
    return str(name)


def _qualified(text: str, error: str) -> tuple[str, str]:
    """Registry and the rest of ``name.azurecr.io/rest``."""
    server, slash, rest = text.removeprefix("https://").partition("/")
    name, dot, suffix = server.partition(".")
    if not slash or not dot:
        raise AzError(error)
    if dot + suffix != AZURE:
        raise AzError(
            f"Provided registry suffix '{dot + suffix}' does not match the configured az cli acr "
            f"login server suffix '{AZURE}'. Check the 'acrLoginServerEndpoint' value when running "
            "'az cloud show'."
        )
    return name, rest


def _manifest_digest(az: Session, options: Namespace) -> tuple[str, str]:
    repository, tag, digest = _named_manifest(options)
    if not digest:
        acr = Repositories(az, options, repository, "metadata_read")
        digest = _digest_of(acr, repository, tag)
    return repository, digest


@_manifest_command(
    "list-referrers",
    _ID,
    ("--artifact-type",),
    recursive=FLAG,
)
def _list_referrers(az: Session, options: Namespace) -> Any:
    repository, digest = _manifest_digest(az, options)
    acr = Repositories(az, options, repository, "pull")
    found = acr.referrers(repository, digest, options.artifact_type)
    if options.recursive:
        for one in found:  # which grows meanwhile: a graph of any depth
            found += acr.referrers(repository, one["digest"], None)
    return {"manifests": found}


@_manifest_command("show-metadata", _ID)
def _show_metadata(az: Session, options: Namespace) -> Any:
    return _attributes(az, options, *_named_manifest(options), {}, showing=True)


@_manifest_command("update-metadata", _ID, **_SWITCHES)
def _update_metadata(az: Session, options: Namespace) -> Any:
    return _attributes(az, options, *_named_manifest(options), _changes(options))


@_manifest_command("list-metadata", ("repo_id",), *_LISTED)
def _list_metadata(az: Session, options: Namespace) -> Any:
    return _metadata(az, options, _named_repository(options))


@_manifest_command("show", _ID, raw=FLAG)
def _manifest_show(az: Session, options: Namespace) -> Any:
    repository, tag, digest = _named_manifest(options)
    acr = Repositories(az, options, repository, "pull")
    answer = acr.request("GET", f"/v2/{repository}/manifests/{tag or digest}", showing=True)
    if options.raw:
        az.context.log(answer.text)
        return None
    return answer.json()


@_manifest_command("delete", _ID, yes=YES)
def _manifest_delete(az: Session, options: Namespace) -> Any:
    repository, digest = _manifest_digest(az, options)
    acr = Repositories(az, options, repository, "delete")
    confirm(options)
    return acr.json("DELETE", f"/v2/{repository}/manifests/{digest}")
