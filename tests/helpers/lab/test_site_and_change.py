"""The site, a change of the base image and a log, in a real kernel before a real cloud."""

from __future__ import annotations

import dataclasses
import gzip
import json
from typing import Any

import pytest

from helpers import forks, lab
from helpers.errors import HelpersError
from tests.helpers.front_end import WIDGET, FrontEnd, Model, front_end
from tests.helpers.lab.conftest import SETUP
from tests.scenario.world import NAMES, World

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def repainted(world: World) -> None:
    """Whatever the test before has left: a background that no test here chooses."""
    forks.set_color(world.connection, "Silver")


def message_of(world: World, commit: str) -> str:
    """What a commit says, as git has it."""
    checkout = forks.Checkout(world.connection, forks.fork(world.connection, "base-image-node"))
    assert checkout.head == commit
    return str(checkout._repository[commit.encode()].message.decode())


def test_the_site_is_shown_with_its_address_and_turns(world: World, kernel: FrontEnd) -> None:
    data = kernel.run("lab.site_preview(connection, NAMES)")
    state = lab.site_preview(world.connection, NAMES).state
    assert state.site is not None
    view = kernel.shown(data)
    assert view.state["url"] == state.site.url
    assert (view.state["state"], view.state["color"]) == ("Running", state.site.color)
    assert (view.state["loopback"], view.state["elsewhere"]) == (True, "")
    assert f'<dd id="color">{state.site.color}</dd>' in view.state["page"]
    assert "image/svg+xml" in data
    assert f'href="{state.site.url}"' in data["text/html"]
    assert data["text/plain"] == f"Hello World: version 15-alpine, background {state.site.color}"

    forks.set_color(world.connection, "Olive")  # somebody else, somewhere else
    kernel.until(lambda: view.state["color"] == "Olive", 60)
    assert '<dd id="color">Olive</dd>' in view.state["page"]
    assert view.state["problem"] == ""


def test_it_is_watched_while_a_cell_runs_and_until_nobody_looks(kernel: FrontEnd) -> None:
    """A front end that says it is there is heard only when the cell has ended."""
    data = kernel.run("shown = lab.site_preview(connection, NAMES); shown")
    number = data[WIDGET]["model_id"]
    assert "observer" in watching(kernel)
    kernel.send(number, {"came": "tab"})
    kernel.send(number, {"went": "tab"})
    kernel.send(number, {"came": "tab"})  # it arrives late: that tab is gone for good
    before = watching(kernel)
    kernel.run("shown.widget()._readers._present")
    assert kernel.outputs[-1]["text/plain"] == "set()", before


def watching(kernel: FrontEnd) -> str:
    kernel.run("print([one.name for one in threading.enumerate()])")
    return str(kernel.outputs[-1]["text/plain"])


@pytest.mark.parametrize("name", ["CODESPACES", "JUPYTERHUB_API_URL"])
def test_where_the_browser_is_elsewhere_the_view_is_told(world: World, name: str) -> None:
    with front_end({"LOCALCLOUD_HOME": str(world.cloud.home), name: "true"}) as kernel:
        kernel.run(SETUP)
        view = kernel.shown(kernel.run("lab.site_preview(connection, NAMES)"))
        assert view.state["elsewhere"] in ("GitHub Codespaces", "JupyterHub")
        assert view.state["page"]  # the copy that is shown instead


def test_no_site_is_a_picture_that_says_so(world: World) -> None:
    nowhere = dataclasses.replace(NAMES, instance="nowhere")
    picture = lab.site_preview(world.connection, nowhere).picture()
    assert picture.text() == "There is no site."


def asked(kernel: FrontEnd, number: str, model: Model, **question: Any) -> dict[str, Any]:
    """The answer to a question of the form."""
    before = model.state["answers"]
    kernel.send(number, question)
    kernel.until(lambda: model.state["answers"] > before, 60)
    return model.state


