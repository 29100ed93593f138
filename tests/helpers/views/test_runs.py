"""A table of runs: what a front end is told of it, and what it may ask."""

from __future__ import annotations

from typing import Any

from tests.helpers.front_end import FrontEnd

MAKE = """
from helpers.views.runs import MOST, RunsView, Row
told = []
view = RunsView({"task": "<b>"}, lambda seen: told.append(seen), lambda key: told.append(key))
rows = [
    Row(f"r/{n}", str(n), "<script>", "r", "Failed", "bad", "x", "Commit", str(n), "", None)
    for n in range(3)
]
view.show(rows)
view
"""


def test_only_what_has_changed_is_told_again(kernel: FrontEnd) -> None:
    data = kernel.run(MAKE)
    model = kernel.shown(data)
    number = data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert model.state["filters"] == {"task": "<b>"}
    kernel.send(number, {"came": "a"})
    kernel.until(lambda: any("all" in content for content, _ in model.messages))

    def told(code: str) -> list[Any]:
        model.messages.clear()
        kernel.run(code)
        return [content for content, _ in model.messages]

    assert told("view.show(rows)") == []
    [changed] = told("view.show([rows[0]._replace(status='Succeeded'), *rows[1:]], 'gone')")
    assert [row[:5] for row in changed["rows"]] == [["r/0", "0", "<script>", "r", "Succeeded"]]
    assert model.state["problem"] == "gone"
    [all_again] = told("view.show(rows[1:])")  # one is there no more
    assert [row[0] for row in all_again["all"]] == ["r/1", "r/2"]
    [many] = told("view.show([rows[0]._replace(key=str(n)) for n in range(MOST + 5)])")
    assert len(many["all"]) == 2000


def test_nonsense_of_a_front_end_is_not_heard(kernel: FrontEnd) -> None:
    data = kernel.run(MAKE)
    number = data["application/vnd.jupyter.widget-view+json"]["model_id"]
    nonsense: list[dict[str, Any]] = [
        {"open": 7},
        {"open": "r/9"},
        {"came": 1},
        {"went": "x"},
        {"other": {}},
    ]
    for content in nonsense:
        kernel.send(number, content)
    kernel.send(number, {"came": "a"})
    kernel.send(number, {"came": "b"})
    kernel.send(number, {"open": "r/1"})
    kernel.send(number, {"went": "a"})
    kernel.send(number, {"went": "b"})
    kernel.run("print(told)")
    assert "[True, 'r/1', False]" in "".join(one.get("text/plain", "") for one in kernel.outputs)
