"""python -m helpers.record: run the notebooks, and store in them what came out.

A page is one run: its dates, run ids and digests belong together. A notebook of which everything comes
out alike, by the rules that nbval compares with, stays as it is stored, so recording twice changes
nothing; as soon as one cell says something else, all outputs of that page are those of this run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import tutorial
from .errors import HelpersError
from .localcloud import atomic, daemon
from .localcloud.cloud import Account
from .localcloud.errors import DaemonError
from .state import delete_state

RULES = tutorial.ROOT / "tests" / "nbval-sanitize.cfg"
IGNORED = "nbval-ignore-output"

# Run ids begin with two letters that follow from the subscription: this one keeps them the same.
_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
_METADATA: dict[str, Any] = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # No version: another Python would be another line in every notebook.
    "language_info": {
        "name": "python",
        "pygments_lexer": "ipython3",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "nbconvert_exporter": "python",
    },
}
_OF_A_RUN = ("execution", "papermill", "ExecuteTime")  # metadata that tell of one run of a cell
_WIDGETS = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")
# What may differ where an output is not compared: ids and digests, numbers, and the order of lines.
_LOOSE = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"[0-9a-f]{12,64}"), "ID"),
    (re.compile(r"\b[a-z]{2}[0-9][0-9a-z]*\b"), "RUNID"),
    (re.compile(r"\d+(?:\.\d+)*"), "0"),
    (re.compile(r" {2,}|-{2,}"), " "),
)

Rules = Sequence[tuple[str, str]]


class RecordError(HelpersError):
    """Nothing, or not everything, could be recorded; the message says why."""


@dataclass(frozen=True)
class Recorded:
    """What was written into a notebook: the ids of the cells for which its page was replaced, and
    whether any byte of the file changed.
    """

    cells: tuple[str, ...]
    changed: bool


def rules(path: Path = RULES) -> list[tuple[str, str]]:
    """The patterns of a sanitize file and what replaces them, read as nbval reads them."""
    return re.findall(r"^regex: (.*)\nreplace: (.*)$", path.read_text(encoding="utf-8"), re.M)


def alike(stored: Any, new: Any, by: Rules, *, loosely: bool = False) -> bool:
    """Whether two lists of outputs are the same by the rules; ``loosely``: as far as an output
    that nbval does not compare can be the same.
    """
    before, after = _comparable(stored, by, loosely), _comparable(new, by, loosely)
    return before == after


def merge(
    stored: dict[str, Any], executed: dict[str, Any], by: Rules, *, anew: bool = False
) -> tuple[str, ...]:
    """Put the outputs of ``executed`` into ``stored``, all of them or none: a page is of one run.

    They are put in when one of them is not alike, or ``anew`` says so. Returns the ids of the cells
    that made it necessary. Raises :class:`RecordError` when the two are not the same notebook.
    """
    if [_identity(cell) for cell in stored["cells"]] != [
        _identity(cell) for cell in executed["cells"]
    ]:
        raise RecordError("it was edited while it ran. Record it again")
    pairs = [
        (old, [_cleaned(one) for one in new["outputs"]])
        for old, new in zip(stored["cells"], executed["cells"], strict=True)
        if old["cell_type"] == "code"
    ]
    changed = tuple(str(old["id"]) for old, outputs in pairs if anew or not _same(old, outputs, by))
    for count, (old, outputs) in enumerate(pairs, start=1):
        if changed:
            old["outputs"] = outputs
        old["execution_count"] = count
        for one in old["outputs"]:
            if "execution_count" in one:
                one["execution_count"] = count
    for cell in stored["cells"]:
        for name in _OF_A_RUN:
            cell["metadata"].pop(name, None)
    stored["metadata"] = _METADATA
    return changed


def _same(cell: Mapping[str, Any], outputs: Any, by: Rules) -> bool:
    loosely = IGNORED in cell["metadata"].get("tags", [])
    return alike(cell["outputs"], outputs, by, loosely=loosely)


def record(
    path: Path, executed: Path, by: Rules, secrets: Mapping[str, str], *, anew: bool = False
) -> Recorded:
    """Store in the notebook ``path`` what came out in its copy ``executed``.

    ``secrets``: what must not be in an output, and how to call it in the message. ``anew``: also
    where nothing but dates and ids has changed.
    Raises :class:`RecordError`.
    """
    import nbformat

    before = path.read_text(encoding="utf-8")
    mode = path.stat().st_mode & 0o777
    stored = json.loads(before)
    # nbformat writes texts as lists of lines, as Jupyter stores them; sorted keys are Jupyter's too.
    new = json.loads(nbformat.writes(nbformat.read(executed, as_version=4)))
    for cell in new["cells"]:
        _refuse(cell, secrets, path.name)
    try:
        cells = merge(stored, new, by, anew=anew)
    except RecordError as error:
        raise RecordError(f"{path.name} was not written: {error}.") from None
    after = json.dumps(stored, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if after != before:
        atomic.write(path, after)
        path.chmod(mode)
    return Recorded(cells, after != before)


def run(
    only: Sequence[str] = (),
    last: str = "",
    folder: Path = tutorial.NOTEBOOKS,
    *,
    anew: bool = False,
) -> int:
    """Run the notebooks up to ``last`` in a local cloud of their own, and record those in ``only``
    (all, if empty). 0 when all passed; 1 when one failed: it and the later ones stay as they are.
    ``anew``: also the pages of which nothing but dates and ids has changed.

    Raises :class:`~helpers.errors.HelpersError` for a notebook that does not exist.
    """
    by = rules()
    wanted = {tutorial.chapters(one, one, folder)[0] for one in only}
    if only and not last:
        last = max(chapter.number for chapter in wanted)
    chosen = tutorial.chapters(last=last, folder=folder)
    failed = None
    with tempfile.TemporaryDirectory(prefix="record-") as name, _cloud(Path(name)) as account:
        secrets = {
            account.client_secret: "the secret of the service principal",
            account.github_token: "the GitHub token",
            name: "a temporary folder",
            str(tutorial.ROOT): "the folder of the project",
            f"{Path.home()}/": "the home folder",
        }
        results = tutorial.run(chosen, {}, Path(name, "out"), finished=_tell)
        for result in results:
            if result.status == "failed":
                failed = result
            if result.status != "passed" or (wanted and result.chapter not in wanted):
                continue
            assert result.output is not None
            _say(result, record(result.chapter.path, result.output, by, secrets, anew=anew))
    if failed is not None and failed.failure is not None:
        print(f"\n{failed.chapter.name} failed at this cell:\n", file=sys.stderr)
        print(tutorial.describe(failed.failure), file=sys.stderr)
        print("\nNothing was written into it, nor into the later ones.", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _cloud(folder: Path) -> Iterator[Account]:
    """A local cloud of nobody else's, for this process and its kernels."""
    home = folder / "cloud"
    home.mkdir(mode=0o700)
    path = home / "account.json"
    account = Account.load(path)
    path.write_text(json.dumps({**asdict(account), "subscription_id": _SUBSCRIPTION}))
    before = dict(os.environ)
    os.environ["LOCALCLOUD_HOME"] = str(home)
    try:
        yield account
    finally:
        daemon.down(home)
        delete_state(home)  # layers of images have folders that only this enters
        os.environ.clear()
        os.environ.update(before)