@pytest.mark.usefixtures("repainted")
def test_a_colour_is_chosen_looked_at_and_pushed(world: World, kernel: FrontEnd) -> None:
    data = kernel.run("box = lab.change_box(connection, NAMES); box")
    number, form = data[WIDGET]["model_id"], kernel.shown(data)
    assert form.state["title"].startswith("Dockerfile of ")
    assert (form.state["current"], form.state["diff"]) == ("Silver", [])
    assert form.state["starts"] == ["node-public in publicreg"]
    assert "rebeccapurple" in form.state["names"]

    state = asked(kernel, number, form, ask="choose", color="Chartreus")
    assert "CSS knows no colour of that name" in state["problem"]
    assert "'chartreuse'" in state["problem"]
    state = asked(kernel, number, form, ask="choose", color=EVIL)
    assert (state["diff"], state["color"]) == ([], EVIL)
    assert "one English word" in state["problem"]
    state = asked(kernel, number, form, ask="choose", color="Silver")
    assert state["diff"] == []
    assert "is Silver already: there is nothing to commit" in state["problem"]
    state = asked(kernel, number, form, ask="choose", color="#20b2aa")
    assert state["diff"][-2:] == ["-ENV BACKGROUND_COLOR Silver", "+ENV BACKGROUND_COLOR #20b2aa"]
    assert state["problem"] == ""

    said = f"{EVIL}\x1b[31m \x00and more"
    state = asked(kernel, number, form, ask="push", color="#20b2aa", message=said)
    assert (state["problem"], state["current"], state["diff"]) == ("", "#20b2aa", [])
    commit = state["commit"]
    assert message_of(world, commit) == f"{EVIL}[31m and more\n"
    kernel.until(lambda: [one["status"] for one in form.state["runs"]] == ["Succeeded"], 60)
    assert "of node-public in publicreg" in form.state["runs"][0]["text"]

    state = asked(kernel, number, form, ask="push", color="#20b2aa", message="again")
    assert state["problem"] == "Nothing was pushed: look at the difference once more."
    state = asked(kernel, number, form, ask="choose", color="#20b2aa")
    assert "already" in state["problem"]
    for nonsense in ({"ask": "push", "color": 7}, {"ask": "x", "color": "Red"}, {"ask": "push"}):
        kernel.send(number, nonsense)
    assert kernel.run("print('alive')") == {"text/plain": "alive\n"}


@pytest.mark.usefixtures("repainted")
def test_who_is_late_does_not_push_over_somebody_elses(world: World, kernel: FrontEnd) -> None:
    data = kernel.run("lab.change_box(connection, NAMES, 'Plum')")
    number, form = data[WIDGET]["model_id"], kernel.shown(data)
    assert form.state["diff"][-1] == "+ENV BACKGROUND_COLOR Plum"
    theirs = forks.set_color(world.connection, "Peru")
    state = asked(kernel, number, form, ask="push", color="Plum", message="")
    assert "changed by someone else meanwhile" in state["problem"]
    assert state["commit"] == ""
    assert message_of(world, theirs) == "Change the background to Peru\n"


@pytest.mark.usefixtures("repainted")
def test_the_picture_of_a_change_is_what_would_be_pushed(world: World) -> None:
    box = lab.change_box(world.connection, NAMES, "Coral")
    text = repr(box)
    assert "-ENV BACKGROUND_COLOR Silver\n+ENV BACKGROUND_COLOR Coral" in text
    assert "Commit message: Change the background to Coral" in text
    assert "It would start node-public in publicreg." in text
    assert set(box._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert "The background is Silver. Choose another colour" in repr(
        lab.change_box(world.connection, NAMES)
    )
    evil = lab.change_box(world.connection, NAMES, EVIL)._repr_mimebundle_()["text/html"]
    assert "<img" not in evil
    assert "one English word" in evil
    commit = box.push("Coral", "Half a letter: \ud800.")
    assert message_of(world, commit) == "Half a letter: .\n"
    with pytest.raises(HelpersError, match="nothing to commit"):
        box.push("Coral")


def lines(model: Model) -> list[str]:
    found: list[str] = json.loads(gzip.decompress(model.state["first"]))["texts"]
    return found


def is_over(model: Model) -> bool:
    return bool(model.state["over"])


def test_a_log_goes_on_while_other_cells_run(world: World, kernel: FrontEnd) -> None:
    data = kernel.run(
        "import base64\n"
        "steps = '''version: v1.1.0\nsteps:\n"
        "  - id: count\n    cmd: bash -c 'for i in 1 2 3 4; do echo line $i; sleep 0.5; done'\n'''\n"
        "request = {'type': 'EncodedTaskRunRequest', 'platform': {'os': 'Linux'},\n"
        "           'encodedTaskContent': base64.b64encode(steps.encode()).decode()}\n"
        "run = connection.clients.tasks.registries.schedule_run('teamreg-rg', 'teamreg', request)\n"
        "lab.log_stream(connection, run)"
    )
    view = kernel.shown(data)
    assert not is_over(view)
    kernel.run("import time; time.sleep(5)")
    assert is_over(view), "the log has waited for the cell"
    assert view.state["status"] == "Succeeded"
    assert [one for one in lines(view) if one.startswith("line ")] == [
        f"line {at}" for at in (1, 2, 3, 4)
    ]
    again = kernel.run("lab.log_stream(connection, run)")
    kernel.until(lambda: is_over(kernel.shown(again)))
    assert lines(kernel.shown(again)) == lines(view)
    assert again["text/plain"].splitlines()[-1].startswith("Run ID: ")
