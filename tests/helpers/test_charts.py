"""Charts: packed as Helm packs them, refused where Helm refuses them."""

from __future__ import annotations

import pytest

from helpers import archives, charts
from helpers.charts import ChartError

CHART = b"apiVersion: v2\nname: hello-world\nversion: 0.1.0+green\ndescription: A page\n"
FILES = {"Chart.yaml": CHART, "values.yaml": b"image: {tag: x}\n", "templates/a.yaml": b"a: 1\n"}


def test_a_chart_survives_packing_and_always_packs_alike() -> None:
    made = charts.chart(FILES)
    assert made.packed() == charts.chart(dict(reversed(FILES.items()))).packed()
    again = charts.unpack(made.packed())
    assert again.files == FILES
    assert (again.name, again.version, again.tag) == ("hello-world", "0.1.0+green", "0.1.0_green")
    assert again.values == {"image": {"tag": "x"}}
    assert again.annotations == {
        "org.opencontainers.image.title": "hello-world",
        "org.opencontainers.image.version": "0.1.0+green",
        "org.opencontainers.image.description": "A page",
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"apiVersion: v3\nname: a\nversion: 0.1.0\n", "apiVersion"),
        (b"apiVersion: v2\nname: A b\nversion: 0.1.0\n", "the name 'A b'"),
        (b"apiVersion: v2\nversion: 0.1.0\n", "the name None"),
        (b"apiVersion: v2\nname: a\nversion: 1\n", "the version 1"),
        (b"apiVersion: v2\nname: a\nversion: 01.0.0\n", "the version '01.0.0'"),
        (b"apiVersion: v2\nname: a\nversion: v1.0.0\n", "the version 'v1.0.0'"),
        (b"- a list\n", "no YAML object"),
        (b"a: [\n", "no YAML"),
        (b"\xff\xfe\x00", "no YAML"),
    ],
)
def test_what_is_no_chart_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(ChartError, match="Chart.yaml") as error:
        charts.chart({"Chart.yaml": content})
    assert told in str(error.value)


def test_a_folder_without_a_description_is_no_chart() -> None:
    with pytest.raises(ChartError, match=r"There is: values.yaml"):
        charts.chart({"values.yaml": b""})


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no archive",
        charts.chart(FILES).packed()[:60],
        archives.pack({f"/{path}": content for path, content in FILES.items()}),
    ],
    ids=["empty", "text", "cut", "in no folder"],
)
def test_what_is_no_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(ChartError):
        charts.unpack(archive)


def test_a_chart_lies_where_helm_looks_for_it() -> None:
    made = charts.chart(FILES)
    charts.check_place(made, "helm/hello-world", "0.1.0_green")
    charts.check_place(made, "hello-world", "0.1.0_green")
    for repository, tag in (("helm/other", "0.1.0_green"), ("helm/hello-world", "0.1.0")):
        with pytest.raises(ChartError, match=r"ends with hello-world, and the tag 0.1.0_green"):
            charts.check_place(made, repository, tag)
