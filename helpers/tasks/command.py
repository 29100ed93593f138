"""The words of ``python -m helpers task``: its commands, their options, their help."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_RENDER = """\
Renders a task file as ACR Tasks does, and shows what would run: the text with aliases and
templates replaced, and the steps in order with what each waits for, defaults filled in. Nothing
runs, and no local cloud is needed. Secrets are shown as SECRET(id); their vaults are not asked.
What ACR Tasks refuses is told on stderr, with the line, and the exit status is 1."""
_RENDER_EXAMPLES = """\
examples:
  python -m helpers task render acr-task.yaml --registry myregistry.azurecr.io
  python -m helpers task render acr-task.yaml --set ENVIRONMENT=test --values values.yaml
  python -m helpers task render acr-task.yaml --run Commit=1a2b3c --run Branch=main --json
  python -m helpers task render part.tpl --template-only

Names of --run are those of {{.Run}}: ID, Commit, Repository, Branch, GitTag, TriggeredBy, Date,
SharedVolume, OS, OSVersion, Architecture. Files of alias.src are looked for beside FILE."""

_SCAN = """\
Scans a Dockerfile for dependencies as ACR Tasks does before each build, and shows the images that
a run would record: what the image is based on (a task's base-image trigger watches it), and what
else its build uses. The scan is not Docker's parser: it reads FROM and ARG line by line, and what
it does not understand ends a run before anything is built. That is told on stderr, with the line,
and the exit status is 1."""

_LINT = """\
Looks for what will surprise on Azure, in a task file and the Dockerfiles that it builds, in one
Dockerfile, or in all of a folder: a Dockerfile that the dependency scan refuses, BuildKit's syntax
while BuildKit is off, an env that the agent's shell takes apart, aliases in a file whose version
has none, properties and names that ACR Tasks does not know and passes over, a base image that no
trigger can watch, and images that this machine has not got. Each finding has its place, what will
happen, the way out, and the name of its rule. The exit status is 1 when a run would fail, 0 when
there are warnings alone. Nothing runs, and no local cloud is
needed. Paths count from the folder, or from that of the task file: the source of the run."""


def add(commands: Commands) -> None:
    """Add ``task``, and its own commands, to the commands of ``python -m helpers``."""
    summary = "tell what ACR Tasks makes of a task file, without running it"
    task = commands.add_parser(
        "task", help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    own = task.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_render(own)
    _add_scan(own)
    _add_lint(own)


def _add_render(commands: Commands) -> None:
    render = commands.add_parser(
        "render",
        help="show the rendered task: its steps in order, defaults filled in",
        description=_RENDER,
        epilog=_RENDER_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    render.set_defaults(command=_render)
    render.add_argument("file", metavar="FILE", help="the task file; - is standard input")
    _add_values(render)
    render.add_argument("--task", default="", metavar="NAME", help="the name of the task")
    render.add_argument(
        "--run",
        dest="run_values",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the run is, as {{.Run.NAME}}: ID=ca1, Commit=1a2b3c, Branch=main …",
    )
    render.add_argument(
        "--template-only",
        action="store_true",
        help="the file is a template, and need not be a task: show it rendered",
    )
    render.add_argument("--json", action="store_true", help="print one JSON object")


def _render(options: argparse.Namespace) -> int:
    from . import render

    return render.run(options)


def _add_scan(commands: Commands) -> None:
    scan = commands.add_parser(
        "scan",
        help="show the images that a build depends on, as the scan of ACR Tasks finds them",
        description=_SCAN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scan.set_defaults(command=_scan)
    scan.add_argument("file", metavar="DOCKERFILE", help="the Dockerfile; - is standard input")
    for name, placeholder, what in (
        ("--build-arg", "NAME=VALUE", "the value of an ARG; it wins over its default"),
        ("--tag", "IMAGE", "the name of the image that is built"),
    ):
        scan.add_argument(name, action="append", default=[], metavar=placeholder, help=what)
    scan.add_argument("--target", default="", metavar="STAGE", help="the stage to build")
    scan.add_argument("--json", action="store_true", help="print one JSON object")


def _scan(options: argparse.Namespace) -> int:
    from . import scan

    return scan.run(options)


def _add_lint(commands: Commands) -> None:
    lint = commands.add_parser(
        "lint",
        help="find what will surprise on Azure, in task files and Dockerfiles",
        description=_LINT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lint.set_defaults(command=_lint)
    lint.add_argument("file", metavar="FILE|FOLDER", help="a task file, a Dockerfile or a folder")
    _add_values(lint)
    lint.add_argument("--json", action="store_true", help="print one JSON list")


def _lint(options: argparse.Namespace) -> int:
    from . import lint

    return lint.run(options)


def _add_values(command: argparse.ArgumentParser) -> None:
    """What a task file is rendered with."""
    command.add_argument("--values", default="", metavar="FILE", help="a file of values (YAML)")
    command.add_argument(
        "--set",
        dest="values_set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one value, as {{.Values.NAME}}; it wins over the file of values",
    )
    command.add_argument(
        "--registry",
        default="myregistry.azurecr.io",
        metavar="HOST",
        help="the login server of the registry (myregistry.azurecr.io)",
    )
