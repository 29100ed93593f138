"""Conditions of role assignments: what each form says, and what is refused, by its name."""

from __future__ import annotations

import time

import pytest

from helpers.localcloud.role_conditions import (
    LONGEST,
    PRINCIPAL_TYPE,
    REPOSITORY,
    ROLE,
    ConditionError,
    like,
    parse_condition,
)

READ = "Microsoft.ContainerRegistry/registries/repositories/content/read"
WRITE = "Microsoft.ContainerRegistry/registries/repositories/content/write"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
# As the documentation and the portal's editor write it.
DOCUMENTED = f"""
(
 (
  !(ActionMatches{{'{READ}'}})
  AND
  !(ActionMatches{{'Microsoft.ContainerRegistry/registries/repositories/metadata/read'}})
 )
 OR
 (
  {REPOSITORY} StringStartsWithIgnoreCase 'backend/'
  OR
  {REPOSITORY} StringEqualsIgnoreCase 'nginx'
 )
)
"""


def holds(condition: str, repository: str | None, action: str = READ) -> bool:
    given = {} if repository is None else {REPOSITORY: repository}
    return parse_condition(condition)(action, given)


@pytest.mark.parametrize(
    ("repository", "action", "expected"),
    [
        ("backend/api", READ, True),
        ("BACKEND/api", READ, True),
        ("nginx", READ, True),
        ("backend", READ, False),
        ("backendsvc/api", READ, False),
        ("frontend/web", READ, False),
        ("frontend/web", WRITE, True),  # an action that it does not aim at
    ],
)
def test_a_condition_of_the_documentation(repository: str, action: str, expected: bool) -> None:
    assert holds(DOCUMENTED, repository, action) is expected


@pytest.mark.parametrize(
    ("operator", "value", "yes", "no"),
    [
        ("StringEquals", "'team/app'", "team/app", "Team/app"),
        ("StringEqualsIgnoreCase", "'Team/App'", "team/app", "team/app2"),
        ("StringNotEquals", "'team/app'", "Team/app", "team/app"),
        ("StringNotEqualsIgnoreCase", "'Team/app'", "other", "team/APP"),
        ("StringStartsWith", "'team/'", "team/app", "Team/app"),
        ("StringStartsWithIgnoreCase", "'TEAM/'", "team/app", "tea/m"),
        ("StringNotStartsWith", "'team/'", "Team/app", "team/app"),
        ("StringNotStartsWithIgnoreCase", "'team/'", "other", "TEAM/app"),
        ("StringLike", "'team/*/ap?'", "team/one/two/app", "team/app"),
        ("StringLike", r"'a\*b'", "a*b", "axb"),
        ("StringLikeIgnoreCase", "'TEAM/*'", "team/app", "steam/app"),
        ("StringNotLike", "'team/*'", "TEAM/app", "team/app"),
        ("StringNotLikeIgnoreCase", "'team/*'", "other", "TEAM/app"),
        ("stringequals", "{'team/app'}", "team/app", "team"),
        ("ForAnyOfAnyValues:StringEquals", "{'a', 'b'}", "b", "c"),
        ("ForAnyOfAllValues:StringNotEquals", "{'a', 'b'}", "c", "b"),
        ("ForAllOfAnyValues:StringNotEquals", "{'a', 'b'}", "b", ""),
        ("ForAllOfAllValues:StringLike", "{'a*', '*b'}", "axb", "axc"),
        ("ForAnyOfAnyValues:StringLikeIgnoreCase", "{'A*', 'B*'}", "bird", "cat"),
    ],
)
def test_every_operator_for_strings(operator: str, value: str, yes: str, no: str) -> None:
    condition = f"{REPOSITORY} {operator} {value}"
    assert holds(condition, yes)
    if no:
        assert not holds(condition, no)
    assert not holds(condition, None)  # what the request does not have is like nothing


def test_guids_are_compared_whatever_their_case_and_whatever_leads_to_them() -> None:
    told = f"@Request{ROLE}"
    condition = parse_condition(f"{told} ForAnyOfAnyValues:GuidEquals {{{READER}, 'x'}}")
    assert condition("any", {told: READER.upper()})
    assert condition("any", {told: f"/providers/roleDefinitions/{READER}"})
    assert not condition("any", {told: READER.replace("a", "b")})
    other = parse_condition(f"{told} GuidNotEquals '{READER}'")
    assert not other("any", {told: READER})
    assert other("any", {told: "another"})


