"""How far the workflow is: seen in the cloud, by name; never kept in memory or in a file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from . import forks, locks, parameters
from .clouds import Connection, connect
from .errors import HelpersError
from .settings import Settings, password_secret
from .views.elapsed import Elapsed

_CATCH_UP_WITHIN = 3600.0  # seconds; on Azure the early notebooks take some minutes
_CLEAN_UP = "99"  # it takes away whatever there is
_STAGING = "11"  # the notebook that makes the registry for staging
_COLORED = ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")  # a kernel asks its children for colours
_LOOK = 0.5  # seconds between two looks at how far they are
_IN_PLACE = "Everything that this notebook builds on is in place."
_PATIENCE = 1.0  # seconds for a notebook that was started earlier to ask, before all are run


def _prerequisites(connection: Connection, settings: Settings) -> bool:
    groups = connection.clients.resources.resource_groups
    secrets = connection.clients.secrets(settings.vault)
    return all(groups.check_existence(name) for name in settings.groups) and _exists(
        lambda: list(secrets.list_properties_of_secrets())
    )


def _public_base_image(connection: Connection, settings: Settings) -> bool:
    return _has_secrets(connection, settings, settings.git_token_secret) and _exists(
        lambda: connection.clients.registry(settings.public_login_server).get_tag_properties(
            "node", "15-alpine"
        )
    )


def _registry_tokens(connection: Connection, settings: Settings) -> bool:
    names = (password_secret(settings.public_registry), password_secret(settings.registry))
    return _has_secrets(connection, settings, *names)


def _hello_world(connection: Connection, settings: Settings) -> bool:
    return _exists(
        lambda: connection.clients.container_instances.container_groups.get(
            settings.instance_group, settings.instance
        )
    )


def _broken_base_image(connection: Connection, settings: Settings) -> bool:
    found = connection.clients.tasks.runs.list(
        settings.registry_group, settings.registry, filter="TaskName eq 'hello-world'", top=50
    )
    return any(run.image_update_trigger for run in found)


def _broken_still(connection: Connection, settings: Settings) -> bool:
    """Whether the source of the public image has a colour that 05 or 08 has broken it with."""
    return forks.color(connection) in (settings.questionable_color, settings.bad_color)


def _gated_import(connection: Connection, settings: Settings) -> bool:
    return _exists(
        lambda: connection.clients.registry(
            settings.base_artifacts_login_server
        ).get_tag_properties("node", "15-alpine")
    )


def _gated_image(connection: Connection, settings: Settings) -> bool:
    return settings.base_artifacts_login_server in _watched(connection, settings, "hello-world")


def _tag_and_lock(connection: Connection, settings: Settings) -> bool:
    return _exists(
        lambda: connection.clients.tasks.tasks.get(
            settings.registry_group, settings.registry, "purge"
        )
    )


def _downstream(connection: Connection, settings: Settings) -> bool:
    return settings.login_server in _watched(connection, settings, "delivery")


def _watched(connection: Connection, settings: Settings, task: str) -> list[str]:
    """The registries that the team's ``task`` was last built on; none when there is no such task."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = connection.clients.tasks.tasks.get(settings.registry_group, settings.registry, task)
    except ResourceNotFoundError:
        return []
    return [str(one.registry) for one in found.step.base_image_dependencies or []]


def _imported_images(connection: Connection, settings: Settings) -> bool:
    return _exists(
        lambda: connection.clients.registry(
            settings.base_artifacts_login_server
        ).get_tag_properties("dockerhub/node", "15-alpine")
    )


def _staged(connection: Connection, settings: Settings) -> bool:
    tasks = connection.clients.tasks.tasks
    return _exists(
        lambda: tasks.get(settings.staging_group, settings.staging_registry, "rescan-node")
    )


def _old_gate_disabled(connection: Connection, settings: Settings) -> bool:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        task = connection.clients.tasks.tasks.get(
            settings.base_artifacts_registry_group,
            settings.base_artifacts_registry,
            "base-import-node",
        )
    except ResourceNotFoundError:
        return False
    return bool(task.status == "Disabled")


# What a notebook leaves behind, and so what tells that it was run.
_EVIDENCE: dict[str, Callable[[Connection, Settings], bool]] = {
    "01": _prerequisites,
    "02": _public_base_image,
    "03": _registry_tokens,
    "04": _hello_world,
    "05": _broken_base_image,
    "06": _gated_import,
    "07": _gated_image,
    "09": _imported_images,
    "10": _tag_and_lock,
    "11": _staged,
    "12": _downstream,
}


# What a later notebook changes that an earlier one builds on, and which notebook changes it back.
_CHANGED: dict[str, Sequence[tuple[Callable[[Connection, Settings], bool], str]]] = {
    "05": [(_broken_still, "01"), (_gated_image, "04")],
    "06": [(_broken_still, "05")],
    "08": [(_old_gate_disabled, "06")],
    "09": [(_old_gate_disabled, "06")],
}


