"""Which builder ``docker build`` takes: what DOCKER_BUILDKIT says, as Go reads a boolean."""

from __future__ import annotations

import pytest

from helpers.localcloud.containers.build.frontend import BUILDKIT, CLASSIC, NEWEST, chosen
from helpers.localcloud.containers.errors import BuildError


@pytest.mark.parametrize("value", ["1", "t", "T", "true", "TRUE", "True"])
def test_true_is_buildkit(value: str) -> None:
    assert chosen({"DOCKER_BUILDKIT": value}) == BUILDKIT


@pytest.mark.parametrize("value", ["", "0", "f", "F", "false", "FALSE", "False"])
def test_false_is_the_classic_builder(value: str) -> None:
    assert chosen({"DOCKER_BUILDKIT": value}) == CLASSIC


def test_without_the_variable_it_is_the_classic_builder() -> None:
    assert chosen({}) == CLASSIC


@pytest.mark.parametrize("value", ["2", "yes", "on", "tRUE", " 1", "1 ", "-1"])
def test_anything_else_is_refused_in_dockers_words(value: str) -> None:
    with pytest.raises(BuildError) as raised:
        chosen({"DOCKER_BUILDKIT": value})
    assert raised.value.message == (
        "DOCKER_BUILDKIT environment variable expects boolean value: strconv.ParseBool: parsing "
        f'"{value}": invalid syntax'
    )


def test_buildx_is_always_buildkit() -> None:
    assert chosen({"DOCKER_BUILDKIT": "0"}, buildx=True) == NEWEST


def test_a_version_has_what_earlier_ones_have() -> None:
    assert BUILDKIT.has(1, 4)
    assert not BUILDKIT.has(1, 7)
    assert not CLASSIC.has(1, 0)
