"""Dockerfiles are accepted, refused and built as by Docker's classic builder, with its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.differences import CLASSIC, cases_of
from helpers.localcloud.errors import CloudError
from tests.containers import build_cases
from tests.containers.build_cases import Built

CASES = build_cases.cases("cases.jsonl")
DIFFERENT = cases_of(CLASSIC)
# Of an image that is nowhere: Docker asked a registry, which the machine of the answers has not.
_NO_REGISTRY = "no such host"


def differs(built: Built, folder: Path, case: dict[str, Any]) -> str:
    """What is not as Docker has it, or nothing."""
    context = build_cases.make_context(folder / "context", case)
    try:
        result = built.session.build(
            context,
            build_args=case.get("args"),
            target=case.get("target"),
            no_cache=True,
            log=lambda _line: None,
        )
    except CloudError as error:
        return _unlike(case, str(error))
    if not case["accepted"]:
        return f"accepted, where Docker says: {case['error']}"
    found = built.answer(result.digest)
    expected = {name: case[name] for name in found}
    return "" if found == expected else f"{found}\nis not\n{expected}"


def _unlike(case: dict[str, Any], error: str) -> str:
    if case["accepted"]:
        return f"refused: {error}"
    words = re.escape(case["error"].removeprefix("Error response from daemon: "))
    if _NO_REGISTRY in case["error"] or re.search(words.replace("…", ".*"), error):
        return ""
    return f"{error}\nhas not the words\n{case['error']}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_case_is_built_as_by_the_classic_builder(
    case: dict[str, Any], built: Built, tmp_path: Path
) -> None:
    found = differs(built, tmp_path, case)
    if case["name"] in DIFFERENT:
        assert found, f"{case['name']} differs no more: take it from the list"
    else:
        assert not found, f"{case['dockerfile']}\n{found}"
