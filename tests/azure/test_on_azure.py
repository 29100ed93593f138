"""The whole tutorial on a real subscription; costs money, and cleans up whatever happens.

Runs when the environment has the credentials, all of them: a service principal, a subscription, a
GitHub account with a token. An 'az login' alone does not start it, as nobody expects that to cost.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.tutorial import ROOT

NEEDED = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_SUBSCRIPTION_ID",
    "GITHUB_OWNER",
    "GIT_TOKEN",
)
MISSING = [name for name in NEEDED if not os.environ.get(name)]

pytestmark = [
    pytest.mark.azure,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(MISSING), reason=f"no real Azure: {', '.join(MISSING)} not set"),
]


def run(folder: Path, names: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    words = [word for name, value in names.items() for word in ("-p", name, value)]
    return subprocess.run(
        [
            *(sys.executable, "-m", "helpers", "run", "--output", str(folder)),
            *("-p", "cloud", "azure", *words, *more),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=3000,
    )


@pytest.fixture
def names(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Names that nobody else has; whatever was made under them is deleted."""
    some = uuid.uuid4().hex[:8]
    made = {
        "public_registry": f"public{some}",
        "base_artifacts_registry": f"base{some}",
        "registry": f"team{some}",
        "vault": f"secrets-{some}",
        "instance": f"site-{some}",
        "staging_registry": f"staging{some}",
    }
    yield made
    done = run(tmp_path / "clean-up", made, "--from", "99")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_tutorial(names: dict[str, str], tmp_path: Path) -> None:
    done = run(tmp_path, names, "--to", "08")
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'style="background:Green"' in (tmp_path / "index.html").read_text()


def test_preflight_alone_creates_nothing(names: dict[str, str]) -> None:
    from helpers import Settings, connect, preflight

    settings = Settings(cloud="azure", **names)
    connection = connect("azure")
    found = dict(preflight.check(connection, settings).findings)
    assert "tasks run" in found["subscription"]
    existing = {one.name for one in connection.clients.resources.resource_groups.list()}
    assert not existing & set(settings.groups)
