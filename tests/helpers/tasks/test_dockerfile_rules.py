"""What ``task lint`` finds in a Dockerfile, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from .linting import BASE, HEAD, assert_found, lint, write

RULES = [
    # (build, Dockerfile, rule, severity, line)
    ("-t a:1 .", "FROM --platform=linux/amd64 node:15-alpine\n", "scan-refuses", "error", 1),
    ("-t a:1 .", f"{BASE}RUN node -e 1 \\\n  from x\n", "image-not-here", "warning", 3),
    ("-t a:1 .", f"{BASE}RUN cat <<E\nfrom x import y\nE\n", "scan-refuses", "error", 3),
    ("--build-arg B .", BASE, "scan-refuses", "error", 1),
    *(
        (".", f"{BASE}{line}\n", "buildkit-off", "error", 2)
        for line in (
            "COPY --chmod=755 a /a",
            "ADD --unpack a /a",
            "HEALTHCHECK --start-interval=5s CMD true",
            "RUN --mount=type=cache,target=/c true",
            "RUN <<E\ntrue\nE",
        )
    ),
    (
        ".\n    env: [DOCKER_BUILDKIT=true]",  # the agent looks for 1 alone
        f"{BASE}COPY --chmod=755 a /a\n",
        *("buildkit-off", "error", 2),
    ),
    (
        ".",
        f"{BASE}ARG TARGETARCH\nRUN echo $TARGETARCH\n",
        *("platform-argument-empty", "warning", 3),
    ),
    (".", f"# syntax=docker/dockerfile:1\n{BASE}", "syntax-ignored", "warning", 1),
    *(
        (".", f"FROM {image}\n", "base-image-unwatched", "warning", 1)
        for image in (
            f"node:15-alpine@sha256:{'1' * 64}",
            "ghcr.io/o/i:1",
            "localhost:5000/i:1",
        )
    ),
    (".", "FROM ubuntu:22.04\n", "image-not-here", "warning", 1),
    (".", f"{BASE}RUM true\n", "dockerfile-refused", "error", 2),
]


@pytest.mark.parametrize(
    ("build", "dockerfile", "rule", "severity", "line"),
    RULES,
    ids=[f"{one[2]}-{number}" for number, one in enumerate(RULES)],
)
def test_a_rule_finds_its_line(
    capsys: pytest.CaptureFixture[str],
    *,
    tmp_path: Path,
    build: str,
    dockerfile: str,
    rule: str,
    severity: str,
    line: int,
) -> None:
    write(tmp_path, task_yaml=f"{HEAD}  - build: {build}\n", Dockerfile=dockerfile)
    assert_found(capsys, tmp_path, rule, severity, ("Dockerfile", line, 1))


SOURCES = [
    # (build, Dockerfile, rule, line, what is told)
    (".", f"{BASE}COPY --from=ghcr.io/o/i /a /a\n", "image-not-here", 2, "no ghcr.io/o/i"),
    (
        ".",
        f"{BASE}RUN --mount=from=debian:12,target=/d true\n",
        *("image-not-here", 2, "no debian:12"),
    ),
    ("--target no .", f"{BASE}FROM scratch AS Yes\n", "target-missing", 1, "stages: yes"),
    ("--target no .", BASE, "target-missing", 1, "it has none with a name"),
]


@pytest.mark.parametrize(("build", "dockerfile", "rule", "line", "told"), SOURCES)
def test_what_the_scan_does_not_see_is_told(
    capsys: pytest.CaptureFixture[str],
    *,
    tmp_path: Path,
    build: str,
    dockerfile: str,
    rule: str,
    line: int,
    told: str,
) -> None:
    task = f"{HEAD}  - build: {build}\n    env: [DOCKER_BUILDKIT=1]\n"
    write(tmp_path, task_yaml=task, Dockerfile=dockerfile)
    _, found = lint(capsys, tmp_path / "task.yaml")
    assert [(one["rule"], one["line"]) for one in found] == [(rule, line)]
    assert told in f"{found[0]['message']}. {found[0]['advice']}"
