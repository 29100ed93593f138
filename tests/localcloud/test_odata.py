"""The filters of Azure's listings: what they say, and that no filter takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.odata import LONGEST, Comparison, FilterError, parse_filter
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry

OPERATORS = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
NAMES = st.from_regex(r"[A-Za-z_][\w/]{0,20}", fullmatch=True).filter(
    lambda name: name.lower() != "contains"
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def written(one: Comparison) -> str:
    if one.operator == "contains":
        return f"contains( {one.name},{quoted(one.value)} )"
    return f"{one.name} {one.operator} {quoted(one.value) if one.quoted else one.value}"


COMPARISONS = (
    st.builds(Comparison, NAMES, OPERATORS, st.text(max_size=30), st.just(True))
    | st.builds(
        Comparison,
        NAMES,
        OPERATORS,
        st.from_regex(r"[\w:.+-]{1,9}", fullmatch=True),
        st.just(False),
    )
    | st.builds(Comparison, NAMES, st.just("contains"), st.text(max_size=30), st.just(True))
)


@given(st.lists(COMPARISONS, max_size=20))
def test_what_was_written_is_read(comparisons: list[Comparison]) -> None:
    assert parse_filter(" and ".join(map(written, comparisons))) == comparisons
    assert parse_filter(" AND ".join(f"({written(one)})" for one in comparisons)) == comparisons


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("atScope()", [Comparison("", "atscope", "", False)]),
        ("startswith(displayName,'a')", [Comparison("displayName", "startswith", "a", True)]),
        (
            "atScope( ) and assignedTo('it''s and (that)')",
            [
                Comparison("", "atscope", "", False),
                Comparison("", "assignedto", "it's and (that)", True),
            ],
        ),
        (
            "servicePrincipalNames/any(c:c eq 'x')",
            [Comparison("servicePrincipalNames/any", "eq", "x", True)],
        ),
        ("a/any( c : c eq 'x and y' )", [Comparison("a/any", "eq", "x and y", True)]),
        ("a eq 'b and c eq d'", [Comparison("a", "eq", "b and c eq d", True)]),
    ],
)
def test_functions_and_texts_that_look_like_filters(text: str, found: list[Comparison]) -> None:
    assert parse_filter(text) == found


@given(st.text(max_size=300) | st.text("and() ',eqabc", max_size=300))
def test_anything_else_is_refused_with_its_place(text: str) -> None:
    try:
        parse_filter(text)
    except FilterError as error:
        found = str(error), error.part
    else:
        found = ("", "")
    assert len(found[1]) <= 61


@pytest.mark.parametrize(
    "text",
    [
        "a eq 'b' or c eq 'd'",
        "a eq",
        "a eq 'b",
        "a eq 'b' and",
        "(a eq 'b'",
        "(" * 25 + "a eq 'b'" + ")" * 25,
        "and " * 1000,
        "x" * (LONGEST + 1),
        "contains(a, b)",
        "contains(a)",
        "atScope('a')",
        "assignedTo()",
        "assignedTo(a)",
        "somethingElse()",
        "a/any(c:d eq 'x')",
        "a/any(eq 'x')",
        "a/any(c:c eq 'x'",
        "a/any('x')",
        " and ".join(["a eq 1"] * 101),
    ],
)
def test_a_filter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(text)


def test_no_filter_keeps_a_listing_busy(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    registry = make_registry(local_cloud, group)
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {local_cloud.token()}"
    base = f"https://management.azure.com{local_cloud.subscription}"
    runs = (
        f"{base}/resourceGroups/{group}/providers/Microsoft.ContainerRegistry/registries/{registry}"
        "/runs?api-version=2025-03-01-preview"
    )
    urls = (
        runs,
        f"{base}/resources?api-version=2025-04-01",
        f"{base}/resourceGroups?api-version=2022-12-01",
        f"{base}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01",
        f"{base}/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01",
    )
    for url in urls:
        for text in (
            "and " * 3900,
            "'" * 15_000,
            "a eq '" + "''" * 7_000,
            " " * 15_000 + "x",
            "((" * 7_000,
            "atScope() and " * 1_000,
            "a/any(" * 2_500,
        ):
            begun = time.perf_counter()
            answer = http.get(url, params={"$filter": text})
            assert time.perf_counter() - begun < 2
            assert answer.status_code in (400, 414), (url, text[:20], answer.text)
    for url in urls:
        assert http.get(url, params={"$filter": "and " * 16_000}).status_code == 414
