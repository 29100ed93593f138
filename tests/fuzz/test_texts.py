"""Texts that strangers write: each is read, or refused in a sentence, within a moment."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.containers.build import dockerfile
from helpers.localcloud.containers.build.build_context import BuildContext, ContextError
from helpers.localcloud.containers.build.variables import expand
from helpers.localcloud.containers.errors import BuildError
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import InvalidReferenceError, Reference
from helpers.localcloud.role_conditions import REPOSITORY, ConditionError, parse_condition
from helpers.localcloud.root_folder import RootFolder
from helpers.localcloud.tasks import run_filter
from helpers.localcloud.tasks.definitions import definition, words
from helpers.localcloud.tasks.definitions.build_command import BuildCommand
from helpers.localcloud.tasks.definitions.graph import Graph
from helpers.localcloud.tasks.errors import TaskError, UsageError
from helpers.localcloud.tasks.templating import template
from helpers.localcloud.tasks.templating.functions import FUNCTIONS
from helpers.localcloud.tasks.templating.render_options import RenderOptions

from .understood import understood

pytestmark = pytest.mark.fuzz
OPTIONS = RenderOptions(
    run_id="ca1",
    registry="team.azurecr.io",
    values={"n": "3", "text": "a b"},
    resolve_secrets=lambda secrets: {one.id: "secret" for one in secrets},
)


DATA = {
    **OPTIONS.data({}),
    "Values": {"n": 3, "text": "a b", "list": ["x", "y"], "map": {"k": "v"}},
}


def mixed(*pieces: str, most: int = 12) -> st.SearchStrategy[str]:
    """Texts of these pieces and of characters of every kind, in any order."""
    part = st.one_of(st.sampled_from(pieces), st.text(max_size=4))
    return st.lists(part, max_size=most).map("".join)


def repeated(*pieces: str, most: int = 4000) -> st.SearchStrategy[str]:
    """One piece very often: what takes a backtracking or quadratic reader long."""
    return st.tuples(
        st.sampled_from(pieces), st.integers(most // 8, most), st.text(max_size=2)
    ).map(lambda made: made[0] * made[1] + made[2])


_DOCKERFILE = (
    *(
        "FROM a",
        "FROM a AS b\n",
        "\n",
        " ",
        "\\\n",
        "# escape=`\n",
        "#",
        "RUN ",
        "RUN <<E\n",
        "E\n",
    ),
    *("COPY ", "--from=b ", "--chmod=7 ", "ADD ", '["a", "b"]', "ENV a=b ", "ARG X=1\n", "$X"),
    *("<<-'E' ", "<<E <<F\n", "ONBUILD ", "HEALTHCHECK CMD ", "LABEL ", "'", '"', "${a:-b}", "="),
)


@given(st.one_of(mixed(*_DOCKERFILE, most=25), repeated(*_DOCKERFILE)))
def test_dockerfiles(text: str) -> None:
    with understood(BuildError):
        dockerfile.parse(text)


_VARIABLES = (
    "$",
    "${",
    "}",
    ":-",
    ":+",
    "a",
    "$a",
    "${a:-${b}}",
    "\\",
    "\\$",
    "'",
    '"',
    "#",
    "%",
    "/",
)


@given(st.one_of(mixed(*_VARIABLES), repeated(*_VARIABLES)))
def test_variables_of_dockerfiles(text: str) -> None:
    with understood(BuildError, ValueError):
        expand(text, {"a": "1", "b": ""}, "\\")


_IGNORE = (
    "**/",
    "*",
    "**",
    "!",
    "a",
    "b/",
    "?",
    "[",
    "]",
    "[^a]",
    "\n",
    "\\",
    "#",
    " ",
    "../",
    "/",
)


@given(st.one_of(mixed(*_IGNORE, most=30), repeated("**/", "*", "a*", "[a]", "!**/\n", most=400)))
def test_ignore_files(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder, *("a" * 5))
        deep.mkdir(parents=True)
        for place in (deep, Path(folder)):
            for name in ("a" * 60, "b", ".hidden"):
                (place / name).touch()
        (Path(folder) / ".dockerignore").write_text(text, errors="replace")
        with understood(BuildError, ContextError):
            assert set(BuildContext(RootFolder(Path(folder))).files) <= {
                str(path.relative_to(folder)) for path in Path(folder).rglob("*")
            }


_NAMES = sorted(name for name in FUNCTIONS if name not in ("repeat", "until", "untilStep", "seq"))
_TEMPLATE = (
    *("{{", "}}", "{{-", "-}}", "|", "(", ")", " ", "1", "-1", "0x1F", "1e3", "nil", "true", "`a`"),
    *(
        '"a"',
        '"a.*"',
        "'c'",
        ".",
        ".Values",
        ".Values.list",
        ".Run.ID",
        ".Values.no.where",
        "$",
        "$x",
    ),
    *(
        ":=",
        "=",
        ",",
        "\n",
        "/* */",
        "{{if true}}",
        "{{else}}",
        "{{end}}",
        "{{range .Values.list}}",
    ),
    *('{{define "t"}}', '{{template "t" .}}', "{{with .Values.map}}", "{{block", "{{break}}"),
)
_ARGUMENT = st.sampled_from(
    ("1", "-2", "0", "3.5", '""', '"a b"', '"(a|b)*"', "nil", "true", ".Values.list", ".Values.map")
)
_CALL = st.tuples(st.sampled_from(_NAMES), st.lists(_ARGUMENT, max_size=4)).map(
    lambda made: "{{" + " ".join((made[0], *made[1])) + "}}"
)
_ACTION = st.lists(
    st.one_of(st.sampled_from(_TEMPLATE), st.sampled_from(_NAMES), _ARGUMENT), max_size=8
).map(lambda parts: "{{" + " ".join(parts) + "}}")


@given(st.one_of(mixed(*_TEMPLATE, most=20), st.lists(_CALL, max_size=4).map("".join), _ACTION))
def test_templates(text: str) -> None:
    with understood(TaskError):
        template.render(text, DATA)


@given(
    repeated(
        "{{", "{{if true}}", "(", "{{(", "{{/*", "{{`", '{{"', "{{range .Values.list}}", "{{a "
    )
)
def test_templates_of_one_piece(text: str) -> None:
    test_templates.hypothesis.inner_test(text)  # type: ignore[attr-defined]


_TASK = (
    *("version: v1.1.0\n", "steps:\n", "  - cmd: ", "  - build: ", "  - push: ", "    id: a\n"),
    *(
        "    when: [a]\n",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n",
        "alias:\n",
        "  values:\n",
        "    a: b\n",
    ),
    *(
        "$a",
        "&x ",
        "*x",
        "<<: *x\n",
        "!!python/object:os.system ",
        "env:\n",
        "  - X=1\n",
        "{{.Run.ID}}",
    ),
    *("secrets:\n", "  - id: s\n", "    keyvault: https://v.vault.azure.net/secrets/s\n", "1", "~"),
    *(
        "volumes:\n",
        "  - name: v\n",
        "    secret:\n",
        "      f: YQ==\n",
        "networks:\n",
        "\t",
        "|\n",
        ">-\n",
    ),
)


@given(st.one_of(mixed(*_TASK, most=25), repeated(*_TASK)))
def test_task_files(text: str) -> None:
    with understood(TaskError):
        Graph(definition.parse(text, OPTIONS).steps)


@given(
    mixed(
        "-t ", "--tag=a", "-f ", ".", " ", "'", '"', "\\", "--build-arg ", "a=b ", "https://", "#"
    )
)
def test_commands_of_steps(text: str) -> None:
    with understood(words.ShellError, UsageError):
        BuildCommand.parse(words.split(text, {"a": "b c"}))


_FILTER = (
    *(
        "TaskName",
        "Status",
        "CreateTime",
        " eq ",
        " ne ",
        " and ",
        "'a'",
        "'",
        "''",
        "contains(",
        ", ",
    ),
    *(")", "2024-01-01", " ", "AND", " or ", "(", "not "),
)


@given(st.one_of(mixed(*_FILTER), repeated(*_FILTER)))
def test_filters_of_runs(text: str) -> None:
    with understood(CloudError):
        run = {"TaskName": "a", "Status": "Failed", "CreateTime": "2024"}
        run_filter.matches(run_filter.parse(text, list(run)), run)


@given(
    st.one_of(
        mixed("a", "/", ":", "@", "sha256:", ".", "-", "_", "docker.io", "a" * 64),
        repeated("a", "a-", "a/", "._"),
    )
)
def test_names_of_images(text: str) -> None:
    with understood(InvalidReferenceError):
        found = Reference.parse(text)
        assert found.repository


_CONDITION = (
    *("(", ")", "!", "NOT ", " AND ", " OR ", " && ", "||", "{", "}", ",", "'a*'", "'", " ", "*a"),
    *(REPOSITORY, "ActionMatches{'*/read'}", "Exists ", " StringLike ", " StringEquals 'a'"),
    *(" ForAnyOfAnyValues:StringEquals {'a', 'b'}", "@Request[", "]", " GuidEquals "),
)


@given(st.one_of(mixed(*_CONDITION, most=20), repeated(*_CONDITION)), st.text(max_size=300))
def test_conditions_of_role_assignments(text: str, name: str) -> None:
    with understood(ConditionError):
        parse_condition(text)("Microsoft.ContainerRegistry/registries/read", {REPOSITORY: name})


@given(repeated("*", "*a", "?*", "a*", r"\*"), repeated("a", "b", r"\*", most=255))
def test_patterns_of_conditions(pattern: str, name: str) -> None:
    with understood(ConditionError):
        condition = parse_condition(f"{REPOSITORY} StringLike '{pattern}'")
        assert condition("any", {REPOSITORY: name}) in (True, False)
