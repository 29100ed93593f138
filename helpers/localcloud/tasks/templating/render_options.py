"""What the templates of a task file may refer to.

Source: acr-builder, templating/base_render_options.go.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import TaskError
from .budget import BudgetError, weigh
from .go_values import to_json


@dataclass(frozen=True)
class SecretReference:
    """A secret of the file's ``secrets``: where its value is kept."""

    id: str
    key_vault: str  # URL of a secret
    client_id: str = ""  # a user-assigned identity


@dataclass(frozen=True)
class RenderOptions:
    """What templates may refer to, and how secrets and alias files are got.

    ``resolve_secrets`` is called when the file mentions secrets; ``read_file`` gives the text of
    a file that ``alias.src`` names.
    """

    run_id: str = ""
    commit: str = ""
    repository: str = ""
    branch: str = ""
    git_tag: str = ""
    triggered_by: str = ""
    registry: str = ""
    date: str = ""
    shared_volume: str = ""
    os: str = "linux"
    os_version: str = ""
    architecture: str = "amd64"
    task_name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    values_file: str = ""
    resolve_secrets: Callable[[list[SecretReference]], Mapping[str, str]] | None = None
    read_file: Callable[[str], str] | None = None

    def data(self, secrets: Mapping[str, str]) -> dict[str, Any]:
        """The dot of the template (templating/base_render_options.go)."""
        run = {
            "ID": self.run_id,
            "Commit": self.commit,
            "Repository": self.repository,
            "Branch": self.branch,
            "GitTag": self.git_tag,
            "TriggeredBy": self.triggered_by,
            "Registry": self.registry,
            "RegistryName": self.registry.split(".")[0],
            "Date": self.date,
            "SharedVolume": self.shared_volume,
            "OS": self.os,
            "OSVersion": self.os_version,
            "Architecture": self.architecture,
            "TaskName": self.task_name,
        }
        values = {**_values_file(self.values_file), **self.values}
        return {
            "Build": {"ID": self.run_id},
            "Run": run,
            "Values": values,
            "ValuesJSON": shlex.quote(to_json(values)),
            "RunJSON": shlex.quote(to_json(run)),
            "Secrets": dict(secrets),
        }


class _ValuesLoader(yaml.SafeLoader):
    """Dates stay texts, as with the engine's reader (yaml.v2)."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the class above
        first: [one for one in resolvers if not one[0].endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _values_file(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        values = yaml.load(text, _ValuesLoader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise TaskError(f"failed to read the values file: {reason}") from None
    if not isinstance(values, dict):
        raise TaskError("failed to read the values file: it must map names to values")
    try:
        plain: dict[str, Any] = _plain(weigh(values))
    except BudgetError as error:  # anchors that are repeated, or lead to themselves
        raise TaskError(f"failed to read the values file: {error}") from None
    return plain


def _plain(value: Any) -> Any:
    """Only what JSON has, with names that are texts."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, bool, int, float, type(None))) else str(value)
