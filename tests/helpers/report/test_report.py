"""The report of a run: the story that its notebooks tell, the runs of the cloud, figures that add up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from helpers import report
from helpers.clouds import Connection
from helpers.report import history, story, timeline
from helpers.settings import Settings
from tests.helpers.conftest import new_settings
from tests.helpers.report import examples
from tests.helpers.report.examples import BEGAN, HOSTILE, LOG, REGISTRIES, RUNS


@pytest.fixture
def results(tmp_path: Path) -> list[Any]:
    return examples.executed(tmp_path)


def write(results: Sequence[Any], folder: Path, **more: Any) -> str:
    occasion = report.Occasion(
        "local", BEGAN, 25.0, **{"runs": RUNS, "registries": REGISTRIES, **more}
    )
    return report.write(results, folder, occasion).read_text()


# -- runs ----------------------------------------------------------------------------------------


def test_an_image_trigger_leads_back_to_the_run_that_pushed_the_image_last() -> None:
    led = {
        RUNS[child].run_id: RUNS[parent].run_id for child, parent in history.parents(RUNS).items()
    }
    # Both the public task and the gate have pushed that digest: the gate's push was the later one.
    assert led == {"cg1": "ck1", "do1": "cg1", "do2": "cg1", "cg2": "ck2"}


def test_what_ran_at_the_same_time_is_told_of_both() -> None:
    beside = {row.run.run_id: row.alongside for row in timeline.rows(RUNS)}
    assert beside["do1"] == ("do2",)
    assert beside["do2"] == ("do1",)
    assert beside["cg1"] == ()


def test_a_run_that_goes_on_has_no_duration_and_a_place_all_the_same() -> None:
    going = examples.run("acmerockets", "do9", "hello-world", 20, 21, status="Running")
    going = type(going)(**{**vars(going), "finished": None})
    chart = timeline.overview([*RUNS, going], (), REGISTRIES)
    assert chart is not None
    assert len(chart.bars) == len(RUNS) + 1
    assert timeline.rows([going])[0].seconds == ""


@pytest.mark.parametrize("seconds", [0.001, 1, 59, 60, 61, 3600, 86_400, 10_000_000])
def test_a_chart_fits_its_width_however_long_it_took(seconds: float) -> None:
    runs = [*RUNS, examples.run("acmerockets", "do9", "hello-world", 20, 20 + seconds)]
    for chart in (timeline.overview(runs, (), REGISTRIES), timeline.detail(runs)):
        assert chart is not None
        assert 1 <= len(chart.ticks) <= 40
        assert len({label for _, label in chart.ticks}) == len(chart.ticks)
        for bar in chart.bars:
            assert timeline._LABELS <= bar.queued <= bar.x
            assert bar.x + bar.width <= timeline.WIDTH
            assert 0 <= bar.y <= chart.height - 20


def test_without_runs_there_is_no_chart() -> None:
    assert timeline.overview([], (), REGISTRIES) is None
    assert timeline.detail([]) is None


def test_the_runs_of_a_cloud_are_noted_with_the_notebook_that_set_them_off(
    connection: Connection,
) -> None:
    settings = new_settings()
    seen = history.History(connection, settings)  # before anything is there
    assert (seen.runs, seen.problem) == ([], "")
    quick = make_registry(connection, settings)
    first = quick()
    seen.note("02")
    second = quick()
    seen.note("03")
    assert [(run.run_id, run.chapter) for run in seen.runs] == [(first, "02"), (second, "03")]
    assert {run.registry for run in seen.runs} == {settings.registry}
    later = history.History(connection, settings)
    third = quick()
    later.note("04")
    assert [run.run_id for run in later.runs] == [third]  # those of earlier belong to others
    group = settings.registry_group
    connection.clients.registries.registries.begin_delete(group, settings.registry).result()
    later.note("99")
    assert [run.run_id for run in later.runs] == [third]  # noted before it was deleted


def make_registry(connection: Connection, settings: Settings) -> Any:
    clients: Any = connection.clients
    group = settings.registry_group
    clients.resources.resource_groups.create_or_update(group, {"location": "eastus"})
    body = {"location": "eastus", "sku": {"name": "Premium"}}
    clients.registries.registries.begin_create(group, settings.registry, body).result()

    def quick() -> str:
        request = {
            "type": "EncodedTaskRunRequest",
            "encodedTaskContent": "dmVyc2lvbjogdjEuMS4wCnN0ZXBzOiBbXQo=",  # version and no steps
            "platform": {"os": "Linux"},
        }
        done = clients.tasks.registries.schedule_run(group, settings.registry, request)
        return str(done.run_id)

    return quick


def test_a_cloud_that_does_not_answer_costs_the_runs_and_not_the_report(
    connection: Connection, results: list[Any], tmp_path: Path
) -> None:
    seen = history.History(connection, new_settings())
    broken: Any = seen._connection.clients.tasks.runs
    with pytest.MonkeyPatch.context() as patch:
        from azure.core.exceptions import HttpResponseError

        def refuse(*_: Any) -> Any:
            raise HttpResponseError(f"(TooManyRequests) {HOSTILE}\nCode: 429")

        patch.setattr(broken, "list", refuse)
        seen.note("02")
    assert seen.problem.startswith("The runs of ")
    assert "Code" not in seen.problem
    text = write(results, tmp_path / "out", runs=[], problem=seen.problem)
    assert "(TooManyRequests) &lt;script&gt;" in text
    assert "No run of a task was started." not in text  # nobody knows


# -- the story -----------------------------------------------------------------------------------


def test_the_story_has_pictures_changes_of_the_site_and_what_the_gate_said(
    results: list[Any],
) -> None:
    first, last = story.tell(results)
    green, said = first.steps
    assert [green.heading, said.heading] == ["Green", "What the gate said"]
    [picture] = green.pictures  # twice the same is shown once
    assert picture.alternative == "Pipeline public, gate, team"
    assert picture.source.startswith("data:image/svg+xml;base64,")
    assert green.change is not None
    before, after = green.change
    assert before is not None
    assert (before.color, after.color) == ("Orange", "Green")
    assert after.picture is not None
    [verdict] = said.verdicts  # a log that is printed twice is told of once
    assert verdict.lines == ("REFUSED: a red background is not fit for production",)
    assert (verdict.run, verdict.step) == ("cg2", "validate-base-image: exit status 1")
    assert (last.steps, last.site) == ((), after)


VALIDATE = "validate-base-image: exit status 1"
RED = "a red background is not fit for production"
BEFORE = "2026/01/05 09:00:12 Downloading\n"
END = "\nRun ID: do7 failed after 0s. Error: x"


@pytest.mark.parametrize(
    ("log", "step", "lines"),
    [
        (LOG.replace("REFUSED: ", "./test.sh: denied\n"), VALIDATE, (RED,)),
        (f"{BEFORE}no such secret\nask somebody\n{END}", "", ("no such secret", "ask somebody")),
        (f"{BEFORE}{END}", "", (END.strip(),)),
        ("Run ID: do7 was successful after 0s", "", None),
        ("REFUSED\nRun ID: do7 was successful after 1s", "", None),
    ],
)
def test_a_run_that_failed_says_why_in_its_own_words(
    log: str, step: str, lines: tuple[str, ...] | None
) -> None:
    found = list(story._verdicts(log))
    assert [one.lines for one in found] == ([] if lines is None else [lines])
    assert [one.step for one in found] == ([] if lines is None else [step])


# -- the page ------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_it_opens_from_disk_and_runs_nothing(results: list[Any], tmp_path: Path) -> None:
    for page in (write(results, tmp_path), (tmp_path / "08-watch.html").read_text()):
        elements = Elements(page)
        assert not elements.all("script")
        assert not elements.all("link")
        assert "url(http" not in page
        assert "@import" not in page
        for image in elements.all("img"):
            assert str(image["src"]).startswith("data:")
            assert (
                image["alt"] or image.get("class") == "paper"
            )  # which stands for a frame on paper
        for frame in elements.all("iframe"):
            assert frame["sandbox"] in (None, "")
            assert frame["title"]
    assert HOSTILE not in write(results, tmp_path)


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(
    results: list[Any], tmp_path: Path
) -> None:
    elements = Elements(write(results, tmp_path))
    ids = [str(found["id"]) for _, found in elements.found if "id" in found]
    assert len(set(ids)) == len(ids)
    links = [str(one["href"]) for one in elements.all("a") if "href" in one]
    assert "#run-acmebaseartifacts-cg2" in links
    assert "09-last.html" in links
    assert len(links) == len(elements.all("a")) - 1  # 04 was not run, and has no page here
    for link in links:
        assert link[1:] in ids if link.startswith("#") else (tmp_path / link).is_file(), link


def test_headings_are_in_order(results: list[Any], tmp_path: Path) -> None:
    levels = [int(one[1]) for one in re.findall(r"<(h[1-6])\b", write(results, tmp_path))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_seconds_add_up(results: list[Any], tmp_path: Path) -> None:
    for total in (24.68, 24.7, 25.0, 31.249):
        occasion = report.Occasion("local", BEGAN, total)
        text = report.write(results, tmp_path, occasion).read_text()
        shown = [float(one) for one in re.findall(r'<td class="number">(\d+\.\d)</td></tr>', text)]
        assert round(sum(shown[:-1]), 1) == shown[-1] == round(total, 1)
        assert all(one >= 0 for one in shown)


def test_it_says_when_and_with_what(results: list[Any], tmp_path: Path) -> None:
    text = write(results, tmp_path)
    assert '<time datetime="2026-01-05T09:00:00+00:00">2026-01-05 09:00 UTC</time>' in text
    for name in ("Python", "azure-mgmt-containerregistrytasks", "azure-identity"):
        assert f"<dt>{name}</dt>" in text
    assert "<dt>azure-cli</dt>" not in text


def test_the_table_says_what_the_chart_shows(results: list[Any], tmp_path: Path) -> None:
    text = write(results, tmp_path)
    row = text[text.index('id="run-acmebaseartifacts-cg1"') :].partition("</tr>")[0]
    plain = " ".join(re.sub(r"<[^>]+>", " ", row.partition(">")[2]).split())
    assert plain == (
        "cg1 base-import-node acmebaseartifacts Image Update node:15, pushed by ck1 "
        "09:00:02 1.9 ✓ Succeeded 08"
    )


def test_a_colour_that_is_none_makes_no_style(results: list[Any], tmp_path: Path) -> None:
    path = results[0].output
    path.write_text(path.read_text().replace("Green", "Red;position:fixed"))
    text = write(results, tmp_path / "out")
    assert "Red;position:fixed, 15-alpine" in text
    assert "background:Red" not in re.sub(r'srcdoc="[^"]*"', "", text)