def _tell(result: tutorial.Result) -> None:
    mark = "✓" if result.status == "passed" else "✗"
    print(f"{mark} {result.chapter.name:<24} {result.seconds:6.1f} s", flush=True)


def _say(result: tutorial.Result, recorded: Recorded) -> None:
    if recorded.cells:
        what = f"new output in {', '.join(recorded.cells)}"
    else:
        what = "tidied" if recorded.changed else "unchanged"
    print(f"{result.chapter.name}: {what}")


# -- comparing ----------------------------------------------------------------------------------


def _identity(cell: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(cell["id"]), str(cell["cell_type"]), _text(cell["source"])


def _comparable(outputs: Any, by: Rules, loosely: bool) -> dict[str, list[Any]]:
    """What nbval compares: the texts of each stream, and of each kind of data, in order."""
    found: dict[str, list[Any]] = {}
    streams: dict[str, str] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + _text(output["text"])
        for kind, value in output.get("data", {}).items():
            found.setdefault(kind, []).append(value if isinstance(value, dict) else _text(value))
    for name, text in streams.items():
        found[name] = [text]
    return {
        kind: [_sanitized(one, by, loosely) if isinstance(one, str) else one for one in values]
        for kind, values in found.items()
    }


def _sanitized(text: str, by: Rules, loosely: bool) -> str:
    for pattern, replacement in by:
        text = re.sub(pattern, replacement, text)
    if loosely:
        for loose, instead in _LOOSE:
            text = loose.sub(instead, text)
        text = "\n".join(sorted(set(text.splitlines())))
    return text


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _cleaned(output: dict[str, Any]) -> dict[str, Any]:
    """An output as it may be stored: nothing of widgets, whose state is not."""
    for kind in _WIDGETS:
        output.get("data", {}).pop(kind, None)
    return output


def _refuse(cell: Mapping[str, Any], secrets: Mapping[str, str], name: str) -> None:
    text = json.dumps(cell.get("outputs", []), ensure_ascii=False)
    for secret, meaning in secrets.items():
        if secret in text:
            raise RecordError(
                f"{name} was not written: the cell {cell['id']} prints {meaning}. Change the cell."
            )


# -- the command --------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Record from the command line; exit status 1, and one message, when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m helpers.record", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NN", help="write into these notebooks alone"
    )
    parser.add_argument("--to", dest="last", default="", metavar="NN", help="the last one to run")
    parser.add_argument(
        "--anew", action="store_true", help="also pages of which only dates and ids have changed"
    )
    options = parser.parse_args(arguments)
    try:
        return run(options.only, options.last, anew=options.anew)
    except (HelpersError, DaemonError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
