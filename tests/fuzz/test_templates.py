"""A template, whatever a stranger has made of it, is planned or refused: nothing else is raised."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.deployments.errors import TemplateError
from helpers.localcloud.deployments.evaluation import resolve
from helpers.localcloud.deployments.functions import FUNCTIONS
from helpers.localcloud.deployments.limits import Budget
from helpers.localcloud.deployments.plan import check_outputs, outputs, plan
from helpers.localcloud.errors import CloudError
from tests.deployments.planning import PLACE, nested, registry, template
from tests.deployments.test_expressions import SCOPE
from tests.deployments.test_parameters import PARAMETERS, TYPES

pytestmark = pytest.mark.fuzz
FUNCTION = {
    "parameters": [{"name": "p", "type": "string"}],
    "output": {"type": "string", "value": "[parameters('p')]"},
}
TASK = {
    "type": "tasks",
    "name": "t",
    "apiVersion": "2019-04-01",
    "properties": {"v": "[variables('a')[0]]"},
}
WHOLE = template(
    registry(
        "[concat('r', copyIndex())]",
        copy={"name": "c", "count": 2, "mode": "serial", "batchSize": 1},
        condition=True,
        tags={"copy": [{"name": "x", "count": 2, "input": "[copyIndex('x')]"}]},
        dependsOn=["s"],
        resources=[TASK],
    ),
    registry("s", scope="Microsoft.X/y/z"),
    nested("n", template(), properties={"parameters": {"q": {"value": 1}}}),
    parameters=PARAMETERS,
    definitions=TYPES["definitions"],
    variables={
        "a": [1, 2],
        "copy": [{"name": "k", "count": 3, "input": {"i": "[copyIndex('k')]"}}],
    },
    functions=[{"namespace": "ns", "members": {"f": FUNCTION}}],
    outputs={
        "o": {"type": "string", "value": "[ns.f('a')]", "condition": True},
        "c": {"type": "array", "copy": {"count": 2, "input": "[copyIndex()]"}},
    },
)
VALUES: list[Any] = [
    *(
        None,
        1,
        -1,
        1.5,
        True,
        "",
        "x",
        "a/b",
        "Microsoft.X/y",
        "/",
        10**30,
        [],
        {},
        [1],
        ["x"],
        [None],
    ),
    *({"a": 1}, [[]], [{}], {"name": 1, "count": 1, "input": 1}, {"$ref": "#/definitions/place"}),
    *("[", "[]", "[a()]", "[copyIndex()]", "[parameters('name')]", "[variables('k')]", "[null()]"),
    *("[createArray()]", "[createObject('a',1)]", "[reference('s').x]", "[range(0,9999)]"),
    *("[deployment()]", "[resourceGroup()]", "[json('[1,2]')]", "[utcNow()]"),
]
ARGUMENTS = [
    *(
        "''",
        "'a'",
        "'a/b'",
        "'Microsoft.X/y'",
        "'{0}'",
        "'{0:D99}'",
        "'%'",
        "'ä😀'",
        "'P1D'",
        "'yyyy'",
    ),
    *(
        "'2020-01-01T00:00:00Z'",
        "'9999-12-31T23:59:59+14:00'",
        "'YQ=='",
        "'1e999'",
        "'http://[::1'",
    ),
    *("0", "-1", "10001", "9223372036854775807", "true()", "null()", "createArray()", "range(0,3)"),
    *("createArray(null(),createArray(1))", "createObject('a',createArray())", "float('1.5')"),
    *("lambda('x',lambdaVariables('x'))", "lambda(1)", "lambda('x',true())", "variables('people')"),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything within a value."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, one in inner:
        yield (*path, name)
        yield from places(one, (*path, name))


def outcome(work: Callable[[], Any]) -> str:
    """The words of a refusal, of whichever kind templates have; "done" without one."""
    try:
        work()
    except (TemplateError, CloudError) as refusal:
        return str(refusal)
    return "done"


def changed(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Put ``new`` at a path, where there still is one."""
    for name in path[:-1]:
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict) or (isinstance(value, list) and path[-1] < len(value)):
        value[path[-1]] = copy.deepcopy(new)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(places(WHOLE))), st.sampled_from(VALUES)),
        min_size=1,
        max_size=3,
    ),
    st.dictionaries(
        st.sampled_from([*PARAMETERS, "x"]),
        st.sampled_from(VALUES).map(lambda one: {"value": one}),
        max_size=2,
    ),
)
def test_a_template_is_planned_or_refused(
    changes: list[tuple[tuple[Any, ...], Any]], values: dict[str, Any]
) -> None:
    document = copy.deepcopy(WHOLE)
    for path, new in changes:
        changed(document, path, new)

    def whole() -> None:
        found = plan(document, values, PLACE)
        check_outputs(found)
        outputs(found, found.scope)

    assert outcome(whole)


def called(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A call of any function with any arguments, and something of its value."""
    names = st.sampled_from(sorted(one.name for one in FUNCTIONS.values()))
    arguments = st.lists(inner, max_size=4).map(",".join)
    more = st.sampled_from(["", ".a", "[0]", "['a'].b", "[-1]"])
    return st.builds("{}({}){}".format, names, arguments, more)


@given(st.recursive(st.sampled_from(ARGUMENTS), called, max_leaves=8))
def test_an_expression_has_a_value_or_is_refused(expression: str) -> None:
    scope = replace(SCOPE, budget=Budget())
    assert outcome(lambda: resolve(f"[{expression}]", scope))
