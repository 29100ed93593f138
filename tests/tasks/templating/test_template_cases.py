"""Templates are rendered, and refused, as Go's text/template with Sprig's functions does it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.tasks.templating.go_format import print_format
from helpers.localcloud.tasks.templating.go_types import Values, to_bytes
from helpers.localcloud.tasks.templating.template import TemplateError, render
from helpers.localcloud.tasks.templating.yaml_dialect import read_values

FILE = Path(__file__).parents[2] / "cases" / "templates" / "cases.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text().splitlines()]
RUN = {"ID": "ca1", "OS": "linux", "Registry": "myreg.azurecr.io", "TaskName": ""}
VALUES = """\
a: 1
b: {x: 1, 2: z, y: [1, ~]}
l: [a, b, 1.5, ~]
s: text
f: 1.0
big: 18446744073709551615
t: 2001-01-01
n: ~
bo: yes
m: {z: 1, a: {k: v}}
e: ""
"""


def data(values: str) -> Values:
    """The dot of a template."""
    return Values(Run=RUN, Build={"ID": "ca1"}, Values=read_values(values), Secrets=Values())


@pytest.mark.parametrize("part", range(8))
def test_a_template_is_rendered_or_refused_as_in_go(part: int) -> None:
    assert len(CASES) > 1000
    for case in CASES[part::8]:
        try:
            found = render(case["template"], data(VALUES if case.get("values") else ""))
        except TemplateError:
            found = None
        assert found == case["rendered"], case["template"]


@given(st.text(max_size=30))
def test_quoting_a_text_and_reading_it_gives_the_same(text: str) -> None:
    quoted = print_format("%q", text)
    assert render("{{ " + quoted + " }}", data("")) == text.replace("<no value>", "")
    assert render("{{ .Values.x | quote }}", {"Values": {"x": text}}) == quoted


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 2**63 - 1))
def test_division_and_remainder_belong_together(one: int, other: int) -> None:
    values = {"Values": {"a": one, "b": other}}
    text = "{{ add (mul (div .Values.a .Values.b) .Values.b) (mod .Values.a .Values.b) }}"
    assert render(text, values) == str(one)


@given(st.binary(max_size=20))
def test_bytes_come_back_from_their_encodings(content: bytes) -> None:
    text = content.decode("utf-8", "surrogateescape")
    for name in ("b64", "b32"):
        found = render(f"{{{{ .Values.x | {name}enc | {name}dec }}}}", {"Values": {"x": text}})
        assert to_bytes(found) == content.replace(b"<no value>", b"")


@given(st.binary(max_size=20), st.integers(0, 25))
def test_a_text_is_cut_by_bytes(content: bytes, length: int) -> None:
    text = content.decode("utf-8", "surrogateescape")
    found = render(f"{{{{ trunc {length} .Values.x }}}}", {"Values": {"x": text}})
    assert to_bytes(found) == content[:length].replace(b"<no value>", b"")


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ('{{ genPrivateKey "ecdsa" }}', ["-----BEGIN EC PRIVATE KEY-----"]),
        ('{{ genPrivateKey "dsa" }}', ["-----BEGIN DSA PRIVATE KEY-----"]),
        ('{{ genPrivateKey "nope" }}', ["Unknown type nope"]),
        (
            '{{ $ca := genCA "ca" 1 }}{{ $c := genSignedCert "c" (list "127.0.0.1") (list "c.d") 1 $ca }}'
            "{{ $c.Cert }}{{ $c.Key }}"
            "{{ (buildCustomCert ($c.Cert | b64enc) ($c.Key | b64enc)).Cert | len | lt 500 }}",
            ["-----BEGIN CERTIFICATE-----", "-----BEGIN RSA PRIVATE KEY-----", "true"],
        ),
        ('{{ (genSelfSignedCert "s" nil nil 1).Cert }}', ["-----END CERTIFICATE-----"]),
        ('{{ encryptAES "key" "hidden" | decryptAES "key" }}', ["hidden"]),
        ('{{ randAscii 5 | len }}{{ shuffle "aa" }}{{ uuidv4 | len }}', ["5aa36"]),
        ('{{ getHostByName "localhost" }} {{ getHostByName "::1" }}', ["127.0.0.1 ::1"]),
        ("{{ ago now }}{{ now.Year | kindOf }}", ["0sint"]),
        ("{{ (now.Add 5).After now | kindOf }}{{ now.IsZero }}", ["boolfalse"]),
    ],
)
def test_what_differs_each_time(template: str, parts: list[str]) -> None:
    found = render(template, data(""))
    assert all(part in found for part in parts), found


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ('{{ get (dict) "a" }}', 'function "get" not defined'),
        ("{{ seq 3 }}", 'function "seq" not defined'),
        ("{{ mustToJson 1 }}", 'function "mustToJson" not defined'),
        ("{{ repeat (add 1 2) `a` }}", "expected int; got int64"),
        ("{{ .Values.ToYAMLString }}", "does not implement ToYAMLString"),
        ('{{ genSelfSignedCert "s" (list "1.2") nil 1 }}', "1.2"),
        ('{{ genSelfSignedCert "s" nil (list 5) 1 }}', "5 is not a string"),
        ('{{ genCA "s" 99999999 }}', "error creating certificate"),
        ('{{ buildCustomCert "!" "" }}', "unable to decode base64 certificate"),
        ('{{ buildCustomCert "YQ==" "YQ==" }}', "unable to decode certificate"),
        ('{{ decryptAES "k" "YQ==" }}', "not full blocks"),
        ('{{ decryptAES "k" "!" }}', "illegal base64"),
        ('{{ toDate "15:04" "10:00" }}', "times begin with the year 1"),
        ("{{ date `2006` 999999999999999 }}", "times end with the year 9999"),
        ("{{ (now.AddDate 9000 0 0).Year }}", "times end with the year 9999"),
        ("{{ untilStep -9223372036854775807 9223372036854775807 1 }}", "more than 131072 items"),
        ('{{ getHostByName "example.org" }}', "looks up no names but localhost"),
    ],
)
def test_what_is_refused_says_why(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as found:
        render(template, data(""))
    assert message in str(found.value)


def test_a_large_template_is_rendered_quickly() -> None:
    text = "  - cmd: {{ .Run.Registry }}/a:{{ .Run.ID | upper | quote }}\n" * 2000
    started = time.process_time()
    assert render(text, data("")).count("CA1") == 2000
    assert time.process_time() - started < 10


def test_maps_in_maps_are_written_once_for_each_level() -> None:
    values: dict[str, Any] = {}
    for _ in range(60):
        values = {"a": values}
    found = render('{{ printf "%#v" .Values }}', {"Values": values})
    start = 'map[string]interface {}{"a":'
    assert found == start * 60 + "map[string]interface {}{}" + "}" * 60
