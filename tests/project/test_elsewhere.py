"""What other places read of the repository: GitHub, dev containers, citation tools, Binder."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def _address() -> ModuleType:
    specification = importlib.util.spec_from_file_location("address", ROOT / "docs/site/address.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _schema(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_for_github_actions_is_one() -> None:
    sample = "docs/github-actions.yml"
    _schema("--builtin-schema", "vendor.github-workflows", sample)
    _schema("--builtin-schema", "custom.github-workflows-require-timeout", sample)


def test_the_workflow_uploads_what_it_has_written() -> None:
    steps = yaml.safe_load((ROOT / "docs/github-actions.yml").read_text())["jobs"]["notebooks"][
        "steps"
    ]
    [command] = [one["run"] for one in steps if one.get("run", "").startswith("make")]
    [upload] = [one for one in steps if "upload-artifact" in one.get("uses", "")]
    [written] = re.findall(r"--junit (\S+?)[\s\"]", command)
    assert upload["with"]["path"].split() == ["build/tutorial", written]
    assert upload["if"] == "always()"


def test_the_citation_is_one() -> None:
    _schema("--builtin-schema", "vendor.citation-file-format", "CITATION.cff")


def test_the_version_that_is_cited_is_that_of_the_package() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    [declared] = re.findall(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())
    assert cited == declared


def test_the_address_of_the_repository_is_the_same_everywhere() -> None:
    address = _address()
    whole = address.repository()
    name = whole.removeprefix("https://github.com/")
    for file in address.FILES:
        found = set(re.findall(r"[\w.-]+/consume-public-content\b", (ROOT / file).read_text()))
        assert found == {name}, file


@pytest.mark.parametrize("wrong", ["acme/images", "https://example.com/acme/images", "", "--help"])
def test_an_address_that_is_none_changes_nothing(wrong: str, tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    done = _write_address(copy, wrong)
    assert done.returncode == 1
    assert "https://github.com/OWNER/NAME" in done.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_a_new_address_is_written_everywhere(tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    new = "https://github.com/acme-labs/gated"
    done = _write_address(copy, new)
    assert done.returncode == 0, done.stderr
    for path in (copy / "pyproject.toml", *(copy / name for name in _address().FILES)):
        assert "acme-labs/gated" in path.read_text(), path
        assert "OWNER/consume-public-content" not in path.read_text(), path


def _copy(folder: Path) -> Path:
    for name in ("pyproject.toml", "docs/site/address.py", *_address().FILES):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder


def _write_address(folder: Path, new: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/site/address.py", new],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_dev_container_is_readable_and_what_it_calls_is_there() -> None:
    text = (ROOT / ".devcontainer/devcontainer.json").read_text()
    settings = json.loads(re.sub(r"(?m)^\s*//.*$", "", text))
    assert (ROOT / settings["customizations"]["codespaces"]["openFiles"][0]).is_file()
    targets = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text())
    assert settings["onCreateCommand"].removeprefix("make ") in targets
    assert {"seccomp=unconfined", "systempaths=unconfined"} < set(settings["runArgs"])
