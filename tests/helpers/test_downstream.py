"""Who waits for whom: the tree that tasks and images make, as lines and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import downstream
from helpers.downstream import Downstream, Task
from tests.scenario.test_stage import IMPORTER, grant, make_task
from tests.scenario.world import NAMES, World, make_gated_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_gated_world(tmp_path_factory.mktemp("downstream")) as made:
        yield made


def test_the_tasks_of_a_cloud_say_what_they_wait_for(world: World) -> None:
    seen = downstream.waiting(world.connection, NAMES)
    assert repr(seen) == "\n".join(
        [
            "docker.io/node:15-alpine",
            "└─ node-public in publicreg",
            "   └─ publicreg.azurecr.io/node:15-alpine",
            "      └─ base-import-node in basereg",
            "         └─ basereg.azurecr.io/node:15-alpine",
            "            └─ hello-world in teamreg",
        ]
    )
    assert seen.waiting_for("basereg.azurecr.io/node:15-alpine") == ["hello-world"]
    assert seen.waiting_for("basereg.azurecr.io/node:16-alpine") == []


def test_an_import_leads_from_a_task_to_an_image(world: World) -> None:
    task = make_task(world, "basereg", "import-node", "acr-task-import.yaml", "publicreg")
    for registry in ("basereg", "publicreg"):
        grant(world, task, IMPORTER, registry)
    run, log = world.run("basereg", str(task.id))
    assert run.properties.status == "Succeeded", log
    base = {"name": "defaultBaseimageTriggerName", "baseImageTriggerType": "Runtime"}
    update = {"properties": {"trigger": {"baseImageTrigger": base}}}
    tasks: Any = world.client(ContainerRegistryTasksMgmtClient).tasks
    tasks.update("basereg-rg", "basereg", "import-node", update)
    # A login that nothing uses any more: the image there has the digest of what the site is built on.
    login: Any = {"customRegistries": {"publicreg.azurecr.io": {"identity": "[system]"}}}
    site = ("teamreg-rg", "teamreg", "hello-world")
    tasks.update(*site, {"properties": {"credentials": login}})
    imported = {one.name: one.imported for one in downstream.waiting(world.connection, NAMES).tasks}
    assert imported == {
        "node-public": (),
        "base-import-node": (),
        "hello-world": (),
        "import-node": ("basereg.azurecr.io/node:15-alpine",),
    }
    tasks.delete("basereg-rg", "basereg", "import-node")
    login["customRegistries"]["publicreg.azurecr.io"] = None
    tasks.update(*site, {"properties": {"credentials": login}})


def test_what_keeps_a_task_from_waiting_is_told(world: World) -> None:
    tasks: Any = world.client(ContainerRegistryTasksMgmtClient).tasks
    image = "basereg.azurecr.io/node:15-alpine"
    place = ("teamreg-rg", "teamreg", "hello-world")
    off = {"baseImageTrigger": {"name": "defaultBaseimageTriggerName", "status": "Disabled"}}
    for change, note in (
        ({"trigger": off}, "base image trigger disabled"),
        ({"status": "Disabled"}, "disabled"),
    ):
        tasks.update(*place, {"properties": change})
        seen = downstream.waiting(world.connection, NAMES)
        assert repr(seen).splitlines()[-1].endswith(f"└─ hello-world in teamreg ({note})")
        assert seen.waiting_for(image) == []
    step = {"type": "EncodedTask", "encodedTaskContent": "dmVyc2lvbjogdjEuMS4wCg=="}
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime"}}
    for name, more in (("by-hand", {}), ("never-run", {"trigger": trigger})):
        properties = {"platform": {"os": "Linux"}, "step": step, **more}
        body = {"location": "eastus", "properties": properties}
        tasks.create("teamreg-rg", "teamreg", name, body)
    *_, never_run = repr(downstream.waiting(world.connection, NAMES)).splitlines()
    assert "by-hand" not in repr(downstream.waiting(world.connection, NAMES))
    assert never_run == "never-run in teamreg (base image not known yet)"


def test_each_image_and_task_has_its_place() -> None:
    seen = Downstream(
        [
            Task("one", "base", ("hub/node:1",), ("one/base:1", "one/base:run")),
            Task("one", "left", ("one/base:1",), ("one/left:1",)),
            Task("one", "right", ("one/base:1",), ("one/right:1",)),
            Task("two", "both", ("one/left:1", "one/right:1"), ("two/both:1",)),
            Task("two", "last", ("two/both:1",)),
            Task("two", "pinned", silent="base image named by digest"),
        ]
    )
    assert repr(seen).splitlines() == [
        "hub/node:1",
        "└─ base in one",
        "   └─ one/base:1",
        "      ├─ left in one",
        "      │  └─ one/left:1",
        "      │     └─ both in two",
        "      │        └─ two/both:1",
        "      │           └─ last in two",
        "      └─ right in one",
        "         └─ one/right:1",
        "            └─ both in two: see above",
        "pinned in two (base image named by digest)",
    ]
    picture = ElementTree.fromstring(seen._repr_svg_())
    space = "{http://www.w3.org/2000/svg}"
    assert picture.findtext(f"{space}title") == "Who waits for whom"
    assert picture.findtext(f"{space}desc") == repr(seen)
    _, *texts = ["".join(one.itertext()) for one in picture.iter(f"{space}text")]
    assert texts == [line.lstrip("│├└─ ") for line in repr(seen).splitlines()]
    # An arrow leads to each but the two roots.
    assert len(list(picture.iter(f"{space}path"))) == len(texts) - 2
    boxes = list(picture.iter(f"{space}rect"))[1:]
    assert [box.get("stroke-dasharray") is not None for box in boxes] == [False] * 11 + [True]
    assert "both in two: see above" in seen._repr_html_()


def test_the_way_of_an_image_is_unfolded_where_it_goes() -> None:
    gate = Task("verified", "old-gate", ("pub/node:1",), ("verified/node:1",), "disabled")
    stage = Task(
        "staging", "stage", ("pub/node:1",), ("staging/node:run",), "", ("verified/node:1",)
    )
    site = Task("team", "site", ("verified/node:1",))
    assert repr(Downstream([gate, stage, site])).splitlines() == [
        "pub/node:1",
        "├─ stage in staging",
        "│  └─ verified/node:1, imported",
        "│     └─ site in team",
        "└─ old-gate in verified (disabled)",
        "   └─ verified/node:1: see above",
    ]


def test_a_circle_ends() -> None:
    seen = Downstream(
        [
            Task("one", "hen", ("one/egg:1",), ("one/hen:1",)),
            Task("one", "egg", ("one/hen:1",), ("one/egg:1",)),
        ]
    )
    assert repr(seen).splitlines() == [
        "one/egg:1",
        "└─ hen in one",
        "   └─ one/hen:1",
        "      └─ egg in one",
        "         └─ one/egg:1: see above",
    ]


def test_names_are_text_and_not_markup() -> None:
    seen = Downstream([Task("one", "<b>&", ("x/y:1",))])
    assert "<b>" not in seen._repr_svg_()
    assert ElementTree.fromstring(seen._repr_svg_()) is not None
    assert repr(Downstream([])) == ""
    assert ElementTree.fromstring(Downstream([])._repr_svg_()) is not None
