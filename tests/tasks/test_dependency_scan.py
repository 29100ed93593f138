"""The dependency scan: every case with the engine's own answer, and what Go reads differently."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import differences
from helpers.localcloud.tasks.definitions import cached_build
from helpers.localcloud.tasks.definitions.dependency_scan import ScanError, bases, expand, scan
from helpers.localcloud.tasks.definitions.task_file import Step
from tests.tasks.engine_cases import cases

SCANS = cases("scan")
BY_COMMAND = SCANS[:: max(1, len(SCANS) // 12)]
BOM = b"\xef\xbb\xbf"


def answer(case: dict[str, Any]) -> Any:
    text = case.get("dockerfile", "").encode()
    found = scan(text, case.get("args", ()), case.get("tags", ()), case.get("target", ""))
    return {"deps": [one.describe_scan() for one in found]}


def sort(answered: Any) -> Any:
    """The engine goes through a Go map: the other bases have no order."""
    for one in answered["deps"]:
        one.get("buildtime-dependency", []).sort(key=lambda found: str(found["reference"]))
    return answered


@pytest.mark.parametrize("case", SCANS, ids=lambda case: str(case["name"]))
def test_the_scan_answers_as_the_engine(case: dict[str, Any]) -> None:
    assert case["name"] not in differences.cases_of(differences.ENGINE)
    if case["accepted"]:
        assert sort(answer(case)) == sort(case["expected"])
    else:
        with pytest.raises(ScanError) as refused:
            answer(case)
        assert str(refused.value) == case["error"]


@pytest.mark.parametrize("case", BY_COMMAND, ids=lambda case: str(case["name"]))
def test_the_command_answers_as_the_engine(case: dict[str, Any], tmp_path: Any) -> None:
    file = tmp_path / "Dockerfile"
    file.write_bytes(case.get("dockerfile", "").encode())
    words = [sys.executable, "-m", "helpers", "task", "scan", str(file), "--json"]
    words += [word for one in case.get("args", ()) for word in ("--build-arg", one)]
    words += [word for one in case.get("tags", ()) for word in ("--tag", one)]
    words += ["--target", case["target"]] if "target" in case else []
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if case["accepted"]:
        assert ended.returncode == 0, ended.stderr
        assert sort(json.loads(ended.stdout)) == sort(case["expected"])
    else:
        assert ended.returncode == 1
        assert f"failed to scan dependencies: {case['error']}" in ended.stderr
        assert str(file) in ended.stderr
        assert not ended.stdout


@pytest.mark.parametrize(
    ("text", "runtime", "buildtime"),
    [
        (b"FROM a\x1cb\n", "a\x1cb", ()),  # no white space to Go
        ("FROM\u00a0a\u2003AS\u3000b\nFROM b".encode(), "a", ()),
        ("FROM a a\u017f b\nFROM b\n".encode(), "a", ()),  # the long s folds to s
        (BOM + b"FROM a\n" + BOM + b"FROM b\n", "a", ()),  # only the first mark is one
        (b"FROM a AS B\nFROM b\n", "b", ("a",)),  # unlike to Docker, case counts
        (b"FROM 'a'\nFROM \"'a'\"\n", "a", ()),
        (b"FROM a\nFROM a AS a\nFROM a\n", "a", ()),
        (b"FROM a\n" + b"x" * 65535 + b"\nFROM b\n", "b", ("a",)),
        (b"FROM a\n" + b"x" * 65536 + b"\nFROM b\n", "a", ()),  # bufio.Scanner stops
        (b"ARG A=1 B=2\nFROM x$A$B\n", "x1", ()),
        (b"ARG A=1=2\nFROM x:$A\n", "x:1=2", ()),
    ],
)
def test_lines_and_words_are_those_of_go(
    text: bytes, runtime: str, buildtime: tuple[str, ...]
) -> None:
    found = bases(text)
    assert (found.runtime, found.buildtime) == (runtime, buildtime)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A", "1"),
        ("${A}b", "1b"),
        ("$AB", ""),
        ("$A-B", "1-B"),
        ("$", "$"),
        ("a$", "a$"),
        ("$$A", "A"),  # $$ is a name of its own
        ("${A:-2}", ""),
        ("${}", ""),
        ("${A", "A"),
        ("$1x", "x"),
        ("${1}x", "x"),
        ("$\u00e9", "$\u00e9"),
        ("$-", ""),
    ],
)
def test_variables_are_expanded_as_by_go(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_a_dockerfile_of_ten_thousand_lines_is_scanned() -> None:
    text = "".join(f"FROM image{number}:1 AS stage{number}\nRUN x\n" for number in range(5000))
    found = bases(text.encode())
    assert found.runtime == "image4999:1"
    assert len(found.buildtime) == 4999


def test_the_page_tells_what_is_watched_and_needed(tmp_path: Any) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM golang:1 AS b\nFROM scratch\n")
    words = [sys.executable, "-m", "helpers", "task", "scan", str(file), "--tag", "a:1"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [
        "builds       a:1",
        "is based on  scratch: no image",
        "needs        golang:1  (registry.hub.docker.com/library/golang)",
    ]
    assert not ended.stderr


def test_a_target_that_is_no_stage_is_told_beside_what_the_scan_finds(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM golang:1 AS Build\nFROM scratch AS last\n")
    for target, told in (("no", "it has no stage 'no' (it has build, last)"), ("BUILD", "")):
        words = [sys.executable, "-m", "helpers", "task", "scan", str(file), "--target", target]
        ended = subprocess.run(words, capture_output=True, text=True, check=True)
        assert ended.stdout
        assert (told in ended.stderr) if told else not ended.stderr
    file.write_text("FROM golang:1 AS Build\nNEVER\n")  # which the scan takes
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not ended.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    words = [sys.executable, "-m", "helpers", "task", "scan", "no-such-file"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "no-such-file: there is no such file"


def test_a_long_name_that_is_none_is_answered() -> None:
    name = "a" * 100_000
    for tag in (f"{name}!", f"{name}/", f"{'a.' * 50_000}!"):
        with pytest.raises(ScanError, match="invalid reference format"):
            scan(b"FROM scratch\n", tags=[tag])
    step = Step("build", build=f"-t {name}! .", cache="enabled")
    assert cached_build.command_of(step, "task", "myregistry.azurecr.io") == step.build
