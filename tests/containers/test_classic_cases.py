"""Dockerfiles are accepted, refused and built as by Docker's classic builder, with its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Engine, Session
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.differences import CLASSIC, cases_of
from helpers.localcloud.errors import CloudError
from tests.containers import build_cases

CASES = build_cases.cases("cases.jsonl")
DIFFERENT = cases_of(CLASSIC)
# Of an image that is nowhere: Docker asked a registry, which the machine of the answers has not.
_NO_REGISTRY = "no such host"


@dataclass(frozen=True)
class Built:
    """A cloud with the base image of the cases."""

    cloud: Cloud
    session: Session
    base: build_cases.Tree

    def differs(self, folder: Path, case: dict[str, Any]) -> str:
        """What is not as Docker has it, or nothing."""
        context = build_cases.make_context(folder / "context", case)
        try:
            result = self.session.build(
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
        found = build_cases.answer(self.cloud, result.digest, self.base)
        expected = {name: case[name] for name in found}
        return "" if found == expected else f"{found}\nis not\n{expected}"


def _unlike(case: dict[str, Any], error: str) -> str:
    if case["accepted"]:
        return f"refused: {error}"
    words = re.escape(case["error"].removeprefix("Error response from daemon: "))
    if _NO_REGISTRY in case["error"] or re.search(words.replace("…", ".*"), error):
        return ""
    return f"{error}\nhas not the words\n{case['error']}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("cases")
    cloud = Cloud(folder / "cloud")
    session = Engine(cloud).session()
    made = session.build(
        build_cases.make_base(folder / "base"), tags=["base:1"], log=lambda _line: None
    )
    base = build_cases.tree(cloud, ImageStore(cloud).image(made.digest))
    yield Built(cloud, session, base)
    session.close()
    cloud.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_case_is_built_as_by_the_classic_builder(
    case: dict[str, Any], built: Built, tmp_path: Path
) -> None:
    differs = built.differs(tmp_path, case)
    if case["name"] in DIFFERENT:
        assert differs, f"{case['name']} differs no more: take it from the list"
    else:
        assert not differs, f"{case['dockerfile']}\n{differs}"
