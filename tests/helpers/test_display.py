"""Tables, logs and pages; what is foreign in them never becomes markup."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers.display import SITE_TYPE, LiveLog, Log, SiteError, Table, site
from helpers.pictures import Volatile
from helpers.pictures.colors import BAD, GOING

PAGE = """<!DOCTYPE html><title>x</title><style>body { background-color: DeepSkyBlue }</style>
<dl><dt>Version</dt><dd id="version">15&#45;alpine</dd><dd id="color">DeepSkyBlue</dd></dl>
<script>alert("&quot;")</script>"""


class Status(Enum):
    """As the SDK has them."""

    GOOD = "Good"


def test_a_table_is_aligned_text_and_escaped_html() -> None:
    table = Table(["NAME", "STATUS"], [("a<b", Status.GOOD), ("long name", None)])
    assert repr(table).splitlines() == [
        "NAME       STATUS",
        "---------  ------",
        "a<b        Good",
        "long name",
    ]
    page = table._repr_html_()
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert len(table) == 2


def test_a_log_is_coloured_and_escaped() -> None:
    log = Log(
        "Run <1>",
        [
            "2026/11/24 02:50:40 Executing step ID: build. Timeout(sec): 600",
            "\x1b[31m<script>alert(1)</script>\x1b[0m",
            "failed to run step ID: build",
        ],
        "Failed",
    )
    page = log._repr_html_()
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "Run &lt;1&gt;: Failed" in page
    assert f'<span style="color:{BAD.ink.css}">failed to run step' in page
    assert f'<span style="color:{GOING.ink.css}">Executing step' in page
    assert repr(log).splitlines()[1] == "<script>alert(1)</script>"
    assert "run step" in log
    assert "nothing" not in log


def test_a_log_is_reached_by_the_keyboard_and_has_a_fill_of_its_own() -> None:
    page = Log("Run <1>", ["a"])._repr_html_()
    assert 'role="region" aria-label="Run &lt;1&gt;" tabindex="0"' in page
    assert "opacity" not in page
    assert "background:light-dark(" in page


def test_a_status_is_told_by_a_mark_and_what_varies_by_its_class() -> None:
    table = Table(["RUN ID", "STATUS"], [(Volatile("ca<1"), "Failed"), ("", "so far")])
    page = table._repr_html_()
    assert '<td style="text-align:left" class="volatile">ca&lt;1</td>' in page
    assert (
        '<span class="chip bad"><span aria-hidden="true">✗ </span><bdi>Failed</bdi></span>' in page
    )
    assert page.count('class="chip') == 1
    assert repr(table).splitlines()[2] == "ca<1    Failed"


def test_outside_of_a_notebook_new_lines_are_printed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = Log("Run")
    show = LiveLog(log)
    log.lines.append("one")
    show()
    log.lines.extend(["two", "three"])
    show()
    show()
    assert capsys.readouterr().out == "one\ntwo\nthree\n"


class Handler(BaseHTTPRequestHandler):
    """Answers 503 twice, then the page."""

    refusals = 2

    def do_GET(self) -> None:
        if Handler.refusals:
            Handler.refusals -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_is_fetched_as_soon_as_it_answers(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    page = site(address, timeout=10)
    assert (page.version, page.color) == ("15-alpine", "DeepSkyBlue")
    assert page.html == PAGE
    bundle = page._repr_mimebundle_()
    assert bundle["text/plain"] == "Hello World: version 15-alpine, background DeepSkyBlue"
    assert bundle[SITE_TYPE] == {"color": "DeepSkyBlue", "version": "15-alpine"}
    # Where frames are not shown, as in a notebook that is not trusted yet, a line tells the same.
    said = "<span>Hello World: version 15-alpine, background DeepSkyBlue</span>"
    line, frame = bundle["text/html"].split("<iframe sandbox ")
    assert said in line
    assert f' href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>' in line
    assert "on the machine that this ran on" in line
    assert "<script>" not in frame
    assert "allow-same-origin" not in frame
    assert "DeepSkyBlue" in bundle["image/svg+xml"]


def test_a_site_that_does_not_answer_is_named() -> None:
    with pytest.raises(SiteError, match=r"http://127.0.0.1:9/ does not answer.*ConnectionError"):
        site("http://127.0.0.1:9/", timeout=0.1)