def first_missing(number: str, settings: Settings, connection: Connection) -> str | None:
    """The first notebook before ``number`` ("04") whose result is not in the cloud, or None.

    It is not there any more either when a later notebook has changed it.
    """
    for earlier in sorted(_EVIDENCE):
        if earlier < number and not _EVIDENCE[earlier](connection, settings):
            return earlier
    for changed, restores in _CHANGED.get(number, ()):
        if changed(connection, settings):
            return restores
    return None


def evidence(settings: Settings, connection: Connection) -> dict[str, bool]:
    """Which notebooks have left in the cloud what tells that they were run, by their number."""
    first, *others = _EVIDENCE
    begun = _EVIDENCE[first](connection, settings)
    return {
        first: begun,
        **{number: begun and _EVIDENCE[number](connection, settings) for number in others},
    }


def builds_on_others(number: str) -> bool:
    """Whether the notebook ``number`` stands on what earlier ones have left."""
    return number != _CLEAN_UP and any(earlier < number for earlier in _EVIDENCE)


def catch_up(
    number: str, settings: Settings | None = None, connection: Connection | None = None
) -> None:
    """Run the notebooks before ``number`` ("04") whose result is not in the cloud.

    Without ``settings`` with the names of the article, without ``connection`` in the cloud that
    the settings name. Waits for others who work with the same names, and says for whom; a notebook
    keeps the names while its cells run. Raises :class:`HelpersError` with what the failing notebook
    said, and :class:`~helpers.errors.WaitInterruptedError`.
    """
    notebook = parameters.notebook(number, f"catch_up({number!r})")
    settings = settings or Settings()
    connection = connection or connect(settings.cloud, github_owner=settings.github_owner)
    with Elapsed("Catching up") as going:
        _catch_up(notebook, settings, connection, going)
        going.done(_IN_PLACE)
    if not going.shown:
        print(_IN_PLACE)


def _catch_up(notebook: Path, settings: Settings, connection: Connection, going: Elapsed) -> None:
    number = notebook.name[:2]
    going.at("looking at what is in place")
    first = first_missing(number, settings, connection)
    names = locks.names_of(connection, settings, staging=number >= _STAGING)
    going.at("waiting for others who work with the same names")
    with locks.hold(
        connection, names, notebook.stem, keep=True, patience=_PATIENCE if first else 0
    ) as waited:
        going.at("looking at what is in place")
        if first is not None or waited:  # others may have made it meanwhile
            first = first_missing(number, settings, connection)
        if first is not None:
            last = max(earlier for earlier in _EVIDENCE if earlier < number)
            chosen = [first, *(one for one in sorted(_EVIDENCE) if first < one <= last)]
            between = " and " if len(chosen) == 2 else " to "
            which = f"notebook {first}" if first == last else f"notebooks {first}{between}{last}"
            going.at(f"running {which} first")
            _run(first, last, settings, going)


def _run(first: str, last: str, settings: Settings, going: Elapsed) -> None:
    # A folder of its own: other notebooks may be catching up at the same time.
    output = Path(tempfile.mkdtemp(prefix="catch-up-"))
    status = output / "status"
    command = [sys.executable, "-m", "helpers", "run", "--from", first, "--to", last]
    command += ["--output", str(output), "--status", str(status)]
    run = [path for path in parameters.notebooks() if first <= path.name[:2] <= last]
    taken = set().union(*(parameters.of(path) for path in run))
    for name, value in settings.parameters().items():
        if name in taken:
            command += ["-p", name, value]
    code, said = _followed(command, status, going)
    if code:
        raise HelpersError(f"Catching up failed.\n{said}")
    shutil.rmtree(output)


def _followed(command: Sequence[str], status: Path, going: Elapsed) -> tuple[int, str]:
    """The exit status of a run and what it has said; meanwhile ``going`` says which cell it is at."""
    deadline = time.monotonic() + _CATCH_UP_WITHIN
    with subprocess.Popen(
        command,
        cwd=parameters.ROOT,
        env={name: value for name, value in os.environ.items() if name not in _COLORED},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            while True:
                try:
                    said, _ = process.communicate(timeout=_LOOK)
                except subprocess.TimeoutExpired:
                    if time.monotonic() > deadline:
                        raise HelpersError(
                            f"Catching up took longer than {_CATCH_UP_WITHIN / 60:.0f} minutes. "
                            "Run the earlier notebooks one by one."
                        ) from None
                    if status.exists():
                        at, share = json.loads(status.read_text())
                        going.at(at, share)
                else:
                    return process.returncode, said.strip()
        except BaseException:
            process.kill()
            raise


def _has_secrets(connection: Connection, settings: Settings, *names: str) -> bool:
    secrets = connection.clients.secrets(settings.vault)
    return all(_exists(partial(secrets.get_secret, name)) for name in names)


def _exists(look: Callable[[], object]) -> bool:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ResourceNotFoundError,
        ServiceRequestError,
    )

    try:
        look()
    except ResourceNotFoundError:
        return False
    except ClientAuthenticationError:
        raise
    except ServiceRequestError:
        return False  # a vault or registry that does not exist has no address
    except HttpResponseError as error:
        if error.status_code == 403:
            return False  # no access policy yet: the notebook that grants it was not run
        raise
    return True
