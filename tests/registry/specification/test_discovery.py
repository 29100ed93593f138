"""Section "Content Discovery": tags and referrers, page by page."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import requests

from tests.registry.places import INDEX, MANIFEST, Place

from .contents import CONFIG, EMPTY, blob, described, error, get, image, index, named, put

# -- tags ----------------------------------------------------------------------------------------

TAGS = ["1.0", "1.1", "V1", "_x", "a", "a-1", "latest"]  # as ASCII orders them


@pytest.fixture
def tagged(place: Place, app: str) -> str:
    data = image(place, app)
    for tag in reversed(TAGS):
        put(place, app, data, tag)
    return app


def tags(place: Place, path: str) -> list[str]:
    answer = get(place, path)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["tags"])


def test_all_tags_in_order(place: Place, tagged: str) -> None:
    answer = get(place, f"{tagged}/tags/list")
    assert answer.json() == {"name": tagged, "tags": TAGS}
    assert answer.headers["Content-Type"] == "application/json"
    assert "Link" not in answer.headers


def test_pages_of_tags(place: Place, tagged: str) -> None:
    for size in range(1, len(TAGS) + 2):
        found: list[str] = []
        following = f"https://{place.server}/v2/{tagged}/tags/list?n={size}"
        while following:
            answer = place.http.get(following)
            page = answer.json()["tags"]
            assert 0 < len(page) <= size
            found += page
            link = answer.links.get("next", {}).get("url", "")
            following = link and requests.compat.urljoin(following, link)
        assert found == TAGS, size


@pytest.mark.parametrize("kind", ["tags", "catalog", "acr tags", "acr manifests", "acr catalog"])
def test_a_page_of_nothing_is_the_last_one(place: Place, tagged: str, kind: str) -> None:
    path = {
        "tags": f"/v2/{tagged}/tags/list",
        "catalog": "/v2/_catalog",
        "acr tags": f"/acr/v1/{tagged}/_tags",
        "acr manifests": f"/acr/v1/{tagged}/_manifests",
        "acr catalog": "/acr/v1/_catalog",
    }[kind]
    answer = place.http.get(f"https://{place.server}{path}?n=0")
    assert answer.status_code == 200
    assert "Link" not in answer.headers
    [listed] = [
        value
        for name, value in answer.json().items()
        if name in ("tags", "repositories", "manifests")
    ]
    assert not listed


def test_what_follows_a_tag(place: Place, tagged: str) -> None:
    for last in TAGS:
        after = TAGS[TAGS.index(last) + 1 :]
        assert tags(place, f"{tagged}/tags/list?last={last}") == after
        assert tags(place, f"{tagged}/tags/list?last={last}&n=2") == after[:2]
    assert tags(place, f"{tagged}/tags/list?last=a-0") == ["a-1", "latest"]  # which is no tag


@pytest.mark.parametrize("n", ["-1", "one", "1.5", "", "9" * 30, "٣"])
def test_a_number_that_is_none(place: Place, tagged: str, n: str) -> None:
    answer = get(place, f"{tagged}/tags/list?n={n}")
    if n in ("", "9" * 30):
        assert answer.json()["tags"] == TAGS
    else:
        assert (answer.status_code, error(answer)) == (400, "PAGINATION_NUMBER_INVALID")


def test_the_page_of_another_listing(place: Place, tagged: str) -> None:
    """Where it goes on is a name: that of another listing is none of this one's, and never loops."""
    other = named(b"manifest of another listing")
    assert tags(place, f"{tagged}/tags/list?last={other}&n=3") == []
    for order in ("timeasc", "timedesc"):
        url = f"https://{place.server}/acr/v1/{tagged}/_tags?orderby={order}&last={other}&n=3"
        answer = place.http.get(url)
        assert (answer.status_code, error(answer)) == (400, "UNSUPPORTED")
        assert other in answer.text


@pytest.mark.parametrize("order", ["timeasc", "timedesc"])
def test_a_page_goes_on_when_its_last_tag_is_gone(place: Place, tagged: str, order: str) -> None:
    base = f"https://{place.server}"
    answer = place.http.get(f"{base}/acr/v1/{tagged}/_tags?orderby={order}&n=3")
    names = [one["name"] for one in answer.json()["tags"]]
    assert place.http.delete(f"{base}/acr/v1/{tagged}/_tags/{names[-1]}").status_code == 202
    rest = place.http.get(base + answer.links["next"]["url"].replace("n=3", "n=100"))
    following = [one["name"] for one in rest.json()["tags"]]
    assert names + following == (TAGS if order == "timedesc" else TAGS[::-1])


def test_a_repository_that_is_not_there_has_no_tags(place: Place, app: str) -> None:
    answer = get(place, f"{app}/tags/list")
    assert (answer.status_code, error(answer)) == (404, "NAME_UNKNOWN")


