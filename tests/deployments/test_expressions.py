"""What expressions say: the examples of Azure's documentation, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from helpers.localcloud.deployments.errors import ExpressionError, TemplateError
from helpers.localcloud.deployments.evaluation import resolve
from helpers.localcloud.deployments.syntax import Access, Call, parse
from helpers.localcloud.errors import CloudError
from tests.deployments.planning import GROUP, SUBSCRIPTION, planned

VARIABLES = {
    "list": ["one", "two", "three"],
    "numbers": [4, 1, 3],
    "people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 20}],
    "one": {"a": 1, "deep": {"x": 1}},
    "other": {"b": 2, "deep": {"y": 2}},
}
SCOPE = planned(
    variables=VARIABLES,
    functions=[
        {
            "namespace": "contoso",
            "members": {
                "named": {
                    "parameters": [{"name": "prefix", "type": "string"}],
                    "output": {
                        "type": "string",
                        "value": "[concat(toLower(parameters('prefix')), '-x')]",
                    },
                },
                "wrong": {"output": {"value": "[parameters('nothing')]"}},
                "global": {"output": {"value": "[variables('list')]"}},
            },
        }
    ],
).scope

VALUES: list[tuple[Any, Any]] = [
    ("plain", "plain"),
    ("[lastIndexOf(createArray('a', 'b', 'a', 1), 'a')]", 2),
    ("[lastIndexOf(createArray('a'), 'b')]", -1),
    ("[parseCidr('10.0.0.0/31').firstUsable]", "10.0.0.0"),
    ("[parseCidr('10.0.0.0/31').lastUsable]", "10.0.0.1"),
    ("[resourceId('Microsoft.Resources/resourceGroups', 'a')]", f"{SUBSCRIPTION}/resourceGroups/a"),
    (
        "[subscriptionResourceId('s', 'Microsoft.Resources/resourceGroups', 'a')]",
        "/subscriptions/s/resourceGroups/a",
    ),
    ("[[text]", "[text]"),
    ("[text]x", "[text]x"),
    ("[concat('it''s', 1, true())]", "it's1True"),
    ("[concat(variables('list'), createArray(1))]", ["one", "two", "three", 1]),
    ("[format('{0}-{1:D3}-{{{2}}}', 'a', 7, true())]", "a-007-{True}"),
    ("[format('{0:X}|{1:000}|{1}', 255, -5)]", "FF|-005|-5"),
    ("[toUpper(trim('  ab '))]", "AB"),
    ("[substring('one two three', 4, 3)]", "two"),
    ("[substring('one', 1)]", "ne"),
    ("[replace('123-123', '-', '')]", "123123"),
    ("[split('one;two,three', createArray(';', ','))]", ["one", "two", "three"]),
    ("[split('one', '')]", ["one"]),
    ("[join(variables('list'), '+')]", "one+two+three"),
    ("[padLeft(7, 3, '0')]", "007"),
    ("[padLeft('a', 2)]", " a"),
    ("[startsWith('abcdef', 'AB')]", True),
    ("[endsWith('abcdef', 'ef')]", True),
    ("[indexOf('abcdef', 'CD')]", 2),
    ("[indexOf(variables('list'), 'two')]", 1),
    ("[lastIndexOf('test', 't')]", 3),
    ("[string(variables('one'))]", '{"a":1,"deep":{"x":1}}'),
    ("[string(null())]", ""),
    ("[json('{\"a\": [1, true]}').a[1]]", True),
    ("[base64('one, two')]", "b25lLCB0d28="),
    ("[base64ToString(base64('ü'))]", "ü"),
    ("[base64ToJson(base64('{\"a\":1}'))]", {"a": 1}),
    ("[dataUri('Hello')]", "data:text/plain;charset=utf8;base64,SGVsbG8="),
    ("[dataUriToString(dataUri('Hello'))]", "Hello"),
    ("[dataUriToString('data:,a%20b')]", "a b"),
    (
        "[uri('http://contoso.com/resources/', 'nested/a.json')]",
        "http://contoso.com/resources/nested/a.json",
    ),
    ("[uri('http://contoso.com/firstpath', 'a.json')]", "http://contoso.com/a.json"),
    ("[uriComponent('http://contoso.com/a b')]", "http%3A%2F%2Fcontoso.com%2Fa%20b"),
    ("[uriComponentToString('a%20b')]", "a b"),
    ("[first(variables('list'))]", "one"),
    ("[last('abc')]", "c"),
    ("[first('')]", ""),
    ("[first(createArray())]", None),
    ("[take('one two', 3)]", "one"),
    ("[skip(variables('list'), 2)]", ["three"]),
    ("[contains(variables('one'), 'A')]", True),
    ("[contains('OneTwo', 'two')]", False),
    ("[contains(createArray(1, 2), 2)]", True),
    ("[length(variables('one'))]", 2),
    ("[empty(null())]", True),
    ("[empty('a')]", False),
    ("[union(variables('one'), variables('other'))]", {"a": 1, "deep": {"x": 1, "y": 2}, "b": 2}),
    ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
    ("[intersection(createArray(1, 2), createArray(2, 3))]", [2]),
    ("[intersection(variables('one'), createObject('a', 1, 'b', 2))]", {"a": 1}),
    ("[array('a')]", ["a"]),
    ("[array(createArray('a'))]", ["a"]),
    ("[flatten(createArray(createArray(1), createArray(2)))]", [1, 2]),
    ("[indexFromEnd(variables('list'), 1)]", "three"),
    ("[tryIndexFromEnd(variables('list'), 9)]", None),
    ("[range(5, 3)]", [5, 6, 7]),
    ("[min(variables('numbers'))]", 1),
    ("[max(1, 5)]", 5),
    ("[add(2, 3)]", 5),
    ("[sub(2, 3)]", -1),
    ("[mul(2, 3)]", 6),
    ("[div(-7, 2)]", -3),
    ("[mod(-7, 2)]", -1),
    ("[int('42')]", 42),
    ("[int(7)]", 7),
    ("[float('1.5')]", 1.5),
    ("[bool('TRUE')]", True),
    ("[bool(0)]", False),
    ("[if(equals('a', 'a'), 1, div(1, 0))]", 1),
    ("[and(true(), not(false()))]", True),
    ("[or(false(), true(), bool('nonsense'))]", True),
    ("[equals(variables('one'), createObject('a', 1, 'deep', createObject('x', 1)))]", True),
    ("[equals(createArray(1), createArray(true()))]", False),
    ("[equals('a', 'A')]", False),
    ("[less('a', 'b')]", True),
    ("[lessOrEquals(2, 2)]", True),
    ("[greater(1, 2)]", False),
    ("[greaterOrEquals('b', 'a')]", True),
    ("[coalesce(null(), 'b', div(1, 0))]", "b"),
    ("[createObject('a', createArray())]", {"a": []}),
    ("[items(createObject('b', 1, 'a', 2))]", [{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
    ("[objectKeys(createObject('b', 1, 'a', 2))]", ["a", "b"]),
    ("[shallowMerge(createArray(createObject('a', 1), createObject('a', 2)))]", {"a": 2}),
    ("[tryGet(variables('one'), 'Deep', 'x')]", 1),
    ("[tryGet(variables('list'), 1)]", "two"),
    ("[tryGet(variables('one'), 'a', 'b')]", None),
    ("[map(range(0, 3), lambda('x', mul(lambdaVariables('x'), 2)))]", [0, 2, 4]),
    ("[map(variables('list'), lambda('x', 'i', lambdaVariables('i')))]", [0, 1, 2]),
    ("[filter(variables('numbers'), lambda('n', greater(lambdaVariables('n'), 2)))]", [4, 3]),
    (
        "[sort(variables('numbers'), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))]",
        [1, 3, 4],
    ),
    (
        "[reduce(variables('numbers'), 0, lambda('s', 'n', add(lambdaVariables('s'), "
        "lambdaVariables('n'))))]",
        8,
    ),
    (
        "[toObject(variables('people'), lambda('p', lambdaVariables('p').name), "
        "lambda('p', lambdaVariables('p').age))]",
        {"Ada": 36, "Bob": 20},
    ),
    ("[length(toObject(variables('people'), lambda('p', lambdaVariables('p').name)))]", 2),
    (
        "[groupBy(variables('list'), lambda('x', take(lambdaVariables('x'), 1)))]",
        {"o": ["one"], "t": ["two", "three"]},
    ),
    ("[mapValues(createObject('a', 1), lambda('x', add(lambdaVariables('x'), 1)))]", {"a": 2}),
    ("[uniqueString('tyeth')]", "zcztcwvu6iyg6"),
    (
        "[uniqueString('/subscriptions/3c7f956b-55ee-4686-9d30-da1eb631dc59/resourceGroups/rg-devopsshieldek010dev')]",
        "fd63l2gacbtca",
    ),
    ("[guid('a', 'b')]", "2d796349-8c7e-55ec-9624-54ece82ed031"),
    (
        "[resourceId('Microsoft.ContainerRegistry/registries/tasks', 'r', 't')]",
        f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/r/tasks/t",
    ),
    (
        "[resourceId('other', 'Microsoft.KeyVault/vaults', 'v')]",
        f"{SUBSCRIPTION}/resourceGroups/other/providers/Microsoft.KeyVault/vaults/v",
    ),
    (
        "[resourceId('s', 'other', 'Microsoft.KeyVault/vaults', 'v')]",
        "/subscriptions/s/resourceGroups/other/providers/Microsoft.KeyVault/vaults/v",
    ),
    (
        "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'x')]",
        f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/x",
    ),
    (
        "[subscriptionResourceId('s', 'Microsoft.Authorization/roleDefinitions', 'x')]",
        "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/x",
    ),
    (
        "[tenantResourceId('Microsoft.Authorization/roleDefinitions', 'x')]",
        "/providers/Microsoft.Authorization/roleDefinitions/x",
    ),
    (
        "[extensionResourceId(resourceGroup().id, 'Microsoft.Authorization/locks', 'l')]",
        f"{GROUP}/providers/Microsoft.Authorization/locks/l",
    ),
    ("[resourceGroup().location]", "eastus"),
    ("[subscription().displayName]", "Local cloud"),
    ("[tenant().tenantId]", "tenant"),
    ("[deployer().objectId]", "me"),
    ("[deployment().name]", "first"),
    ("[environment().suffixes.acrLoginServer]", ".azurecr.io"),
    ("[dateTimeAdd('2020-04-07T14:53:14Z', 'P3Y')]", "2023-04-07T14:53:14Z"),
    ("[dateTimeAdd('20200407T145314Z', '-PT1H30M')]", "2020-04-07T13:23:14Z"),
    (
        "[dateTimeAdd('2020-04-07T00:00:00Z', 'P1M1W2DT5S', 'd MMM yyyy H:m:s')]",
        "16 May 2020 0:0:5",
    ),
    ("[dateTimeAdd('2020-04-07T09:05:06Z', 'PT0S', 'o')]", "2020-04-07T09:05:06.0000000Z"),
    ("[dateTimeAdd('2020-04-07T15:05:06Z', 'PT0S', 'R')]", "Tue, 07 Apr 2020 15:05:06 GMT"),
    ("[dateTimeAdd('2020-04-07T15:05:06Z', 'PT0S', 'h tt ff M')]", "3 PM 00 4"),
    ("[dateTimeFromEpoch(0)]", "1970-01-01T00:00:00Z"),
    ("[dateTimeToEpoch('1970-01-01T00:01:00Z')]", 60),
    ("[contoso.named('AB')]", "ab-x"),
    ({"[concat('a', 'b')]": ["[add(1, 1)]", None]}, {"ab": [2, None]}),
    (
        {"copy": [{"name": "disks", "count": 2, "input": "[copyIndex('disks', 1)]"}]},
        {"disks": [1, 2]},
    ),
    ({"copy": "plain"}, {"copy": "plain"}),
]


@pytest.mark.parametrize(("written", "expected"), VALUES, ids=lambda value: str(value)[:60])
def test_value(written: Any, expected: Any) -> None:
    """An expression has the value that Azure's documentation tells."""
    assert resolve(written, SCOPE) == expected


