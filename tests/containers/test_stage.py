"""Stages of many instructions, and what of them decides about the cache."""

from __future__ import annotations

import pytest

from helpers.localcloud.containers.build.frontend import BUILDKIT, CLASSIC, Frontend
from helpers.localcloud.containers.images.images import ImageStore
from tests.containers.building import BASE, Context

MANY = 10_000


@pytest.mark.parametrize("frontend", [CLASSIC, BUILDKIT])
def test_ten_thousand_instructions(context: Context, frontend: Frontend) -> None:
    lines = [
        line
        for number in range(MANY // 5)
        for line in (
            f"ENV E{number}=$A{number - 1}",
            f"ARG A{number}=$E{number}x",
            f"LABEL l{number}=$A{number}",
            f"EXPOSE {number + 1}",
            f"VOLUME /v{number}",
        )
    ]
    lines.insert(1, "ENV A0=a")
    result = context.build("FROM scratch\n" + "\n".join(lines), frontend=frontend)
    config = context.config(result)
    assert len(config["Labels"]) == len(config["ExposedPorts"]) == len(config["Volumes"]) == 2000
    assert config["Env"][-2:] == [
        "E1998=" + config["Labels"]["l1997"],
        "E1999=" + config["Labels"]["l1998"],
    ]
    assert len(ImageStore(context.cloud).image(result.digest).config["history"]) == MANY + 1


@pytest.mark.parametrize("frontend", [CLASSIC, BUILDKIT])
def test_what_a_step_changes_decides_about_the_cache(context: Context, frontend: Frontend) -> None:
    def output(lines: str, command: str) -> str:
        context.build(f"FROM {BASE}\n{lines}\nRUN {command}", frontend=frontend)
        return "\n".join(context.log)

    def cached() -> bool:
        return "CACHED" in log if frontend.buildkit else log.count("Using cache") == 2

    for first, second, command in (
        ('ENV A="1 B=2"', "ENV A=1 B=2", 'echo "<$A>"'),
        ("WORKDIR /tmp/x/..", "WORKDIR /tmp", 'echo "<$PWD>"'),
        ("USER node", "USER root", 'echo "<$(id -u)>"'),
        ('SHELL ["/bin/sh", "-ec"]', 'SHELL ["/bin/sh", "-c"]', "false || echo '<yes>'"),
    ):
        for lines in (first, second):
            log = output(lines, command)
            assert "CACHED" not in log
            assert not cached(), lines
            log = output(lines, command)
            assert cached(), lines


@pytest.mark.parametrize("frontend", [CLASSIC, BUILDKIT])
def test_a_stage_goes_on_where_an_earlier_one_ended(context: Context, frontend: Frontend) -> None:
    result = context.build(
        f"FROM {BASE} AS first\nENV A=1 B=2\nLABEL a=1\nEXPOSE 80\nONBUILD LABEL t=1\n"
        "FROM first AS second\nENV A=3\nLABEL b=2\nEXPOSE 81\n"
        "FROM first\nLABEL c=3\nRUN test $A = 1",
        frontend=frontend,
    )
    config = context.config(result)
    assert {"a": "1", "c": "3", "t": "1"}.items() <= config["Labels"].items()
    assert "b" not in config["Labels"]
    assert {"A=1", "B=2"} <= set(config["Env"])
    assert list(config["ExposedPorts"]) == ["80/tcp"]
    assert "OnBuild" not in config