def test_negations_parentheses_and_the_existence_of_an_attribute() -> None:
    name = f"{REPOSITORY} StringEquals"
    assert holds(f"NOT {name} 'a'", "b")
    assert holds(f"!{name} 'a' && not ({name} 'c' || {name} 'd')", "b")
    assert not holds(f"!{name} 'a' && !({name} 'b' || {name} 'c')", "b")
    assert holds(f"Exists {REPOSITORY}", "b")
    assert holds(f"NOT Exists {REPOSITORY}", None)
    assert holds(f"{name} 'a' AND {name} 'a' AND ActionMatches{{'*/read'}}", "a")
    assert not holds("ActionMatches{'*/read'}", "a", WRITE)
    assert holds("ActionMatches{'microsoft.containerregistry/*'}", "a")
    assert holds(f"{REPOSITORY} StringEquals {REPOSITORY.upper()}", "a")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("", "at its end: an attribute like @Request"),
        ("(", "at its end"),
        (f"{REPOSITORY}", "at its end: an operator is expected"),
        (f"{REPOSITORY} StringEquals", "a value is expected"),
        (f"{REPOSITORY} StringEquals 'a", "a string has no end"),
        (f"{REPOSITORY} Equals 'a'", "'Equals' is no operator"),
        (f"{REPOSITORY} ForAnyOfAnyValues:StringStartsWith {{'a'}}", "is no operator"),
        (f"{REPOSITORY} StringEquals {{'a', 'b'}}", "several values need an operator like ForAny"),
        (f"{REPOSITORY} StringEquals {{'a'", "} is expected"),
        (f"{REPOSITORY} StringEquals 'a' )", "AND, OR or the end is expected"),
        (f"({REPOSITORY} StringEquals 'a'", ") is expected"),
        (
            f"{REPOSITORY} StringEquals 'a' AND {REPOSITORY} StringEquals 'b' OR "
            f"{REPOSITORY} StringEquals 'c'",
            "parentheses are needed",
        ),
        ("ActionMatches{READ}", "a string in single quotes is expected"),
        ("ActionMatches{'a/*/b/*'}", "more than one wildcard"),
        ("'a' StringEquals 'a'", "an attribute like @Request"),
        ("@Request[Microsoft.ContainerRegistry/registries:name] StringEquals 'a'", "is not valid"),
        (
            f"@Resource{REPOSITORY.removeprefix('@Request')} StringEquals 'a'",
            "Resource attribute Microsoft.ContainerRegistry/registries/repositories:name is not",
        ),
        (f"{REPOSITORY} StringEquals 'a' # why", "this has no meaning"),
        ("(" * 60 + f"{REPOSITORY} StringEquals 'a'" + ")" * 60, "parentheses in one another"),
        ("!" * 5000 + f"{REPOSITORY} StringEquals 'a'", "in one another"),
        (f"{REPOSITORY} StringEquals '{'a' * LONGEST}'", "more than 8192 characters"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place(condition: str, reason: str) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_condition(condition)
    assert reason in str(refused.value)
    assert not refused.value.lacking


@pytest.mark.parametrize(
    ("condition", "lacking"),
    [
        ("@Environment[UtcNow] DateTimeGreaterThan '2026-01-01'", "attribute @Environment[UtcNow]"),
        ("@Principal[Microsoft.Directory/x:y] StringEquals 'a'", "attribute @Principal["),
        ("@Resource[Microsoft.Storage/storageAccounts:name] StringEquals 'a'", "Microsoft.Storage"),
        ("NOT SubOperationMatches{'Blob.List'}", "the function SubOperationMatches"),
        (f"{REPOSITORY} NumericEquals 1", "the operator NumericEquals"),
        (f"{REPOSITORY} BoolEquals true", "the operator BoolEquals"),
        (f"{REPOSITORY} ForAnyOfAnyValues:NumericLessThan {{1}}", "ForAnyOfAnyValues:Numeric"),
    ],
)
def test_what_azure_has_and_is_not_here_is_named(condition: str, lacking: str) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_condition(condition)
    assert lacking in refused.value.lacking


def test_long_conditions_and_patterns_take_no_longer_than_their_length() -> None:
    parts = " OR ".join(f"{REPOSITORY} StringLike 'a{number}'" for number in range(80))
    started = time.monotonic()
    assert holds(parts, "a79")
    assert not like("a" * 255, "*a" * 4000 + "b")
    assert like("a" * 255, "*a" * 200 + "*")
    assert not holds(f"{REPOSITORY} StringLike '{'*a' * 2000}b'", "a" * 255)
    with pytest.raises(ConditionError):
        parse_condition("@Request[" * 900)
    assert time.monotonic() - started < 30
    told = f"@Request{PRINCIPAL_TYPE}"
    assert parse_condition(f"{told} StringEqualsIgnoreCase 'user'")("any", {told: "User"})
