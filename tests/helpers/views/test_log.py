"""The view of a log in a real kernel: what a front end is sent, and when it asks for more."""

from __future__ import annotations

import gzip
import json
from functools import partial
from typing import Any

from tests.helpers.front_end import WIDGET, FrontEnd, Model, front_end

EXECUTING = "2026/11/24 02:50:40 Executing step ID: build. Timeout(sec): 600, Working directory: ''"


def unpacked(piece: bytes) -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(piece)))


def texts(model: Model) -> list[str]:
    """What a front end has that takes every piece that begins where it is."""
    found = list(unpacked(model.state["first"])["texts"])
    for content, buffers in model.messages:
        if content["from"] <= len(found):
            found[content["from"] :] = unpacked(buffers[0])["texts"]
    return found


def arrived(model: Model, count: int) -> bool:
    return len(texts(model)) == count


def test_a_log_is_a_widget_for_who_sits_before_it_and_a_picture_beside(kernel: FrontEnd) -> None:
    data = kernel.run(
        "from helpers.display import Log\n"
        f"Log('Run cf1', [{EXECUTING!r}, '\\x1b[31m<script>x</script>\\x1b[0m'], 'Failed')"
    )
    model = kernel.shown(data)
    assert (model.state["title"], model.state["status"], model.state["over"]) == (
        "Run cf1",
        "Failed",
        True,
    )
    assert model.state["total"] == 2
    assert unpacked(model.state["first"]) == {
        "texts": [EXECUTING, "<script>x</script>"],
        "kinds": "S ",
        "spans": {"1": [[0, 18, "red"]]},
    }
    assert model.state["steps"] == [
        {"name": "build", "line": 0, "status": "stopped", "seconds": None}
    ]
    assert data["text/plain"].splitlines() == [EXECUTING, "<script>x</script>"]
    assert "<script>" not in data["text/html"]


def test_a_kernel_that_nobody_sits_before_has_no_widget() -> None:
    with front_end({"JPY_SESSION_NAME": ""}) as kernel:
        data = kernel.run("from helpers.display import Log; Log('Run', ['one'])")
        assert sorted(data) == ["text/html", "text/plain"]
        assert not kernel.models
        assert kernel.run("import sys; print('anywidget' in sys.modules)") == {
            "text/plain": "False\n"
        }


def test_a_log_that_grows_is_told_piece_by_piece(kernel: FrontEnd) -> None:
    data = kernel.run(
        "from helpers.display import LiveLog, Log\n"
        "log = Log('Run cf2', [], 'Running')\n"
        "show = LiveLog(log)"
    )
    model = kernel.shown(data)
    assert texts(model) == []
    kernel.run(f"log.lines += [{EXECUTING!r}, 'one']; show()")
    assert texts(model) == [EXECUTING, "one"]
    assert model.state["steps"][0]["status"] == "started"
    kernel.run("log.lines += [f'line {at}' for at in range(18000)]; show()")
    assert model.state["total"] == 18002
    assert texts(model)[-1] == "line 17999"
    assert len(texts(model)) == 18002
    assert kernel.run("log.status = 'Failed'; show()") == {}  # nothing is drawn anew meanwhile
    assert (model.state["status"], model.state["over"]) == ("Failed", False)
    end = kernel.run("show.end()")
    assert model.state["over"] is True
    assert kernel.shown(end) is model
    assert "left out" in end["text/html"]  # what is stored is how it was in the end


def test_who_comes_later_asks_for_what_they_have_missed(kernel: FrontEnd) -> None:
    data = kernel.run(
        "from helpers.display import Log\nLog('Run', [f'line {at}' for at in range(18000)])"
    )
    number, model = data[WIDGET]["model_id"], kernel.shown(data)
    assert model.messages == []  # nobody could have heard one
    for have, more in ((8000, 16000), (16000, 18000)):
        assert len(texts(model)) == have
        kernel.send(number, {"from": have})
        kernel.until(partial(arrived, model, more))
    assert texts(model)[17999] == "line 17999"
    for nonsense in ({"from": "x"}, {"from": -1}, {"from": 10**9}, {}):
        kernel.send(number, nonsense)
    assert kernel.run("print('alive')") == {"text/plain": "alive\n"}


def test_a_log_without_end_has_an_end(kernel: FrontEnd) -> None:
    kernel.run(
        "from helpers.views import log as views\n"
        "views._MOST = 5000\n"
        "view = views.LogView('Run', [str(at) for at in range(6000)])\n"
        "view.extend(['more'])"
    )
    _, model = kernel.find(title="Run", total=5001)
    assert texts(model)[4999:] == [  # what came later is not there
        "4999",
        "The log goes on, and is not shown here beyond 5,000 lines.",
    ]
