"""A page in a frame without rights, and what is told of it where there is no frame."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from helpers.pictures.pages import PagePicture, is_link, is_loopback
from tests.helpers.pictures.test_logs import tags, text_of

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)> &amp;"


def test_a_page_is_told_in_all_forms() -> None:
    picture = PagePicture("http://127.1.2.3:8080/", "<h1>Hello</h1>", "15-alpine", "Green")
    assert picture.text() == "Hello World: version 15-alpine, background Green"
    assert picture.text() in text_of(picture.html())
    assert picture.text() in picture.svg()
    [frame] = [dict(attributes) for name, attributes in tags(picture.html()) if name == "iframe"]
    assert frame["sandbox"] in (None, "")  # nothing is allowed
    assert frame["srcdoc"] == "<h1>Hello</h1>"
    assert frame["title"] == picture.text()


def test_nothing_of_a_page_is_markup_of_ours() -> None:
    picture = PagePicture("javascript:alert(1)", EVIL, EVIL, EVIL, EVIL, EVIL)
    found = list(tags(picture.html()))
    assert {name for name, _ in found} == {"div", "style", "span", "iframe"}
    assert not [one for _, attributes in found for one in attributes if one[0].startswith("on")]
    names = {one.tag.rpartition("}")[2] for one in ElementTree.fromstring(picture.svg()).iter()}
    assert not names & {"script", "img", "a"}


def test_a_site_that_is_not_there_says_so() -> None:
    assert PagePicture("", "", "", "").text() == "There is no site."
    waiting = PagePicture("http://127.1.2.3:80/", "", "", "", "Creating", "A sentence.")
    assert waiting.text() == "The site does not answer: Creating\nA sentence."
    assert "<iframe" not in waiting.html()
    assert "A sentence." in waiting.svg()


@pytest.mark.parametrize(
    ("url", "loopback", "link"),
    [
        ("http://127.1.2.3:80/", True, True),
        ("http://localhost/", True, True),
        ("http://[::1]:80/", True, True),
        ("http://20.1.2.3/", False, True),
        ("https://example.org", False, True),
        ("javascript:alert(1)", False, False),
        ("data:text/html,x", False, False),
        ("", False, False),
    ],
)
def test_what_an_address_is(url: str, loopback: bool, link: bool) -> None:
    assert (is_loopback(url), is_link(url)) == (loopback, link)
