"""``task render``: a task file, or a template, as ACR Tasks understands it."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import HelpersError
from ..localcloud.tasks.definitions import definition, description
from ..localcloud.tasks.errors import TaskError
from ..localcloud.tasks.templating.render_options import RenderOptions, SecretReference
from . import files, page

# Names of {{.Run}}, and the options that have them.
RUN = {
    "ID": "run_id",
    "Commit": "commit",
    "Repository": "repository",
    "Branch": "branch",
    "GitTag": "git_tag",
    "TriggeredBy": "triggered_by",
    "Date": "date",
    "SharedVolume": "shared_volume",
    "OS": "os",
    "OSVersion": "os_version",
    "Architecture": "architecture",
}
_ELSEWHERE = {"Registry": "--registry", "RegistryName": "--registry", "TaskName": "--task"}


class RenderError(HelpersError):
    """A file that ACR Tasks would refuse, or an option that cannot be; the message says why."""


def run(options: argparse.Namespace) -> int:
    """Print what ``options`` ask for. Raises :class:`RenderError` where ACR Tasks refuses."""
    text = files.read(options.file)
    values_file = files.read(options.values) if options.values else ""
    try:
        render_options = _options(options, values_file)
        if options.template_only:
            rendered = definition.render_template(text, render_options)
            print(json.dumps({"rendered": rendered}) if options.json else rendered)
            return 0
        task = definition.parse(text, render_options)
    except TaskError as error:
        raise RenderError(f"{options.file}: {error}") from None
    if options.json:
        print(json.dumps(description.describe(task), ensure_ascii=False, indent=2))
    else:
        print(page.of(task), end="")
    return 0


def _options(options: argparse.Namespace, values_file: str) -> RenderOptions:
    given: dict[str, Any] = {
        "run_id": "ca1",
        "triggered_by": "Manual",
        "date": datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%Sz"),
        "shared_volume": "acb_home_vol",
    }
    given.update(_run(options.run_values))
    folder = Path() if options.file == "-" else Path(options.file).parent
    return RenderOptions(
        **given,
        registry=options.registry,
        task_name=options.task,
        values=dict(definition.assignments(options.values_set)),
        values_file=values_file,
        resolve_secrets=_references,
        read_file=lambda name: files.of_aliases(folder, name),
    )


def _run(given: list[str]) -> dict[str, str]:
    """What ``--run`` says, by the names of :class:`RenderOptions`."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise RenderError(f"--run {one}: it must be NAME=VALUE")
        if name not in RUN:
            other = f"; it is given by {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
            raise RenderError(
                f"--run {name}=…: there is no such name{other}. The names are {', '.join(RUN)}"
            )
        found[RUN[name]] = value
    return found


def _references(secrets: list[SecretReference]) -> dict[str, str]:
    return {one.id: f"SECRET({one.id})" for one in secrets}
