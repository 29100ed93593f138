"""Dockerfiles that BuildKit has built, too: the same trees and configuration, the same refusals."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.containers.build.frontend import BUILDKIT
from helpers.localcloud.differences import BUILDKIT as SUITE
from helpers.localcloud.differences import cases_of
from helpers.localcloud.errors import CloudError
from tests.containers import build_cases
from tests.containers.build_cases import Built

CASES = build_cases.cases("buildkit.jsonl")
DIFFERENT = cases_of(SUITE)


def outcome(built: Built, folder: Any, case: dict[str, Any]) -> dict[str, Any]:
    context = build_cases.make_context(folder / "context", case)
    lines: list[str] = []
    try:
        result = built.session.build(
            context,
            tags=["case:1"],
            build_args=case.get("args"),
            target=case.get("target"),
            no_cache=True,
            frontend=BUILDKIT,
            log=lines.append,
        )
    except CloudError:
        return {"accepted": False}
    assert lines[-1].startswith("#")
    return {"accepted": True, **built.answer(result.digest)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_case_is_built_as_by_buildkit(case: dict[str, Any], built: Built, tmp_path: Any) -> None:
    found = outcome(built, tmp_path, case)
    expected = {name: case[name] for name in found if name in case}
    agrees = found == expected and found["accepted"] == case["accepted"]
    if case["name"] in DIFFERENT:
        assert not agrees, f"{case['name']} differs no more: take it from the list"
    else:
        assert found == {
            name: case[name] for name in ("accepted", "added", "removed", "config") if name in case
        }
