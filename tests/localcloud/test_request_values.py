"""Headers, queries, forms and JSON that nobody sends by accident: refused, with no input that fails."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.errors import CloudError
from helpers.localcloud.request_body import parse_json
from helpers.localcloud.request_values import (
    LARGEST,
    basic_credentials,
    bearer_token,
    parse_number,
    parse_range,
)
from tests.conftest import LocalCloud


@pytest.mark.parametrize(
    "text",
    [
        r'{"a": "\ud800"}',
        r'["\udfff\ud800"]',
        r'{"\ud800": 1}',
        '{"a": NaN}',
        "[Infinity]",
        "[1e999]",
        "[" + "9" * 5000 + "]",
        "[" * 200 + "]" * 200,
        "[" * 100_000,
        '{"a":' * 100_000,
        "{",
        "",
    ],
)
def test_json_that_no_service_could_store_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text.encode())


@pytest.mark.parametrize("content", [b'"\xff"', b'"\xed\xa0\x80"', "{}".encode("utf-16")])
def test_json_is_utf_8(content: bytes) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        parse_json(content)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), st.lists))
def test_other_json_is_read_as_it_was_written(value: object) -> None:
    for ascii_only in (True, False):
        assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value
    assert parse_json(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value


@given(st.text())
def test_a_basic_header_is_read_or_nobodys(text: str) -> None:
    assert basic_credentials(f"Basic {text}") is not None
    encoded = base64.b64encode(f"user:{text}".encode(errors="replace")).decode()
    found = basic_credentials(f"bAsIc {encoded}")
    assert found is not None
    assert found[0] == "user"
    assert basic_credentials(f"Bearer {encoded}") is None


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer a.b.c", "a.b.c"),
        ("bEARER  a.b.c ", "a.b.c"),
        *(("Bearer", ""), ("Bearer ", "")),
        *((None, None), ("", None), ("a.b.c", None), ("Basic YTpi", None), ("Bearers a", None)),
    ],
)
def test_a_bearer_header_has_a_token_or_is_another(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


def test_numbers_have_ascii_digits_and_no_end() -> None:
    assert parse_number("0") == 0
    assert parse_number("007") == 7
    assert parse_number("9" * 5000) == LARGEST
    assert [parse_number(one) for one in ("", "-1", "²", "٣", "1.0", " 1")] == [None] * 6


@given(st.integers(0, 2**70), st.integers(0, 2**70), st.integers(0, 1000))
def test_a_range_is_within_the_content_or_refused(first: int, last: int, size: int) -> None:
    for text in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        found, status = None, 206
        try:
            found = parse_range(text, size, "X")
        except CloudError as error:
            status = error.status
        assert (found is None) == (status == 416)
        assert found is None or 0 <= found[0] <= found[1] < size


@pytest.mark.parametrize("digits", [19, 5000])
def test_a_range_with_many_digits_is_one(local_cloud: LocalCloud, digits: int) -> None:
    assert parse_range("bytes=3-" + "9" * digits, 10, "X") == (3, 9)
    with pytest.raises(CloudError, match="not in a content of 10 bytes"):
        parse_range("bytes=" + "9" * digits + "-", 10, "X")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/o/r/info/refs?service=git-upload-pack",
        "https://api.github.com/user",
        "https://auth.docker.io/token",
        "https://registry-1.docker.io/v2/",
        "http://169.254.169.254/metadata/identity/oauth2/token?resource=x",
    ],
)
def test_a_basic_header_that_is_not_ascii_is_wrong(local_cloud: LocalCloud, url: str) -> None:
    for value in ("Basic é", "Basic " + "=" * 9, "Basic /w==", "Basic", "Basic  "):
        header = value.encode("latin-1")
        answer = local_cloud.http().get(
            url,
            headers={"Authorization": header, "Proxy-Authorization": header, "Metadata": "true"},
        )
        assert 400 <= answer.status_code < 500, (value, answer.text)


def test_a_token_whose_header_is_nested_without_end_is_wrong(local_cloud: LocalCloud) -> None:
    for inner in ("[" * 15_000, '{"alg":"RS256","kid":"\\ud800"}', "[]", '{"alg":["RS256"]}'):
        header = base64.urlsafe_b64encode(inner.encode()).decode().rstrip("=")
        for url in (
            "https://management.azure.com/subscriptions?api-version=2022-12-01",
            "https://graph.microsoft.com/v1.0/me",
            "https://v.vault.azure.net/secrets",
            "https://registry-1.docker.io/v2/",
        ):
            token = f"{header}.e30.c2ln"
            answer = local_cloud.http().get(url, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, (url, answer.text)


def test_a_url_that_is_no_text_is_refused(local_cloud: LocalCloud) -> None:
    for host in ("management.azure.com", "api.github.com", "v.vault.azure.net", "x.azurecr.io"):
        for path in ("%00", "a%0d%0ab", "%ff", "%ed%a0%80", "a?b=%00", "a?b=%fe"):
            answer = local_cloud.http().get(f"https://{host}/{path}")
            assert answer.status_code == 400, (host, path, answer.text)
        for path in ("%zz", "%", "%25", "a?%=%zz&&&==", "%e2%82%ac"):
            status = local_cloud.http().get(f"https://{host}/{path}").status_code
            assert status < 500 or status == 501, (host, path)
