"""A real kernel, as a front end that runs widgets sees it: outputs, models and their messages."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

WIDGET = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).parents[2]


@dataclass
class Model:
    """A widget's model: what its state is now, and the messages of its own that came with it."""

    state: dict[str, Any]
    messages: list[tuple[dict[str, Any], list[bytes]]] = field(default_factory=list)


class FrontEnd:
    """What a notebook's tab knows of a kernel."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client
        self.models: dict[str, Model] = {}
        self.outputs: list[dict[str, Any]] = []

    def run(self, code: str, timeout: float = 60) -> dict[str, Any]:
        """Run a cell; the data of its last output. An error in it is an error here."""
        self.outputs.clear()
        number = self._client.execute(code, store_history=True)
        self.wait(
            lambda message: (
                message["msg_type"] == "status"
                and message["content"]["execution_state"] == "idle"
                and message["parent_header"].get("msg_id") == number
            ),
            timeout,
        )
        return self.outputs[-1] if self.outputs else {}

    def wait(self, over: Callable[[Any], bool], timeout: float = 30) -> None:
        """Take messages until one of them is what is waited for."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError("the kernel has not said it in time") from None
            self._take(message)
            if over(message):
                return

    def until(self, done: Callable[[], bool], timeout: float = 30) -> None:
        """Take messages until something is so."""
        if not done():
            self.wait(lambda _: done(), timeout)

    def shown(self, data: Mapping[str, Any]) -> Model:
        """The model of a widget that an output shows."""
        return self.models[data[WIDGET]["model_id"]]

    def find(self, **state: Any) -> tuple[str, Model]:
        """The last model with that state, and its id."""
        for number, model in reversed(list(self.models.items())):
            if all(model.state.get(name) == value for name, value in state.items()):
                return number, model
        raise AssertionError(f"no widget has {state}")

    def send(self, number: str, content: Mapping[str, Any]) -> None:
        """A message of its own to a widget."""
        self._comm(number, {"method": "custom", "content": dict(content)})

    def set(self, number: str, **state: Any) -> None:
        """What somebody has entered."""
        self._comm(number, {"method": "update", "state": state, "buffer_paths": []})

    def click(self, **state: Any) -> None:
        """Press the button with that state."""
        self.send(self.find(**state)[0], {"event": "click"})

    def _comm(self, number: str, data: Mapping[str, Any]) -> None:
        content = {"comm_id": number, "data": data}
        self._client.shell_channel.send(self._client.session.msg("comm_msg", content))

    def _take(self, message: Mapping[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        buffers = [bytes(one) for one in message.get("buffers", [])]
        if kind in ("display_data", "execute_result", "update_display_data"):
            self.outputs.append(content["data"])
        elif kind == "stream":
            self.outputs.append({"text/plain": content["text"]})
        elif kind == "error":
            raise AssertionError("\n".join(content["traceback"]))
        elif kind == "comm_open":
            self.models[content["comm_id"]] = Model(_state(content["data"], buffers))
        elif kind == "comm_msg" and content["comm_id"] in self.models:
            model, data = self.models[content["comm_id"]], content["data"]
            if data["method"] in ("update", "echo_update"):
                model.state.update(_state(data, buffers))
            elif data["method"] == "custom":
                model.messages.append((data["content"], buffers))


def _state(data: Mapping[str, Any], buffers: list[bytes]) -> dict[str, Any]:
    state = dict(data["state"])
    for path, buffer in zip(data.get("buffer_paths", []), buffers, strict=True):
        [name] = path
        state[name] = buffer
    return state


@contextmanager
def front_end(environment: Mapping[str, str] | None = None) -> Iterator[FrontEnd]:
    """A kernel that Jupyter Server has started, as far as it can tell."""
    manager = KernelManager(kernel_name="python3")
    own = {**os.environ, "JPY_SESSION_NAME": "notebook.ipynb", **(environment or {})}
    manager.start_kernel(env=own, cwd=str(ROOT))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield FrontEnd(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
