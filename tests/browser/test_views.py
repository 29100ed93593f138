"""Pictures and live views in a real browser: both themes, a phone, a keyboard, what strangers wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.display import Table
from helpers.pictures import Box, Facts, Flow, Row, Tree, run_lines
from helpers.pictures.boxes import OPEN, SHUT
from helpers.views.picture import PictureView
from helpers.views.runs import Row as RunRow
from helpers.views.runs import RunsView
from tests.browser.conftest import Browser

pytestmark = pytest.mark.browser
SCHEMES = ("light", "dark")
EVIL = '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'
STATUSES = [
    ("Succeeded", "good", "✓"),
    ("Failed", "bad", "✗"),
    ("Running", "going", "●"),
    ("Canceled", "stopped", "■"),
    ("odd", "idle", "○"),
]

# A model as Jupyter gives one to a view: what it holds, what was sent, who listens.
MODEL = """
class Model {
  constructor(state) { this.state = state; this.sent = []; this.listeners = {}; }
  get(name) { return this.state[name]; }
  send(content) { this.sent.push(content); }
  on(name, listener) { (this.listeners[name] ??= new Set()).add(listener); }
  off(name, listener) { this.listeners[name]?.delete(listener); }
  tell(name, value) { for (const one of this.listeners[name] ?? []) one(value); }
  set(name, value) { this.state[name] = value; this.tell(`change:${name}`); }
}
"""


def picture_page(scheme: str) -> str:
    boxes = [
        [
            Box(
                "The public",
                "node-public",
                "publicregistry",
                "Succeeded",
                run_lines("ca4", "Commit"),
            )
        ],
        [Box("The gate", EVIL, "t" * 200, "Failed", gate=SHUT), Box("b", "c", status="Canceled")],
        [Box("The team", "hello-world", "שלום", "Running", gate=OPEN)],
        [Box("The site", "aci", status="not there yet", color="Red")],
    ]
    flow = Flow("The pipeline", boxes, "It cannot be seen.", (("more", EVIL),))
    tree = Tree(EVIL, [Row(0, "image", EVIL), Row(1, "task", "b"), Row(2, "idle", "t" * 200)])
    facts = Facts("Why?", [("task", EVIL), ("base image", "t" * 300)], "It cannot be seen.")
    table = Table(["RUN ID", "STATUS"], [(EVIL, one) for one, _, _ in STATUSES], "note")
    html = "".join([flow.html(), tree.html(), facts.html(), table._repr_html_()])
    light = "true" if scheme == "light" else "false"
    colors = "background:#fff;color:#000" if scheme == "light" else "background:#111;color:#fff"
    return page(
        f'<body data-jp-theme-light="{light}" style="{colors}"><main><h1>t</h1>{html}</main>'
    )


def page(body: str) -> str:
    head = (
        '<meta charset="utf-8"><title>t</title><meta name="viewport" content="width=device-width">'
    )
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head>{body}</html>'


def view_page(view: Any, state: dict[str, Any], scheme: str = "light") -> str:
    """A page with one live view, whose model is ``model``."""
    script = str(view._esm).replace("export default", "const made =")
    light = "true" if scheme == "light" else "false"
    return page(
        f'<body data-jp-theme-light="{light}"><style>{view._css}</style>'
        f'<main><h1>t</h1><div id="place"></div></main>'
        f'<script type="module">{MODEL}\n{script}\nconst view = made.render ? made : made();\n'
        f"window.model = new Model({json.dumps(state).replace('<', chr(92) + 'u003c')});\n"
        "view.initialize?.({ model });\n"
        "window.leave = view.render({ model, el: document.getElementById('place') });\n"
        "</script>"
    )


def rows(count: int) -> list[RunRow]:
    made = []
    for n in range(count):
        status, tone, mark = STATUSES[n % len(STATUSES)]
        task = EVIL if n % 50 == 0 else "t" * 200 if n % 51 == 0 else f"task-{n % 7}"
        time = f"2026-11-26T05:{n // 60:02}:{n % 60:02}"
        made.append(
            RunRow(f"r/{n}", f"r{n}", task, "שלום", status, tone, mark, "Commit", time, time, n)
        )
    return made


def open_runs(
    browser: Browser, folder: Path, count: int, scheme: str = "light", **more: Any
) -> None:
    path = folder / "runs.html"
    state = {"problem": "", "opened": "", "filters": {}, **more}
    path.write_text(view_page(RunsView, state, scheme), encoding="utf-8")
    browser.open(path)
    assert "came" in browser.script("return model.sent[0]")
    browser.script("model.tell('msg:custom', {all: arguments[0]})", rows(count))


def shown(browser: Browser) -> list[str]:
    found = browser.script(
        "return [...document.querySelectorAll('tbody button')].map(one => one.textContent)"
    )
    return [str(one) for one in found]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pictures_are_legible_and_harmless(browser: Browser, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "pictures.html"
    path.write_text(picture_page(scheme), encoding="utf-8")
    for preferred in SCHEMES:  # the page's theme counts, whatever the reader's system prefers
        browser.open(path, scheme=preferred)
        assert browser.violations() == []
        fill = browser.script(
            "return getComputedStyle(document.querySelector('.flow')).backgroundColor"
        )
        assert fill == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 17, 17)")
    browser.look(width=380, scheme=scheme)
    width = browser.script("return document.querySelector('.flow').scrollWidth")
    assert width <= 380
    assert browser.script("return window.hurt") is None
    assert browser.problems() == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_picture_file_follows_the_theme(browser: Browser, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "flow.svg"
    path.write_text(Flow(EVIL, [[Box(EVIL, EVIL, status="Failed")]]).svg(), encoding="utf-8")
    browser.open(path, scheme=scheme)
    fill = browser.script("return getComputedStyle(document.querySelector('rect')).fill")
    assert fill == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 17, 17)")
    assert browser.script("return window.hurt") is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_five_hundred_runs_are_pages_that_are_filtered(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    open_runs(browser, tmp_path, 500, scheme)
    assert shown(browser) == [f"r{n}" for n in range(499, 484, -1)]
    assert browser.script("return document.querySelector('nav').textContent") == (
        "NewerPage 1 of 34Older"
    )
    assert browser.violations() == []
    browser.script("document.querySelectorAll('nav button')[1].click()")
    assert shown(browser)[0] == "r484"
    choose = "const [s, v] = arguments; const one = document.querySelectorAll('select')[s];"
    choose += "one.value = v; one.dispatchEvent(new Event('change'))"
    browser.script(choose, 2, "Failed")
    assert browser.script("return document.querySelector('.lab-runs__count').textContent") == (
        "100 of 500 runs"
    )
    browser.script(choose, 0, EVIL)
    assert shown(browser) == []
    assert "No run is like that." in browser.script("return document.body.textContent")
    browser.script(choose, 2, "")
    assert len(shown(browser)) == 10
    assert browser.violations() == []
    assert browser.script("return window.hurt") is None
    assert browser.problems() == []


def test_the_focus_stays_where_it_is_while_runs_come(browser: Browser, tmp_path: Path) -> None:
    open_runs(browser, tmp_path, 20)
    browser.script("document.querySelectorAll('tbody button')[3].focus()")
    newer = [one._replace(status="Failed", tone="bad") for one in rows(25)]
    browser.script("model.tell('msg:custom', {rows: arguments[0]})", newer[10:22])
    assert browser.script("return document.activeElement.textContent") == "r16"
    assert shown(browser)[:2] == ["r21", "r20"]
    browser.press("ENTER")
    assert browser.script("return model.sent.at(-1)") == {"open": "r/16"}
    browser.script("model.set('opened', 'r/16')")
    assert browser.script("return document.activeElement.getAttribute('aria-expanded')") == "true"
    browser.press("ENTER")
    assert browser.script("return model.sent.at(-1)") == {"open": ""}
    browser.script("leave()")
    assert "went" in browser.script("return model.sent.at(-1)")
    assert browser.script("return Object.values(model.listeners).every(one => !one.size)")


def test_what_a_run_has_come_to_is_said_politely(browser: Browser, tmp_path: Path) -> None:
    open_runs(browser, tmp_path, 2, filters={"task": "task-1"})
    assert shown(browser) == ["r1"]
    place = "return document.querySelector('[aria-live=polite]').textContent"
    assert browser.script(place) == ""  # what was there already is no news
    done = rows(2)[1]._replace(status="Canceled", tone="stopped")
    browser.script("model.tell('msg:custom', {rows: arguments[0]})", [done])
    browser.script("model.set('problem', 'It cannot be seen.')")
    said = browser.driver.execute_async_script(
        f"setTimeout(() => arguments[0]((() => {{ {place} }})()), 900)"
    )
    assert said == "Run r1 of task-1 in שלום: Canceled."
    assert "It cannot be seen." in browser.script("return document.body.textContent")


def test_a_picture_that_moves_is_redrawn_and_says_why(browser: Browser, tmp_path: Path) -> None:
    going = Flow("t", [[Box("a", "b", status="Running")]]).html()
    since = going.replace(
        "<bdi>Running</bdi>", '<bdi data-since="2020-01-01T00:00:00Z">Running</bdi>'
    )
    path = tmp_path / "picture.html"
    path.write_text(view_page(PictureView, {"html": since, "said": ""}), encoding="utf-8")
    browser.open(path)
    assert " so far" in browser.script("return document.querySelector('.flow').textContent")
    failed = Flow("t", [[Box("a", "b", status="Failed")]]).html()
    browser.script("model.set('html', arguments[0]); model.set('said', 'It has failed.')", failed)
    assert "Failed" in browser.script("return document.querySelector('.flow').textContent")
    said = browser.driver.execute_async_script(
        "setTimeout(() => arguments[0](document.querySelector('[role=status]').textContent), 900)"
    )
    assert said == "It has failed."
    assert browser.violations() == []
    assert browser.problems() == []