REFUSED: list[tuple[Any, str]] = [
    ("[concat('a']", "expected token 'RightParenthesis' and actual 'EndOfData'"),
    ("[concat]", "expected token 'LeftParenthesis' and actual 'EndOfData'"),
    ("[]", "expected token 'Identifier'"),
    ("[concat('a'))]", "expected token 'EndOfData' and actual 'RightParenthesis'"),
    ("[concat('a)]", "the string character ''' at position '7' is not expected"),
    ("[a§b()]", "is not expected"),
    ("[parseCidr('10.0.0.0')]", "'10.0.0.0' is no range of addresses in CIDR notation"),
    ("[parseCidr('10.0.0.0/33')]", "'10.0.0.0/33' is no range"),
    ("[cidrSubnet('10.0.0.0/24', 23, 0)]", "'10.0.0.0/24' cannot be split into ranges of /23"),
    ("[cidrSubnet('10.0.0.0/24', 26, 4)]", "no range of /26 with the index 4"),
    ("[cidrHost('10.0.0.0/30', 2)]", "'10.0.0.0/30' has no host with the index 2"),
    ("[fail('no')]", "no"),
    ("[fail(1)]", "to be of type 'String'"),
    ("[nothing('a')]", "The template function 'nothing' is not valid"),
    ("[toLower()]", "requires exactly 1 argument(s) while 0 were provided"),
    ("[concat()]", "requires at least 1 argument(s)"),
    ("[padLeft('a', 1, 'b', 'c')]", "requires at most 3 argument(s)"),
    ("[toLower(1)]", "to be of type 'String'. The provided value is of type 'Integer'"),
    ("[add(true(), 1)]", "of type 'Boolean'"),
    ("[concat(createArray(), 'a')]", "to be of type 'Array'"),
    ("[substring('abc', 2, 5)]", "must refer to a location within the string"),
    ("[replace('a', '', 'b')]", "is empty"),
    ("[format('{1}', 'a')]", "stands for none of the 1 value(s)"),
    ("[format('{0', 'a')]", "'{' stands for none"),
    ("[format('{0:yyyy}', 'a')]", "does not know the format 'yyyy'"),
    ("[padLeft('a', 2, 'bc')]", "pads with one character"),
    ("[json('{')]", "the text is not JSON"),
    ("[base64ToString('ä')]", "is not base64"),
    ("[dataUriToString('x')]", "is no data URI"),
    ("[uri('http://[', 'x')]", "Unable to evaluate"),
    ("[div(1, 0)]", "the divisor is zero"),
    ("[mul(9223372036854775807, 2)]", "more than 64 bits"),
    ("[int('x')]", "is no integer"),
    ("[int('+')]", "is no integer"),
    ("[int('1+1')]", "is no integer"),
    ("[float('x')]", "is no number"),
    ("[float('nan')]", "is no number"),
    ("[min(createArray())]", "there is no number"),
    ("[range(0, 10001)]", "from 0 to 10000"),
    ("[bool('yes')]", "neither 'true' nor 'false'"),
    ("[less(1, 'a')]", "to be of type 'Integer'"),
    ("[createObject('a')]", "a value for each name"),
    ("[indexFromEnd(createArray(1), 2)]", "out of bounds"),
    (
        "[variables('one').nothing]",
        "property 'nothing' doesn't exist, available properties are 'a, deep'",
    ),
    ("[variables('list')[3]]", "array index '3' is out of bounds"),
    ("[variables('list').x]", "can't be evaluated: the value is of type 'Array'"),
    ("[variables('nothing')]", "The template variable 'nothing' is not found"),
    ("[parameters('nothing')]", "The template parameter 'nothing' is not found"),
    ("[copyIndex()]", "'copyIndex' is not expected at this location"),
    ("[copyIndex('loop')]", "no copy loop with the name 'loop'"),
    ("[utcNow()]", "only be used as the default value of a template parameter"),
    ("[newGuid()]", "only be used as the default value of a template parameter"),
    ("[reference('a')]", "'reference' is not expected at this location"),
    ("[references('a')]", "'references' is not expected at this location"),
    ("[listCredentials('a', '2023-07-01')]", "'listCredentials' is not expected at this location"),
    ("[resourceInfo('a')]", "The resource 'a' is not defined in the template"),
    ("[resourceId('a')]", "at least 2"),
    ("[resourceId('a', 'b')]", "exactly one multi-segmented argument"),
    ("[resourceId('Microsoft.X/a/b', 'c')]", "requires '2' resource name argument(s)"),
    ("[resourceId('a', 'b', 'c', 'Microsoft.X/a', 'c')]", "more than two"),
    ("[map(createArray(1), 'x')]", "needs a lambda function"),
    ("[map(createArray(1), lambda('a', 'b', 'c', 1))]", "more than 2 variables"),
    ("[lambda('a', 1)]", "only be the argument"),
    ("[lambdaVariables('a')]", "lambda variable 'a' is not found"),
    ("[dateTimeAdd('yesterday', 'P1D')]", "is no time of ISO 8601"),
    ("[dateTimeAdd('2020-01-01T00:00:00Z', 'P')]", "is no duration"),
    ("[dateTimeAdd('2020-01-01T00:00:00Z', 'P9999Y')]", "is no date"),
    (
        "[dateTimeAdd('2020-01-01T00:00:00Z', 'P1D', '" + "y" * 101 + "')]",
        "more than 100 characters",
    ),
    ("[dateTimeAdd('2020-01-01T00:00:00Z', 'P1D', 'yyyyy')]", "does not know the part 'yyyyy'"),
    ("[dateTimeFromEpoch(999999999999999)]", "is no date"),
    ("[contoso.named()]", "requires 1 argument(s) while 0"),
    ("[contoso.wrong()]", "is not found in the function 'contoso.wrong'"),
    ("[contoso.global()]", "a function of a template has none"),
    ({"copy": [{"name": "a", "count": -1, "input": 1}]}, "must be an integer from 0 to 800"),
    ({"copy": [{"name": "a", "count": 801, "input": 1}]}, "must be an integer from 0 to 800"),
    ("[concat('" + "x" * 24_600 + "')]", "length limit exceeded. Limit: '24576'"),
    ("[" + "not(" * 200 + "true()" + ")" * 200 + "]", "nested more than 100 levels"),
    ("[" + "a(" * 12_000 + "]", "nested more than 100 levels"),
]


