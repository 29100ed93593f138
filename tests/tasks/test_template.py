"""Go templates: what task files use of them, with Go's rules."""

from __future__ import annotations

import time

import pytest

from helpers.localcloud.tasks.templating.template import TemplateError, render

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
        # A piped value is the last argument, of and and or too.
        ("{{ .Values.A | and true }}|{{ .Values.A | and false }}", "x|false"),
        ("{{ .Values.empty | or false }}|{{ .Values.A | or `y` }}", "|y"),
        ("{{ .Values.A | and }}{{ .Values.A | and true | or false }}", "xx"),
        ("{{ if .Values.empty | and true }}1{{else}}2{{end}}", "2"),
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
        # What Go's own text/template with Sprig makes of these.
        ('a{{"{{"}}b{{"}}"}}', "a{{b}}"),
        ("{{/* it's a \"comment */}}x{{- /* and }} another */ -}} y", "xy"),
        ("{{'a'}} {{017}} {{0b11}} {{0x10}} {{1_000}} {{1e3}}", "97 15 3 16 1000 1000"),
        ("{{1000000.0}} {{123456.0}} {{0.00001}} {{-2.50}}", "1e+06 123456 1e-05 -2.5"),
        ('{{print "a" 1 2 "b" .Values.n}}', "a1 2b3"),
        (
            '{{printf "%s|%d|%v|%T" .Values.n "x" .Values.none .Values.list}}',
            "%!s(int=3)|%!d(string=x)|<nil>|[]interface {}",
        ),
        (
            '{{printf "%5d|%-5s|%05d|%x|%q" 3 "a" 7 "hi" .Values.list}}',
            '    3|a    |00007|6869|["b" "a"]',
        ),
        ('{{printf "%s" "a" "b"}}', "a%!(EXTRA string=b)"),
        ('{{printf "%x|%X|%x|%.0f|%g" "\\t" "é" "" 2.6 1.5}}', "09|C3A9||3|1.5"),
        ("{{html `<a b='c'>&`}} {{js `a'b<`}}", "&lt;a b=&#39;c&#39;&gt;&amp; a\\'b\\u003C"),
        ('{{(splitn "." 2 .Run.Registry)._1}} {{(split "." .Run.Registry)._0}}', "azurecr.io r"),
        (
            '{{snakecase "HTTPServer"}} {{kebabcase "FirstName"}} {{camelcase "a_b c"}}',
            "http_server first-name ABC",
        ),
        (
            '{{regexFindAll "(a)(b)" "abab" -1}} {{regexReplaceAll "a(x*)b" "-axxb-" "$1W"}}',
            "[ab ab] --",
        ),
        ('{{regexMatch "[" "x"}}', "false"),
        (
            '{{date "Jan 2, 2006 Mon 3:04PM" 0}} {{date "02.1.06" 86400}}',
            "Jan 1, 1970 Thu 12:00AM 02.1.70",
        ),
        ('{{dateInZone "2006-01-02T15:04:05Z07:00" 0 "UTC"}}', "1970-01-01T00:00:00Z"),
        ('{{$d := dict "a" 1 "b" 2}}{{$_ := unset $d "a"}}{{$d}}', "map[b:2]"),
        (
            "{{mod -7 2}} {{div -7 2}} {{round 1.2345 2}} {{floor 1.5}} {{ceil 1.2}}",
            "-1 -3 1.23 1 2",
        ),
        ("{{untilStep 1 10 3}} {{compact (list 1 `` 2)}}", "[1 4 7] [1 2]"),
        (
            '{{(dict "a" (dict "b" "c")).a.b}} {{pick (dict "a" 1 "b" 2) "a"}}',
            "c map[a:1]",
        ),
        (
            '{{toJson (dict "q" "<&>")}}',
            '{"q":"\\u003c\\u0026\\u003e"}',
        ),
        ("{{.Values.none | b64enc}}|{{default `x` .Values.none | upper}}", "|X"),
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
            "gotpl:2:3: .*<.Run.ID.More>: can't evaluate field More in type string",
        ),
        ("{{ .Values.none.more }}", "nil pointer evaluating interface {}.more"),
        ("{{ if .Values.A }}x", "unexpected EOF"),
        ("{{ end }}", "unexpected {{end}}"),
        ("\n{{ .Run.ID ", "gotpl:2: unclosed action"),
        ("{{ | upper }}", "unexpected .* in command"),
        ("{{ $nope }}", 'undefined variable "\\$nope"'),
        ('{{ template "nope" }}', 'template "nope" not defined'),
        ('{{ fail "stop" }}', "error calling fail: stop"),
        ('{{ getHostByName "example.org" }}', "looks up no names but localhost"),
        ("{{ upper }}", "wrong number of args for upper: want 1 got 0"),
        ("{{ index .Values.list 9 }}", "index out of range: 9"),
        ('{{ eq 1 "a" }}', "incompatible types"),
        ("{{ .Run.ID % }}", 'unexpected "%" in operand'),
        ("{{ .Run.ID 1 }}", "ID is not a method but has arguments"),
        (
            "x\n{{ .Values.none | upper }}",
            "gotpl:2:3: .*expected string .it has no value",
        ),
        ('{{ trimPrefix "v" .Values.none }}', "expected string; got interface {} .*give it one"),
        ('{{ splitList "," .Values.list }}', "expected string; got \\[\\]interface {}"),
        ("{{ upper 1 }}", "expected string; found 1"),
        ('{{ ternary "a" "b" .Values.A }}', "expected bool; got string"),
        ('{{ first "abc" }}', "Cannot find first on type string"),
        ('{{ regexFind "[" "x" }}', "error parsing regexp"),
        ("{{ div 1 0 }}", "error calling div: runtime error: integer divide by zero"),
        ("{{ eq 1 1.0 }}", "incompatible types"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ nil }}", "nil is not a command"),
        ("{{ and }}", "wrong number of args for and: want at least 1 got 0"),
        ("{{ 08 }}", 'bad number syntax: "08"'),
        ('{{ "open }}', "unterminated quoted string"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
        (
            '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}',
            "exceeded maximum template depth",
        ),
        ('{{ get (dict) "a" }}', 'function "get" not defined'),
    ],
)
def test_errors_name_line_and_expression(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        render(text, DATA)


def test_an_unclosed_action_with_many_quotes_is_told_at_once() -> None:
    with pytest.raises(TemplateError, match="unclosed action"):
        render("{{ " + "'\"` " * 20_000, DATA)


def test_what_stands_after_an_action_of_several_lines_keeps_its_line() -> None:
    with pytest.raises(TemplateError, match="gotpl:5: function"):
        render("{{/* a\nb */}}\n{{ `c\nd` }}\n{{ nope }}", DATA)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{{ $x := "a" }}{{ range until 40 }}{{ $x = cat $x $x }}{{ end }}',
            "at <\\$x = cat \\$x \\$x>: error calling cat: a text of more than 4194304 characters",
        ),
        ('{{ repeat 300000000 "a" }}', "error calling repeat: a text of more than 4194304"),
        ('{{ indent 300000000 "a" }}', "error calling indent: a text of more than 4194304"),
        ('{{ printf "%300000000d" 1 }}', "error calling printf: a text of more than"),
        ('{{ printf "%.300000000f" 1.5 }}', "error calling printf: a text of more than"),
        ("{{ randAlphaNum 300000000 }}", "error calling randAlphaNum: a text of more than"),
        ("{{ until 300000000 }}", "error calling until: a list or map of more than 131072 items"),
        ("{{ untilStep 0 300000000 2 }}", "error calling untilStep: a list or map of more than"),
        ("{{ range 300000000 }}x{{ end }}", "300000000 rounds"),
        ('{{ $x := repeat 9999 "a" }}{{ replace "a" $x $x }}', "error calling replace: a text of"),
        (
            '{{ $x := repeat 9999 "a" }}{{ regexReplaceAll "a" $x $x }}',
            "calling regexReplaceAll: a ",
        ),
        (
            '{{ $x := repeat 4000000 "a" }}{{ $x }}{{ $x }}',
            "at <\\$x>: a text of more than 4194304",
        ),
        (
            "{{ range until 6000 }}{{ range until 6000 }}{{ end }}{{ end }}",
            "more than (1000000 steps|10 seconds): that is the local cloud's limit for a template",
        ),
        # Lists that are shared a thousand times over, and one that is in itself.
        (
            "{{ $x := list 1 }}{{ range until 40 }}{{ $x = list $x $x }}{{ end }}",
            "more than 131072",
        ),
        ("{{ $x := dict }}{{ $_ := set $x `a` $x }}{{ $x }}", "a list or map of more than 131072"),
        ("{{ $x := dict }}{{ $_ := set $x `a` $x }}{{ toJson $x }}", "a list or map of more than"),
    ],
)
def test_what_grows_without_end_ends_with_the_limits_name(text: str, message: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateError, match=message):
        render(text, DATA)
    assert time.process_time() - started < 20


