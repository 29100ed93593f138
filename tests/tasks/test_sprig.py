"""Sprig's functions, one by one, with the values that its documentation names or its code has."""

from __future__ import annotations

import re

import pytest

from helpers.localcloud.tasks.templating.template import TemplateError, render

DATA = {"Values": {"list": ["b", "a"], "map": {"k": "v", "deep": {"x": 1}}, "time": "soon"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{ int "3.7" }} {{ int "x" }} {{ float64 "2.5" }} {{ float64 "x" }}', "0 0 2.5 0"),
        ("{{ round 3.14159 2 }} {{ round 123.5 0 }} {{ div 7 2 }} {{ mod 7 2 }}", "3.14 124 3 1"),
        ('{{ toDecimal "777" }}', "511"),
        ('{{ "!" | b64dec | hasPrefix "y" }}', "false"),
        ("{{ kindOf .Values.map }} {{ kindOf .Values.list }} {{ kindOf 1 }}", "map slice int"),
        ('{{ kindIs "string" "x" }} {{ typeOf "x" }} {{ typeIs "int" 1 }}', "true string true"),
        ("{{ deepEqual (list 1) (list 1) }} {{ deepEqual 1 true }}", "true false"),
        ('{{ title "hello world" }} {{ untitle "Hello World" }}', "Hello World hello world"),
        ('{{ snakecase "FirstName" }} {{ kebabcase "FirstName" }}', "first_name first-name"),
        ('{{ initials "First Try" }}', "FT"),
        ('{{ substr 0 -1 "hello" }} {{ trunc 3 "world" }}', "hello wor"),
        ('{{ indent 2 "a\\nb" }}', "  a\n  b"),
        ('{{ nindent 1 "a" }}', "\n a"),
        ('{{ wrap 5 "aaa bbb cc" }}', "aaa\nbbb\ncc"),
        ('{{ join "-" .Values.list }} {{ join "-" "x" }}', "b-a x"),
        ("{{ until 3 }} {{ untilStep 0 6 2 }}", "[0 1 2] [0 2 4]"),
        ('{{ $m := dict "a" 1 }}{{ $_ := set $m "b" 2 }}{{ $m }}', "map[a:1 b:2]"),
        ('{{ $m := dict "a" 1 "b" 2 }}{{ $_ := unset $m "a" }}{{ $m }}', "map[b:2]"),
        ('{{ merge (dict "a" 1) (dict "a" 2 "b" 3) }}', "map[a:1 b:3]"),
        ('{{ mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3) }}', "map[a:2 b:3]"),
        ('{{ keys (dict "a" 1) }} {{ hasKey .Values.map "k" }}', "[a] true"),
        (
            '{{ coalesce "" nil "x" }} {{ empty "" }} {{ ternary 1 2 false }}',
            "x true 2",
        ),
        ("{{ toStrings (list 1 true) }} {{ sortAlpha .Values.list }}", "[1 true] [a b]"),
        ('{{ toPrettyJson (dict "a" 1) }}', '{\n  "a": 1\n}'),
        ('{{ toJson (list "<") }}', '["\\u003c"]'),
        ('{{ quote "a" nil 1 }}', '"a" "1"'),
        ('{{ date "2006-01-02 15:04:05 MST" 0 }}', "1970-01-01 00:00:00 UTC"),
        (
            '{{ dateInZone "2006-01-02T15:04:05Z07:00" 0 "America/New_York" }}',
            "1969-12-31T19:00:00-05:00",
        ),
        ('{{ dateInZone "2006-01-02 -0700" 0 "Nowhere/At_All" }}', "1970-01-01 +0000"),
    ],
)
def test_a_function(text: str, expected: str) -> None:
    assert render(text, DATA) == expected


def test_what_tells_the_time_or_a_random_text() -> None:
    year = render('{{ date "2006" .Values.time }}', DATA)
    assert re.fullmatch(r"20\d\d", year)
    assert render('{{ now | date "2006" }}', DATA) == year
    moved = render('{{ now | dateModify "-48h30m" | date "2006-01-02" }}', DATA)
    assert moved < render('{{ now | date "2006-01-02" }}', DATA)
    assert re.fullmatch(
        r"[a-zA-Z0-9]{8}-\d{4}", render("{{ randAlphaNum 8 }}-{{ randNumeric 4 }}", DATA)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{{ fail "no tag was given" }}', "no tag was given"),
        ('{{ trunc -3 "world" }}', "slice bounds out of range"),
    ],
)
def test_what_fails_says_why(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        render(text, DATA)
