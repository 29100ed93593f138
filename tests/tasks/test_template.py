"""Go templates: what task files use of them, with Go's rules."""

from __future__ import annotations

import pytest

from helpers.localcloud.tasks.template import TemplateError, render

DATA = {
    "Run": {"ID": "ca1", "Registry": "r.azurecr.io"},
    "Values": {"A": "x", "list": ["b", "a"], "n": 3, "empty": ""},
    "Secrets": {"registry-user": "u"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{.Run.ID}}", "ca1"),
        ("a {{- .Run.ID -}} b", "aca1b"),
        ("{{/* comment */}}x", "x"),
        ("{{.Values.missing}}|", "|"),
        ('{{index .Secrets "registry-user"}}', "u"),
        ('{{index .Secrets "none"}}', ""),
        ("{{ .Values.A | upper | quote }}", '"X"'),
        ('{{ default "d" .Values.empty }}{{ .Values.A | default "d" }}', "dx"),
        ("{{if .Values.empty}}1{{else if eq .Values.A `x`}}2{{else}}3{{end}}", "2"),
        ("{{range $i, $v := .Values.list}}{{$i}}{{$v}} {{end}}", "0b 1a "),
        ("{{range .Values.none}}x{{else}}nothing{{end}}", "nothing"),
        ("{{with .Values.A}}{{.}}{{end}}", "x"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ('{{define "t"}}<{{.}}>{{end}}{{template "t" .Run.ID}}', "<ca1>"),
        ('{{printf "%s-%03d-%q" .Run.ID 7 "a"}}', 'ca1-007-"a"'),
        ('{{ .Run.Registry | splitList "." | first }}', "r"),
        ('{{ join "," (list 1 2 3) }}', "1,2,3"),
        ("{{ and .Values.A .Values.empty }}|{{ or .Values.empty `y` }}", "|y"),
        ("{{ len .Values.list }}{{ index .Values.list 1 }}", "2a"),
        ('{{ (dict "a" (list 1)).a }}', "[1]"),
        ('{{ trimSuffix ".io" .Run.Registry }}', "r.azurecr"),
        ('{{ ternary "y" "n" (hasPrefix "r" .Run.Registry) }}', "y"),
        ('{{ b64enc "hi" }}{{ "aGk=" | b64dec }}', "aGk=hi"),
        ("{{ add 1 2 3 }} {{ sub 5 .Values.n }}", "6 2"),
        ('{{ regexReplaceAll "a(.)c" "abc" "${1}" }}', "b"),
        ("{{ substr 0 2 .Run.ID }}{{ trunc 1 .Run.ID }}", "cac"),
        ('{{ "a\\tb" }}{{ `a\\tb` }}', "a\tba\\tb"),
        ("{{ $.Run.ID }}{{ true }}{{ 1.5 }}", "ca1true1.5"),
        ("{{ .Values.list }}", "[b a]"),
        ("{{range .Values.list}}{{if eq . `a`}}{{break}}{{end}}{{.}}{{end}}", "b"),
    ],
)
def test_rendering(text: str, expected: str) -> None:
    assert render(text, DATA) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb\n{{ foo 1 }}", 'template: gotpl:3: function "foo" not defined'),
        (
            "x\n{{ .Run.ID.More }}",
            "gotpl:2: .*<.Run.ID.More>: can't evaluate field More in type string",
        ),
        ("{{ .Values.none.more }}", "nil pointer evaluating interface {}.more"),
        ("{{ if .Values.A }}x", "unexpected EOF"),
        ("{{ end }}", "unexpected {{end}}"),
        ("\n{{ .Run.ID ", "gotpl:2: unclosed action"),
        ("{{ .Run.ID | }}", "missing value for command"),
        ("{{ $nope }}", 'undefined variable "\\$nope"'),
        ('{{ template "nope" }}', 'template "nope" not defined'),
        ('{{ fail "stop" }}', "error calling fail: stop"),
        ('{{ env "HOME" }}', "never sees the environment"),
        ("{{ upper }}", "wrong number or type of arguments for upper"),
        ("{{ index .Values.list 9 }}", "index out of range: 9"),
        ('{{ eq 1 "a" }}', "incompatible types"),
        ("{{ .Run.ID % }}", "unexpected '%'"),
        ("{{ .Run.ID 1 }}", "can't give argument to non-function"),
    ],
)
def test_errors_name_line_and_expression(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        render(text, DATA)
