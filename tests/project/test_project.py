"""The project's own files agree with one another."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def project() -> dict[str, list[str]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]  # type: ignore[no-any-return]


def test_conda_makes_the_same_environment() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    [pip] = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    conda = {str(Requirement(line)) for line in pip if not line.startswith("-")}
    assert conda == {str(Requirement(line)) for line in project()["dependencies"]}
    assert "--editable ." in pip


def locked(name: str) -> dict[str, set[str]]:
    """The versions that a lock holds of each package (several where they differ by Python)."""
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(
        r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE
    ):
        versions.setdefault(package, set()).add(version)
    return versions


def unmet(requirements: list[str], lock: dict[str, set[str]]) -> list[str]:
    """The requirements that no version, or a wrong one, stands for in a lock."""
    return [
        line
        for line in requirements
        for requirement in [Requirement(line)]
        for versions in [lock.get(canonicalize_name(requirement.name), set())]
        if not versions
        or not all(requirement.specifier.contains(v, prereleases=True) for v in versions)
    ]


def test_the_locks_meet_every_requirement() -> None:
    learners, developers = locked("requirements.lock"), locked("requirements-test.lock")
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert not unmet(project()["dependencies"], learners)
    policy = locked("requirements-policy.lock")
    assert not unmet(extra["policy"], policy)
    assert policy["regopy"] == developers["regopy"]
    assert not unmet(project()["dependencies"] + extra["test"] + extra["policy"], developers)
    assert not unmet(extra["az"], locked("requirements-az.lock"))
    [pinned], [newest] = (
        locked(f"requirements-{one}.lock")["azure-cli"] for one in ("az", "az-newest")
    )
    assert Version(pinned) < Version(newest)
    assert {name for name in learners if learners[name] != developers[name]} == set()
    for tool in ("pytest", "mypy", "ruff", "coverage", "hypothesis", "selenium", "uv"):
        assert tool not in learners, "learners need no tools of developers"


def test_nothing_is_missing_in_what_the_lock_has_brought() -> None:
    """Locks are installed as they are, without what their packages ask for."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "No broken requirements found.")


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("*.lock")))
def test_a_lock_carries_hashes_and_names_no_host(name: str) -> None:
    lock = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert len(entries) >= (1 if name == "requirements-policy.lock" else 100)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in lock


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def test_no_package_registry_and_no_machine_path_is_in_any_file() -> None:
    hosts = (
        "pythonhosted" + ".org",
        "pypi" + ".org",
        "registry." + "npmjs.org",
        "deb.debian" + ".org",
    )
    for path in tracked():
        text = path.read_text(errors="replace")
        assert not [host for host in hosts if host in text], path
        assert not re.search(r"(?<![\w.}])/(root|home/\w+|work/main)/", text), path


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_module_that_a_page_names_is_there(page: str) -> None:
    named = set(re.findall(r"`([\w/.-]+\.(?:py|md|toml|yml|cfg|lock))`", (ROOT / page).read_text()))
    there = {path.relative_to(ROOT).as_posix() for path in tracked()}
    assert len(named) > 8
    for name in named:
        assert any(path == name or path.endswith(f"/{name}") for path in there), name


def test_no_module_is_too_long_to_read() -> None:
    for path in (ROOT / "helpers").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 450, path


def test_test_sh_is_executable_in_git() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-s", "repos/import-baseimage-node/test.sh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert listed.startswith("100755 ")


@pytest.mark.parametrize("name", ["base-image-node", "hello-world", "import-baseimage-node"])
def test_every_sample_repository_is_complete(name: str) -> None:
    folder = ROOT / "repos" / name
    assert (folder / "Dockerfile").is_file()
    task = yaml.safe_load((folder / "acr-task.yaml").read_text())
    assert task["version"] == "v1.1.0"
    assert all(len({"build", "push", "cmd"} & set(step)) == 1 for step in task["steps"])
