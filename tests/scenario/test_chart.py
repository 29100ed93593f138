"""The chart of hello-world, rendered by Helm, and the policy on what a chart may name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from helm_python import Chart
from helm_python.errors import HelmRenderError
from regopy import Interpreter

from helpers import forks

FOLDER = forks.FOLDER / "hello-world"
DIGEST = "sha256:" + "a" * 64
BY_TAG = "is not named by its digest: a tag may point to something else tomorrow"


def rendered(**image: str) -> list[dict[str, Any]]:
    """The objects of Kubernetes that the chart makes."""
    with Chart.load(FOLDER / "chart") as chart:
        files = chart.render(values={"image": image}, name="site")
    return [one for text in files.values() for one in yaml.safe_load_all(text) if one]


def denied(objects: Any, data: str | None = None) -> list[str]:
    """What the policy says against them."""
    interpreter = Interpreter()
    interpreter.add_module("images.rego", (FOLDER / "policy" / "images.rego").read_text())
    interpreter.add_data_json(data or (FOLDER / "policy" / "verified.json").read_text())
    interpreter.set_input_term(json.dumps(objects))
    [found] = interpreter.query("data.main.deny")[0].expressions
    return sorted(found)


def pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    [deployment] = [one for one in objects if one["kind"] == "Deployment"]
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return rendered(digest=DIGEST)


def test_it_names_repository_and_digest(objects: list[dict[str, Any]]) -> None:
    [container] = pod(objects)["containers"]
    assert container["image"] == f"acmerockets.azurecr.io/hello-world@{DIGEST}"
    moved = rendered(repository="contoso.azurecr.io/site", digest=DIGEST)
    assert pod(moved)["containers"][0]["image"] == f"contoso.azurecr.io/site@{DIGEST}"
    [service] = [one for one in objects if one["kind"] == "Service"]
    labels = service["spec"]["selector"]
    [deployment] = [one for one in objects if one["kind"] == "Deployment"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert deployment["spec"]["template"]["metadata"]["labels"] == labels


def test_without_a_digest_it_is_not_rendered() -> None:
    with pytest.raises(HelmRenderError, match="image.digest is missing: which image?"):
        rendered()


def test_the_policy_lets_the_chart_pass(objects: list[dict[str, Any]]) -> None:
    assert denied(objects) == []
    assert [denied(one) for one in objects] == [[], []]  # conftest gives one object at a time


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("acmerockets.azurecr.io/hello-world:do1", [BY_TAG]),
        ("acmerockets.azurecr.io/hello-world", [BY_TAG]),
        ("acmerockets.azurecr.io/hello-world@sha256:abc", [BY_TAG]),
        ("docker.io/library/node:15", ["is not from a verified registry", BY_TAG]),
        (f"node@{DIGEST}", ["is not from a verified registry"]),
        (f"acmerockets.azurecr.io.example.org/x@{DIGEST}", ["is not from a verified registry"]),
        ("", ["is not from a verified registry", BY_TAG]),
    ],
)
@pytest.mark.parametrize("place", ["containers", "initContainers", "ephemeralContainers"])
def test_what_it_refuses_wherever_it_stands(
    objects: list[dict[str, Any]], place: str, image: str, why: list[str]
) -> None:
    changed = copy.deepcopy(objects)
    pod(changed)[place] = [{"name": "other", "image": image}]
    assert denied(changed) == [f"{image} {one}" for one in why]


def test_an_image_as_a_volume_counts_as_well(objects: list[dict[str, Any]]) -> None:
    changed = copy.deepcopy(objects)
    reference = f"ghcr.io/somebody/data@{DIGEST}"
    pod(changed)["volumes"] = [{"name": "data", "image": {"reference": reference}}]
    assert denied(changed) == [f"{reference} is not from a verified registry"]


def test_another_registry_is_verified_by_the_data(objects: list[dict[str, Any]]) -> None:
    data = {"verified": {"registries": ["contoso.azurecr.io", "acmerockets.azurecr.io"]}}
    assert denied(objects, json.dumps(data)) == []
    assert (
        denied(rendered(repository="contoso.azurecr.io/x", digest=DIGEST), json.dumps(data)) == []
    )
    without = denied(objects, "{}")
    assert "data.verified.registries is missing: which registries are verified?" in without
