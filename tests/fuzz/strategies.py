"""Texts, numbers, bodies, headers and queries that nobody sends by accident."""

from __future__ import annotations

import base64
import copy
import json
import re
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

TEXTS = st.sampled_from(
    [
        *("", " ", "\0", "é", "\ud800", "\udfff\ud800", "a\0b", "\r\nX: y", "\u202e", "🚀", "\x7f"),
        *("..", "../../etc/passwd", "/", "//", "%00", "%ff", "%ed%a0%80", "%zz", "%", "%2e%2e"),
        *("'", '"', "''", "a' or 'b", "{}", "[]", "null", "true", "1e999", "-1", "0", "²", "٣"),
        *("9" * 25, "9" * 5000, "0x10", "1.5", "NaN", "a" * 300, "A" * 5000, "sha256:", "a:b@c"),
        *(
            "sha256:" + "0" * 64,
            "sha256:" + "Z" * 64,
            "sha512:" + "0" * 128,
            "latest",
            "*",
            "(" * 500,
        ),
        *("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *("a eq 'b'", "and " * 900, "contains(a,", "$(id)", "${{x}}", "a" + "-" * 300, "." * 300),
    ]
) | st.text(max_size=12)
NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 1.5, -0.0, 1e308]) | (
    st.integers() | st.floats()
)
FIELDS = st.sampled_from(
    [
        *("name", "id", "type", "location", "tags", "properties", "value", "enabled", "exp", "nbf"),
        *("ids", "status", "platform", "os", "steps", "trigger", "schemaVersion", "mediaType"),
        *("config", "layers", "manifests", "digest", "size", "subject", "annotations"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | TEXTS, inner, max_size=4),
    max_leaves=8,
)
BODIES = st.sampled_from(
    [
        *(b"", b"{", b"[]", b"null", b'"\xff"', b'"\xed\xa0\x80"', b"[" * 50_000, b'{"a":' * 5_000),
        *(b"\0", b'{"a": ' + b"9" * 5000 + b"}", b"[NaN]", b"\xef\xbb\xbf{}", b"a=%ff"),
        "{}".encode("utf-16"),
    ]
) | st.binary(max_size=40)


@st.composite
def changed(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """A good body with something else somewhere, or another body."""
    if draw(st.integers(0, 5)) == 0:
        return draw(BODIES | JSON.map(lambda one: json.dumps(one).encode()))
    body = copy.deepcopy(body)
    place: Any = body
    for _ in range(4):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys)) if keys else None
        if key is None:
            break
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and draw(st.booleans()):
            place = inner
            continue
        place[key] = draw(JSON)
        break
    return json.dumps(body).encode()


def encoded(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


# In a URL: percent-encoded, or as it is, but for what ends it.
SEGMENTS = TEXTS.map(encoded) | TEXTS.map(lambda text: re.sub(r"[^!-~]|[#?]", "", text))


@st.composite
def mostly(draw: st.DrawFn, good: str) -> str:
    """In four of five cases the good text: else nothing gets as far as what is behind it."""
    return good if draw(st.integers(0, 4)) else draw(SEGMENTS)


HEADER_VALUES = TEXTS.map(lambda text: re.sub(r"[\0\r\n]", "", text).encode("utf-8", "replace"))
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Range", "x-ms-range", "Content-Range", "If-Match", "Content-MD5", "Content-Type"),
            *("x-ms-blob-type", "x-ms-blob-content-type", "x-ms-version", "Content-Encoding"),
            *("Accept", "Git-Protocol", "Metadata", "X-Identity-Header", "Proxy-Authorization"),
        ]
    ),
    st.sampled_from([b"bytes=0-" + b"9" * 5000, b"bytes=" + b"9" * 5000 + b"-", b"bytes=-0"])
    | HEADER_VALUES,
    max_size=3,
)
AUTHORIZATIONS = st.sampled_from(
    ["Basic é", "Basic", "Bearer", "Bearer é", "Basic ====", "Basic \xff", "Bearer a.b.c", "é"]
).map(lambda text: text.encode("latin-1")) | st.binary(max_size=20).map(
    lambda data: b"Basic " + base64.b64encode(data)
)
QUERY_NAMES = st.sampled_from(
    [
        *("$filter", "$top", "$expand", "api-version", "n", "last", "orderby", "digest", "mount"),
        *("artifactType", "from", "scope", "service", "account", "offline_token", "tail", "comp"),
        *("timestamps", "blockid", "sv", "se", "st", "sp", "sig", "resource", "grant_type"),
    ]
)
QUERIES = st.lists(st.tuples(QUERY_NAMES | TEXTS.map(encoded), SEGMENTS), max_size=3).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