def test_regular_expressions_take_time_in_proportion_to_the_text() -> None:
    """A backtracking engine would not end before the stars do."""
    text = '{{ regexMatch "(a+)+$" "' + "a" * 5000 + 'b" }}'
    assert render(text, DATA) == "false"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        # What Go makes of them.
        ('{{ regexFindAll "a*" "baaac" -1 | toJson }}', '["","aaa",""]'),
        ('{{ regexReplaceAll "a*" "baaac" "x" }}', "xbxcx"),
        ('{{ regexReplaceAll "a(?P<n>.)" "zab" "$n$$${1}x" }}', "zb$bx"),
        ('{{ regexReplaceAllLiteral "a" "cab" "$1" }}', "c$1b"),
        ('{{ regexSplit "a*" "abaabaccadaaae" 5 | toJson }}', '["","b","b","c","cadaaae"]'),
        ('{{ regexSplit "z+" "pizza" -1 | toJson }}', '["pi","a"]'),
        ('{{ regexSplit "z+" "pizza" 0 | toJson }}', "null"),
        ('{{ regexFindAll "\\\\pL" "aé1" -1 | toJson }}', '["a","é"]'),
        ('{{ regexFind "b.*" "äbö" }}', "bö"),
        ('{{ regexFindAll "x" "ab" -1 | toJson }}', "null"),
    ],
)
def test_regular_expressions_are_gos(text: str, rendered: str) -> None:
    assert render(text, DATA) == rendered


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(b", "missing closing ): `a(b`"),
        ("[a", "missing closing ]: `[a`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("a{2000}", "invalid repeat count: `{2000}`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("\\8", "invalid escape sequence: `\\8`"),
        ("\\C", "invalid escape sequence: `\\C`"),
        ("a\\", "trailing backslash at end of expression"),
        (")", "unexpected ): `)`"),
    ],
)
def test_errors_of_regular_expressions_are_gos(pattern: str, message: str) -> None:
    data = {"Values": {"P": pattern}}
    with pytest.raises(TemplateError) as found:
        render('{{ regexFind .Values.P "x" }}', data)
    assert f"regexp: Compile(`{pattern}`): error parsing regexp: {message}" in str(found.value)
    assert render('{{ regexMatch .Values.P "x" }}', data) == "false"
