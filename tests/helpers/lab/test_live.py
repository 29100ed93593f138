"""What is shown where: a widget where somebody sits before it, the same picture everywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbconvert.preprocessors import ExecutePreprocessor

from helpers.lab.live import WIDGET_TYPE, Live, interactive

CELL = """
import ipywidgets
from helpers.lab.live import Live, interactive

class Hello:
    def svg(self):
        return "<svg xmlns='http://www.w3.org/2000/svg'><title>hello</title></svg>"
    def html(self):
        return "<p>hello</p>"
    def text(self):
        return "hello"

class Greeting(Live):
    made = 0
    def picture(self):
        return Hello()
    def make_widget(self):
        Greeting.made += 1
        return ipywidgets.HTML("hello")

greeting = Greeting()
display(greeting)
greeting
"""


class Words:
    """A picture without an image."""

    def svg(self) -> str | None:
        return None

    def html(self) -> str:
        return "<p>words</p>"

    def text(self) -> str:
        return "words"


class Said(Live):
    """Nothing that moves."""

    def picture(self) -> Words:
        return Words()

    def make_widget(self) -> Any:
        raise AssertionError("nobody sits before it")


def run_cell(environment: dict[str, str]) -> list[dict[str, Any]]:
    """What the displayed object and the cell's value are made of, in a kernel."""
    manager, client = start_new_kernel(
        env={**os.environ, **environment}, cwd=str(Path(__file__).parents[3])
    )
    try:
        client.execute(CELL)
        found = []
        while True:
            message = client.get_iopub_msg(timeout=60)
            content = message["content"]
            assert message["msg_type"] != "error", content
            if message["msg_type"] in ("display_data", "execute_result"):
                found.append(content["data"])
            if message["msg_type"] == "status" and content["execution_state"] == "idle" and found:
                return found
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("name", ["JPY_SESSION_NAME", "VSCODE_PID"])
def test_before_a_reader_it_is_a_widget_made_once_beside_the_picture(name: str) -> None:
    [displayed, value] = run_cell({name: "1"})
    assert displayed.keys() == {"text/plain", "text/html", "image/svg+xml", WIDGET_TYPE}
    assert displayed[WIDGET_TYPE] == value[WIDGET_TYPE]
    assert displayed[WIDGET_TYPE]["model_id"]


def test_where_nobody_sits_it_is_the_picture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JPY_SESSION_NAME", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    ExecutePreprocessor(timeout=60).preprocess(
        page, {"metadata": {"path": str(Path(__file__).parents[3])}}
    )
    for output in page.cells[0].outputs:
        assert set(output.data) == {"text/plain", "text/html", "image/svg+xml"}
    assert "widgets" not in page.metadata


def test_outside_a_kernel_nothing_is_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "one.ipynb")
    assert not interactive()
    assert Said()._repr_mimebundle_() == {"text/plain": "words", "text/html": "<p>words</p>"}
    assert repr(Said()) == "words"