# -- referrers -----------------------------------------------------------------------------------


def referrers(place: Place, repository: str, digest: str, **query: str) -> requests.Response:
    answer = place.http.get(place.url(f"{repository}/referrers/{digest}"), params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == INDEX
    body = answer.json()
    assert (body["schemaVersion"], body["mediaType"]) == (2, INDEX)
    return answer


def by_digest(answer: requests.Response) -> dict[str, dict[str, Any]]:
    return {one["digest"]: one for one in answer.json()["manifests"]}


def test_what_nothing_refers_to_has_no_referrers(place: Place, app: str) -> None:
    for _ in range(2):  # a repository that is not there is no error, nor is a missing subject
        assert by_digest(referrers(place, app, named(os.urandom(9)))) == {}
        put(place, app, image(place, app))


def test_referrers_are_described(place: Place, app: str) -> None:
    subject = image(place, app)
    of: dict[str, Any] = {"subject": described(subject, MANIFEST)}
    blob(place, app, b"{}")
    empty = described(b"{}", EMPTY)
    notes = {"org.example": "note"}
    plain = image(place, app, **of)
    typed = image(place, app, **of, artifactType="application/a", annotations=notes)
    artifact = json.dumps(
        {**json.loads(typed), "config": empty, "artifactType": "application/b"}
    ).encode()
    listed = index([], **of, artifactType="application/a")
    bare = index([], **of, annotations=notes)
    expected = {}
    for data, kind, artifact_type, noted in (
        (plain, MANIFEST, CONFIG, None),  # "the value of config.mediaType"
        (typed, MANIFEST, "application/a", notes),
        (artifact, MANIFEST, "application/b", notes),
        (listed, INDEX, "application/a", None),
        (bare, INDEX, None, notes),  # "omitted" for an index without one
    ):
        answer = place.put(app, named(data), data, kind)  # before its subject is there
        assert (answer.status_code, answer.headers["OCI-Subject"]) == (201, named(subject))
        expected[named(data)] = {
            **described(data, kind),
            **({"artifactType": artifact_type} if artifact_type else {}),
            "annotations": noted or {},
        }
    put(place, app, image(place, app), "unrelated")
    for _ in range(2):
        assert by_digest(referrers(place, app, named(subject))) == expected
        put(place, app, subject)
    answer = referrers(place, app, named(subject), artifactType="application/a")
    assert set(by_digest(answer)) == {named(typed), named(listed)}
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"
    assert by_digest(referrers(place, app, named(subject), artifactType="application/none")) == {}
    everything = referrers(place, app, named(subject), artifactType="")
    assert set(by_digest(everything)) == set(expected)
    assert "OCI-Filters-Applied" not in everything.headers
    assert place.http.delete(place.url(f"{app}/manifests/{named(plain)}")).status_code == 202
    assert named(plain) not in by_digest(referrers(place, app, named(subject)))


def test_pages_of_referrers(place: Place, app: str) -> None:
    subject = image(place, app)
    put(place, app, subject)
    made = []
    for number in range(7):
        kind = "application/odd" if number % 2 else "application/even"
        of: dict[str, Any] = {"subject": described(subject, MANIFEST), "artifactType": kind}
        made.append(put(place, app, image(place, app, **of)))
    for wanted, expected in (("", made), ("application/odd", made[1::2])):
        for size in (1, 2, 3, 7, 8):
            query = {"n": str(size)} | ({"artifactType": wanted} if wanted else {})
            answer = referrers(place, app, named(subject), **query)
            found = list(by_digest(answer))
            while "next" in answer.links:
                assert 0 < len(answer.json()["manifests"]) <= size
                answer = place.http.get(f"https://{place.server}{answer.links['next']['url']}")
                assert answer.headers.get("OCI-Filters-Applied", "") == (wanted and "artifactType")
                found += by_digest(answer)
            assert found == expected, (wanted, size)


def test_a_page_of_referrers_is_within_what_a_client_takes(place: Place, app: str) -> None:
    """An index has 4 MiB at most: what does not fit comes with the next page."""
    subject = image(place, app)
    put(place, app, subject)
    for number in range(6):
        noted = {str(number): "x" * 1_000_000}
        of = described(subject, MANIFEST)
        put(place, app, image(place, app, subject=of, annotations=noted))
    answer = referrers(place, app, named(subject))
    assert len(answer.content) <= 4 * 1024 * 1024
    found = list(by_digest(answer))
    answer = place.http.get(f"https://{place.server}{answer.links['next']['url']}")
    found += by_digest(answer)
    assert "next" not in answer.links
    assert len(set(found)) == 6
