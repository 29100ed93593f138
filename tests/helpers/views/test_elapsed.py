"""What takes a while says so where somebody looks on, and leaves one line that says no time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from helpers.views.elapsed import Elapsed, duration

ROOT = Path(__file__).resolve().parents[3]
WORK = """
import time
from helpers.views.elapsed import Elapsed
with Elapsed("Painting <the> shed") as going:
    time.sleep(1.2)
    going.at("wall 2 of 4", 0.5)
    time.sleep(2)
    going.done("The shed is painted.")
"""
FAILS = """
import time
from helpers.views.elapsed import Elapsed
try:
    with Elapsed("Painting") as going:
        going.done("Painted.")
        time.sleep(1.5)
        raise ValueError
except ValueError:
    pass
"""


def in_kernel(code: str, **environment: str) -> list[tuple[str, Any]]:
    """What a cell shows, message by message."""
    kept = {k: v for k, v in os.environ.items() if k not in ("JPY_SESSION_NAME", "VSCODE_PID")}
    manager, client = start_new_kernel(env={**kept, **environment}, cwd=str(ROOT))
    try:
        sent = client.execute(code)
        found = []
        while True:
            message = client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != sent:
                continue
            content = message["content"]
            assert message["msg_type"] != "error", content
            if message["msg_type"] in ("stream", "display_data", "update_display_data"):
                found.append((message["msg_type"], content))
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return found
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_before_a_reader_it_is_one_output_that_ends_as_one_line() -> None:
    shown = in_kernel(WORK, JPY_SESSION_NAME="page.ipynb")
    kinds = [kind for kind, _ in shown]
    assert kinds[0] == "display_data"
    assert set(kinds[1:]) == {"update_display_data"}
    numbers = {content["transient"]["display_id"] for _, content in shown}
    assert len(numbers) == 1
    *moving, last = [content["data"] for _, content in shown]
    assert moving[0]["text/plain"] == "Painting <the> shed (0:01)"
    assert "Painting &lt;the&gt; shed" in moving[0]["text/html"]
    assert any("wall 2 of 4 (0:0" in one["text/plain"] for one in moving)
    assert any('value="0.50"' in one["text/html"] for one in moving)
    assert all("<progress" in one["text/html"] for one in moving)
    assert last["text/plain"] == "The shed is painted."
    assert "progress" not in last["text/html"]


def test_what_fails_leaves_no_line_that_says_that_it_is_done() -> None:
    shown = in_kernel(FAILS, JPY_SESSION_NAME="page.ipynb")
    assert shown[-1][1]["data"]["text/plain"] == "Painting: not done."


def test_what_is_kept_has_nothing_of_it() -> None:
    assert in_kernel(WORK) == []
    assert in_kernel(FAILS) == []


def on_terminal(code: str) -> str:
    """What a program shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        while True:
            try:
                some = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not some:
                break
            seen += some
    finally:
        os.close(ours)
        process.wait(60)
    return seen.decode()


def test_on_a_terminal_it_is_a_line_that_is_written_over() -> None:
    shown = on_terminal(WORK)
    assert "\rPainting <the> shed (0:01)" in shown
    assert "\rPainting <the> shed: wall 2 of 4 (0:02)" in shown
    *_, blank, last = shown.split("\r")
    assert (blank.strip(), last) == ("", "")  # and taken away at the end
    assert "\n" not in shown


def test_a_log_has_nothing_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORK], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_what_is_short_shows_nothing_and_leaves_no_thread(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with Elapsed("Blinking") as going:
        assert "elapsed" in [one.name for one in threading.enumerate()]
        going.at("the left eye")
    assert "elapsed" not in [one.name for one in threading.enumerate()]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (7, "0:07"), (92.9, "1:32"), (3723, "1:02:03")]
)
def test_durations_are_shown_as_a_clock_shows_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
