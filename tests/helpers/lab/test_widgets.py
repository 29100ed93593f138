"""The live objects in a real kernel, before a real cloud: what a front end is told, and when."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import forks, lab
from helpers.errors import HelpersError
from tests.helpers.front_end import WIDGET, FrontEnd, Model
from tests.scenario.world import NAMES, World

OBSERVERS = "print([one.name for one in threading.enumerate() if one.name.startswith('observer')])"


def child(kernel: FrontEnd, model: Model, *way: int) -> tuple[str, Model]:
    """A widget within a box of boxes."""
    number = ""
    for index in way:
        number = model.state["children"][index].removeprefix("IPY_MODEL_")
        model = kernel.models[number]
    return number, model


def watchers(kernel: FrontEnd) -> str:
    kernel.run(OBSERVERS)
    return "".join(one.get("text/plain", "") for one in kernel.outputs)


def nobody_watches(kernel: FrontEnd) -> bool:
    return watchers(kernel).strip() == "[]"


def until_nobody_watches(kernel: FrontEnd) -> None:
    for _ in range(50):
        if nobody_watches(kernel):
            return
        kernel.run("import time; time.sleep(0.2)")
    raise AssertionError(watchers(kernel))


def test_the_pipeline_moves_when_somebody_else_commits(world: World, kernel: FrontEnd) -> None:
    data = kernel.run("lab.pipeline(connection, NAMES)")
    assert {"text/plain", "text/html", "image/svg+xml", WIDGET} == set(data)
    assert "gate open" in data["image/svg+xml"]
    view = kernel.shown(data)
    number = data[WIDGET]["model_id"]
    assert "gate open" in view.state["html"]
    assert not nobody_watches(kernel)  # a cell may run before the front end can say that it looks

    kernel.send(number, {"came": "tab"})
    kernel.send(number, {"came": "other tab"})
    forks.set_color(world.connection, "Red")
    kernel.until(lambda: "gate shut" in view.state["html"], 60)
    kernel.until(lambda: "gate shut" in view.state["said"], 60)
    assert "base-import-node" in view.state["said"]
    forks.set_color(world.connection, "Teal")
    kernel.until(lambda: "background Teal" in view.state["html"], 60)
    assert "gate open" in view.state["html"]

    kernel.send(number, {"went": "tab"})
    assert not nobody_watches(kernel)
    kernel.send(number, {"went": "other tab"})
    kernel.send(number, {"went": "other tab"})
    until_nobody_watches(kernel)


def test_a_commit_that_is_watched_is_redrawn_in_its_place(kernel: FrontEnd) -> None:
    kernel.run(
        "from helpers import forks, pipeline\n"
        "seen = pipeline.watch(connection, NAMES, forks.set_color(connection, 'Red'))",
        timeout=90,
    )
    first, *_, last = [one for one in kernel.outputs if WIDGET in one]
    assert first[WIDGET] == last[WIDGET]  # one widget, and what is stored at the end is its end
    assert "not started" in first["text/plain"].splitlines()[2]
    assert last["text/plain"].splitlines()[3].endswith("Failed")
    assert "gate shut" in last["image/svg+xml"]
    assert last["text/html"] == kernel.shown(first).state["html"]
    assert "base-import-node: Failed, gate shut." in kernel.shown(first).state["said"]


def rows(model: Model) -> dict[str, list[Any]]:
    """The rows that a table has been sent, by their keys."""
    found: dict[str, list[Any]] = {}
    for content, _ in model.messages:
        if "all" in content:
            found = {}
        found.update({row[0]: row for row in content.get("all", content.get("rows", []))})
    return found


def test_the_table_has_all_runs_and_opens_their_logs(world: World, kernel: FrontEnd) -> None:
    data = kernel.run("table = lab.run_table(connection, NAMES, status='Succeeded'); table")
    assert "hello-world" in data["text/plain"]
    assert "Failed" not in data["text/plain"]
    number, table = child(kernel, kernel.shown(data), 0)
    assert table.state["filters"] == {"status": "Succeeded"}
    kernel.send(number, {"came": "tab"})
    known = {f"{name}/{one.properties.run_id}" for name in REGISTRIES for one in world.runs(name)}
    kernel.until(lambda: known <= rows(table).keys(), 60)

    # A new run is told, and the others are not told again.
    before = len(table.messages)
    task = world.connection.clients.tasks.tasks.get("publicreg-rg", "publicreg", "node-public")
    run, _ = world.run("publicreg", str(task.id))
    key = f"publicreg/{run.properties.run_id}"
    kernel.until(lambda: key in rows(table) and rows(table)[key][4] == "Succeeded", 60)
    told = {row[0] for content, _ in table.messages[before:] for row in content.get("rows", [])}
    assert told == {key}

    kernel.send(number, {"open": key})
    kernel.until(lambda: bool(kernel.shown(data).state) and has_log(kernel, data), 60)
    _, log = child(kernel, kernel.shown(data), 1, 0)
    assert log.state["title"] == f"Run {run.properties.run_id} in publicreg"
    kernel.until(lambda: bool(log.state["over"]), 60)
    assert log.state["status"] == "Succeeded"
    assert log.state["total"] > 10
    assert table.state["opened"] == key
    # One that is there no more when its log is asked for: it is said, and the table goes on.
    kernel.run(
        "from dataclasses import replace\n"
        f"table._runs['gone'] = replace(table._runs[{key!r}], run_id='zz99')\n"
        "table.open_log('gone')"
    )
    kernel.until(lambda: "zz99" in shown_log(kernel, data).state["title"], 60)
    kernel.until(lambda: bool(shown_log(kernel, data).state["problem"]), 60)
    kernel.send(number, {"open": "no/such"})
    kernel.send(number, {"open": ["nonsense"]})
    kernel.send(number, {"open": ""})
    kernel.until(lambda: not has_log(kernel, data), 60)
    kernel.send(number, {"went": "tab"})
    until_nobody_watches(kernel)


REGISTRIES = ("publicreg", "basereg", "teamreg")


def shown_log(kernel: FrontEnd, data: dict[str, Any]) -> Model:
    kernel.until(lambda: has_log(kernel, data), 60)
    return child(kernel, kernel.shown(data), 1, 0)[1]


def has_log(kernel: FrontEnd, data: dict[str, Any]) -> bool:
    return bool(child(kernel, kernel.shown(data), 1)[1].state["children"])


def test_the_question_is_asked_anew_when_the_cloud_has_changed(
    world: World, kernel: FrontEnd
) -> None:
    data = kernel.run("lab.why_not(connection, NAMES)")
    assert "Why did hello-world in teamreg not run?" in data["text/plain"]
    choice_number, choice = child(kernel, kernel.shown(data), 0, 0)
    button_number, _ = child(kernel, kernel.shown(data), 0, 1)
    number, view = child(kernel, kernel.shown(data), 1)
    options = list(choice.state["_options_labels"])
    assert options == [
        "node-public in publicreg",
        "base-import-node in basereg",
        "hello-world in teamreg",
    ]
    assert choice.state["index"] == 2
    kernel.send(number, {"came": "tab"})
    kernel.send(button_number, {"event": "click"})
    kernel.until(lambda: "it is enabled" in view.state["html"], 60)
    assert "Why did hello-world in teamreg not run?" in view.state["said"]

    tasks: Any = world.client(ContainerRegistryTasksMgmtClient).tasks
    place = ("teamreg-rg", "teamreg", "hello-world")
    tasks.update(*place, {"properties": {"status": "Disabled"}})
    kernel.until(lambda: "it is disabled" in view.state["html"], 60)
    tasks.update(*place, {"properties": {"status": "Enabled"}})
    kernel.until(lambda: "it is enabled" in view.state["html"], 60)

    kernel.set(choice_number, index=1)
    kernel.until(lambda: "Why did base-import-node in basereg" in view.state["html"], 60)
    kernel.send(number, {"went": "tab"})
    until_nobody_watches(kernel)


def test_what_is_not_there_is_said(world: World) -> None:
    with pytest.raises(HelpersError, match="settings name no such registry. They name publicreg, "):
        lab.run_table(world.connection, NAMES, registry="nowhere")
    answer = lab.why_not(world.connection, NAMES, "no-such-task")
    assert "There is no task no-such-task in the registry teamreg" in repr(answer)


def test_where_no_widget_runs_they_are_pictures(world: World) -> None:
    bundle = lab.staging(world.connection, NAMES)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    table = lab.run_table(world.connection, NAMES, task="node-public", top=1)
    bundle = table._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].count("node-public") == 1
    assert "These are the newest 1 of " in bundle["text/html"]
    assert "base-import-node" not in bundle["text/plain"]
