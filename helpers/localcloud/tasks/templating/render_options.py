"""What the templates of a task file may refer to.

Source: acr-builder, templating/base_render_options.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import TaskError
from .budget import BudgetError, weigh
from .go_json import to_json
from .go_types import FunctionError, Values
from .yaml_dialect import read_values
from .yaml_nodes import YamlError


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

    def run(self) -> dict[str, str]:
        """What a template has as ``.Run`` (templating/base_render_options.go)."""
        return {
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

    def data(self, secrets: Mapping[str, str]) -> Values:
        """The dot of the template (templating/base_render_options.go)."""
        run = self.run()
        values = _values_file(self.values_file)
        values.update(self.values)
        return Values(
            {
                "Build": {"ID": self.run_id},
                "Run": run,
                "Values": values,
                "ValuesJSON": _shell_quote(_json(values)),
                "RunJSON": _shell_quote(to_json(run)),
                "Secrets": Values(secrets),
            }
        )


def _json(values: Values) -> str:
    try:
        return to_json(values)
    except FunctionError as error:
        raise TaskError(f"failed to serialize Values: {error}") from None


def _values_file(text: str) -> Values:
    if not text.strip():
        return Values()
    try:
        values: Values = weigh(read_values(text))
    except (YamlError, BudgetError) as error:
        raise TaskError(
            f"failed to read the values file: failed to deserialize values: {error}"
        ) from None
    return values


_UNSAFE = re.compile(r"[^\w@=+%,:./^-]", re.ASCII)


def _shell_quote(text: str) -> str:
    """A word of a shell, as the engine quotes it."""
    if not text or _UNSAFE.search(text):
        return "'" + text.replace("'", "'\"'\"'") + "'"
    return text