@pytest.mark.parametrize(("written", "expected"), REFUSED, ids=lambda value: str(value)[:60])
def test_refused(written: Any, expected: str) -> None:
    """What is wrong with an expression is said in Azure's words."""
    with pytest.raises(ExpressionError, match=re.escape(expected)):
        resolve(written, SCOPE)


def test_lacking_functions_say_so() -> None:
    """A function that Azure has and the local cloud lacks is 501, by its name."""
    with pytest.raises(CloudError, match="the template function 'pickZones'") as refused:
        resolve("[pickZones('a', 'b', 'c')]", SCOPE)
    assert refused.value.status == 501


@pytest.mark.parametrize(
    "written",
    [
        "[concat(" + ",".join(["'x'"] * 3000) + ")]",
        "[variables('list')" + "[0]" * 3000 + "]",
        "[createArray(" + ",".join(["1"] * 10_000) + ")]",
    ],
    ids=["concat", "access", "array"],
)
def test_long_expressions_are_read(written: str) -> None:
    """What is long, and within the limits, is read; whatever comes of it."""
    found = parse(written)
    assert isinstance(found, Call | Access)
    assert len(found.arguments if isinstance(found, Call) else found.keys) >= 3000


DOUBLING = {
    "v0": ["x" * 100],
    **{
        f"v{n}": f"[createArray(variables('v{n - 1}'), variables('v{n - 1}'))]"
        for n in range(1, 60)
    },
}


