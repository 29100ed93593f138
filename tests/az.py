"""The real Azure CLI, signed in to a local cloud as the tutorial's service principal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.tutorial import ROOT
from tests.conftest import LocalCloud

_OWN = ROOT / ".venv-az" / "bin"
AZ = shutil.which("az", path=f"{_OWN}{os.pathsep}{os.environ['PATH']}")


@dataclass
class Az:
    """Runs az with a configuration folder of its own."""

    cloud: LocalCloud
    folder: Path

    def sign_in(self) -> None:
        """az login, with the secret of the account."""
        account = self.cloud.account
        who = ("-u", account.client_id, "-p", account.client_secret, "-t", account.tenant_id)
        self.ok("login", "--service-principal", *who)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What az answers, whatever it is."""
        assert AZ is not None
        return subprocess.run(
            [AZ, *arguments],
            env={
                **{k: v for k, v in self.cloud.env.items() if not k.startswith("AZURE_")},
                "AZURE_CONFIG_DIR": str(self.folder),
                "AZURE_CORE_NO_COLOR": "true",
                "AZURE_CORE_COLLECT_TELEMETRY": "false",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def ok(self, *arguments: str) -> str:
        """What az prints where it succeeds."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def json(self, *arguments: str) -> Any:
        """What az answers, as JSON."""
        return json.loads(self.ok(*arguments, "--output", "json"))

    def refused(self, *arguments: str) -> str:
        """What az says where it fails: its error, no traceback."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.strip()

    def assign(self, object_id: str, role: str, scope: str) -> None:
        """Assign a role to a service principal, or to a managed identity."""
        who = ("--assignee-object-id", object_id, "--assignee-principal-type", "ServicePrincipal")
        self.ok("role", "assignment", "create", *who, "--role", role, "--scope", scope)
