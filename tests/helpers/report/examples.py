"""Runs and executed notebooks, as a report is made of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import nbformat

from helpers.display import SITE_TYPE
from helpers.report.history import Run
from helpers.tutorial import Chapter, Result

BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=timezone.utc)
REGISTRIES = ("publicregistry", "acmebaseartifacts", "acmerockets")
HOSTILE = "<script>alert(1)</script>"
LOG = """\
2026/01/05 09:00:12 Executing step ID: validate-base-image. Timeout(sec): 600
Base image: node 15-alpine, background Red
REFUSED: a red background is not fit for production
2026/01/05 09:00:13 Container failed during run: validate-base-image. No retries remaining.
failed to run step ID: validate-base-image: exit status 1

Run ID: cg2 failed after 1s. Error: failed during run, err: exit status 1"""
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="40"><title>Pipeline</title>'
    "<desc>public, gate, team</desc><script>alert(2)</script>"
    '<rect width="300" height="40" fill="#e0e0e0"/></svg>'
)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def run(registry: str, run_id: str, task: str, begin: float, end: float, **more: Any) -> Run:
    told: dict[str, Any] = {"status": "Succeeded", "trigger": "Manual", "cause": "", **more}
    return Run(
        registry,
        run_id,
        task,
        chapter=told.pop("chapter", "08"),
        created=at(begin - 0.2),
        started=at(begin),
        finished=at(end),
        **told,
    )


# A commit passes the gate and reaches the site; the next is refused. Two other tasks run side by side.
RUNS = [
    run(
        "publicregistry",
        "ck1",
        "node-public",
        1,
        3,
        trigger="Commit",
        cause="1a2b3c4",
        images=(("node:15", "sha256:p1"),),
    ),
    run(
        "acmebaseartifacts",
        "cg1",
        "base-import-node",
        3.1,
        5,
        trigger="Image Update",
        cause="node:15",
        updated_digest="sha256:p1",
        images=(("node:15", "sha256:p1"),),
    ),
    run(
        "acmerockets",
        "do1",
        "hello-world",
        5.1,
        7,
        trigger="Image Update",
        cause="node:15",
        updated_digest="sha256:p1",
    ),
    run(
        "acmerockets",
        "do2",
        HOSTILE,
        5.2,
        6.5,
        trigger="Image Update",
        cause="node:15",
        updated_digest="sha256:p1",
    ),
    run(
        "publicregistry",
        "ck2",
        "node-public",
        10,
        12,
        trigger="Commit",
        cause="5d6e7f8",
        images=(("node:15", "sha256:p2"),),
    ),
    run(
        "acmebaseartifacts",
        "cg2",
        "base-import-node",
        12.1,
        13,
        status="Failed",
        trigger="Image Update",
        cause="node:15",
        updated_digest="sha256:p2",
    ),
    run(
        "acmerockets",
        "do3",
        "import",
        14,
        15,
        trigger="Image Update",
        cause="node:20",
        updated_digest="sha256:imported",
    ),
]


def executed(folder: Path) -> list[Result]:
    """Two notebooks as papermill leaves them: one with something of everything, and one that failed."""
    page = f"<body style='background:COLOR'><h1>Hello</h1>{HOSTILE}</body>"
    cells = [
        nbformat.v4.new_markdown_cell(
            "# Watch the gate\n\nA **good** change, and [a bad one](04-x.ipynb)."
        ),
        _code("parameters", []),
        nbformat.v4.new_markdown_cell(f"## Green\n\n| | |\n|-|-|\n| one | `{'long' * 40}` |"),
        _code("pipeline", [_data({"image/svg+xml": PICTURE, "text/plain": "public → gate"})] * 2),
        _code("before", [_site("Orange", page)]),
        _code("after", [_site("Green", page)]),
        nbformat.v4.new_markdown_cell("## What the gate said\n\n```bash\n# no heading\n```"),
        _code("log", [_data({"text/plain": LOG})]),
        _code("log-again", [nbformat.v4.new_output("stream", name="stdout", text=LOG)]),
    ]
    results = []
    for name, content in (("08-watch", cells), ("09-last", cells[:1])):
        nbformat.write(nbformat.v4.new_notebook(cells=content), folder / f"{name}.ipynb")
        result = Result(Chapter(folder / f"{name}.ipynb"), "Watch the gate", "passed", 12.34)
        result.output = result.chapter.path
        result.began, result.ended = at(0), at(12.34)
        results.append(result)
    return results


def _code(name: str, outputs: list[Any]) -> Any:
    return nbformat.v4.new_code_cell("1", id=name, outputs=outputs)


def _data(data: dict[str, Any]) -> Any:
    return nbformat.v4.new_output("display_data", data=data)


def _site(color: str, page: str) -> Any:
    import html

    served = html.escape(page.replace("COLOR", color))
    shown = f'<iframe sandbox title="background {color}" srcdoc="{served}"></iframe>'
    facts = {"color": color, "version": "15-alpine"}
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100">'
        f'<rect width="300" height="100" fill="{color}"/></svg>'
    )
    text = f"background {color}"
    return _data({SITE_TYPE: facts, "text/html": shown, "image/svg+xml": drawn, "text/plain": text})