def test_what_doubles_and_doubles_ends() -> None:
    """A value of sixty doublings is refused before it fills the memory."""
    with pytest.raises(TemplateError, match="takes more than 1000000 steps"):
        planned(variables=DOUBLING)


def test_lambdas_within_lambdas_end() -> None:
    """A billion turns are refused after a million steps."""
    inner = "1"
    for n in range(4):
        inner = f"map(range(0, 1000), lambda('x{n}', {inner}))"
    with pytest.raises(ExpressionError, match="takes more than 1000000 steps"):
        resolve(f"[{inner}]", planned().scope)


def test_variables_that_stand_on_one_another() -> None:
    """Five hundred of them are no recursion; a circle of them is refused."""
    chain = {"v0": "a", **{f"v{n}": f"[variables('V{n - 1}')]" for n in range(1, 500)}}
    assert planned(variables=chain).scope.variable("v499") == "a"
    for circle in ({"a": "[variables('a')]"}, {"a": "[variables('b')]", "b": "[variables('a')]"}):
        with pytest.raises(TemplateError, match="Circular dependency detected on variable"):
            planned(variables=circle)


def test_variables_made_by_loops() -> None:
    """A variable may be a list that a loop makes, or have one within it."""
    scope = planned(
        variables={
            "copy": [{"name": "names", "count": 3, "input": "[concat('n', copyIndex('names'))]"}],
            "whole": {"copy": [{"name": "in", "count": 1, "input": {"i": "[copyIndex('in')]"}}]},
        }
    ).scope
    assert scope.variable("names") == ["n0", "n1", "n2"]
    assert scope.variable("whole") == {"in": [{"i": 0}]}
