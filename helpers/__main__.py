"""python -m helpers: the local cloud and the tutorial from the command line."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import HelpersError, WaitInterruptedError
from .localcloud.errors import CloudError, DaemonError
from .tasks import command as task_command

if TYPE_CHECKING:
    from .localcloud.daemon import Running

_REPOSITORIES = {
    "GIT_BASE_IMAGE_NODE": "base-image-node",
    "GIT_NODE_IMPORT": "import-baseimage-node",
    "GIT_HELLO_WORLD": "hello-world",
}
_MISUSE = 2
_INTERRUPTED = 130  # 128 and SIGINT's number, as shells have it
_NO_READER = 141  # 128 and SIGPIPE's: `| head` has read enough


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit status 1, and one message, when it cannot be done."""
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if others and options.__dict__.get("command") is not _lab:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    options.others = others
    if "command" not in options:
        parser.print_help(sys.stderr)
        return _MISUSE
    try:
        status: int = options.command(options)
        sys.stdout.flush()  # here, where a reader that has gone away can still be told from a fault
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left of it
        return _NO_READER
    except WaitInterruptedError as error:
        print(error, file=sys.stderr)
        return _INTERRUPTED
    except (HelpersError, DaemonError, CloudError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers",
        description="The local cloud and the tutorial. LOCALCLOUD_HOME names the state folder.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, command: object, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(command=command)
        return added

    add("up", _up, "start the local cloud, or find the one that runs")
    add("down", _down, "stop the local cloud; its state stays")
    add("status", _status, "tell whether the local cloud runs (exit status 3: it does not)")
    add("doctor", _doctor, "examine the whole state, and repair it where the local cloud is down")
    add("env", _env, 'print the environment of its clients: eval "$(python -m helpers env)"')
    add("names", _names, 'print settings.toml for a shell: eval "$(python -m helpers names)"')
    add("progress", _progress, "tell which notebooks have left their result in the cloud")
    lab = add("lab", _lab, "open JupyterLab on the notebooks; other options are JupyterLab's")
    lab.add_argument("--keep", action="store_true", help="let the local cloud run on afterwards")
    reset = add("reset", _reset, "stop the local cloud and delete its state")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    publish = add("publish", _publish, "push repos/* to the GitHub account")
    publish.add_argument("--cloud", choices=("local", "azure"), default="local")
    publish.add_argument(
        "--restore", action="store_true", help="give changed repositories their content back"
    )
    run = add("run", _run, "run the notebooks headless, in order, and write a report")
    run.add_argument("--from", dest="first", default="", metavar="NN", help="the first notebook")
    run.add_argument("--to", dest="last", default="", metavar="NN", help="the last notebook")
    run.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the notebooks, for instance: -p registry acmerockets",
    )
    run.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="of the report")
    run.add_argument(
        "--junit",
        type=Path,
        default=None,
        metavar="FILE",
        help="write the result of each cell, for CI",
    )
    run.add_argument(
        "--keep-going",
        action="store_true",
        help="after a failure, go on with the notebooks whose prerequisites are there",
    )
    run.add_argument(
        "--status",
        type=Path,
        default=None,
        metavar="FILE",
        help="tell another program meanwhile which cell is run",
    )
    task_command.add(commands)
    return parser


def _up(_: argparse.Namespace) -> int:
    from .localcloud import daemon

    home = daemon.default_home()
    found = daemon.status(home) is not None
    running = daemon.up(home)
    print(f"The local cloud {'runs already' if found else 'runs'}: {_summary(running)}")
    from .localcloud.containers.sandboxes import machine

    if warning := machine.warning():
        print(warning)
    return 0


def _down(_: argparse.Namespace) -> int:
    from .localcloud import daemon

    home = daemon.default_home()
    stopped = daemon.down(home)
    print(f"The local cloud in {home} {'is stopped' if stopped else 'does not run'}.")
    return 0


def _status(_: argparse.Namespace) -> int:
    from .localcloud import daemon

    home = daemon.default_home()
    running = daemon.status(home)
    if running is None:
        print(f"No local cloud runs in {home}. Start it: python -m helpers up")
        _print_damage(home)
        return 3
    print(f"The local cloud runs: {_summary(running)}, for {_age(running)}")
    _print_damage(home)
    return 0


def _print_damage(home: Path) -> None:
    from .localcloud import damage

    findings = damage.glance(home)
    for finding in findings:
        print(f"  {finding}")
    if findings:
        print("To examine all of it: python -m helpers doctor")


def _doctor(_: argparse.Namespace) -> int:
    """Exit status 0 when the state is whole or was repaired, 1 when something is left."""
    from .localcloud import daemon, doctor

    home = daemon.default_home()
    if not (home / "state.db").exists():
        print(f"There is no local cloud in {home}.")
        return 0
    logging.getLogger("helpers").setLevel(logging.CRITICAL)  # the report names all of it
    with daemon.held(home) as alone:
        report = doctor.examine(home, repair=alone)
    for finding in report.findings:
        result = finding.repaired or "left as it is"
        print(f"{finding.what}\n  {finding.problem}\n  {result}")
    if report.collected:
        print(f"{report.collected} blobs that nothing refers to: deleted, {report.size} bytes")
    left = len(report.left)
    if not report.findings:
        print(f"The state in {home} is whole.")
    else:
        print(f"{len(report.findings) - left} repaired, {left} left.")
    if left and not alone:
        print("To repair it: python -m helpers down, then python -m helpers doctor")
    return 1 if left else 0


def _summary(running: Running) -> str:
    return f"{running.proxy_url}, process {running.pid}, state in {running.home}"


def _age(running: Running) -> str:
    seconds = max(0, round(time.time() - running.started))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _env(_: argparse.Namespace) -> int:
    from .clouds import MISLEADING, local_environment
    from .localcloud import daemon

    running = daemon.up(daemon.default_home())
    for name in MISLEADING:
        if name in os.environ:
            print(f"unset {name}")
    for name, value in local_environment(running).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _names(_: argparse.Namespace) -> int:
    """The variables that the az blocks of the notebooks use."""
    from . import parameters

    settings = parameters.made({})
    if settings.github_owner:
        print(f"export GITHUB_OWNER={shlex.quote(settings.github_owner)}")
    for name, value in settings.variables().items():
        print(f"{name}={shlex.quote(value)}")
    for name, repository in _REPOSITORIES.items():
        print(f'{name}="https://github.com/${{GITHUB_OWNER}}/{repository}.git#main"')
    return 0


def _progress(_: argparse.Namespace) -> int:
    from . import parameters, progress
    from .clouds import connect

    settings = parameters.made({})
    connection = connect(settings.cloud, github_owner=settings.github_owner)
    for number, there in progress.evidence(settings, connection).items():
        print(number, "done" if there else "open")
    return 0


def _lab(options: argparse.Namespace) -> int:
    from .jupyter import launch

    return launch.run(options.others, keep=options.keep)


def _reset(options: argparse.Namespace) -> int:
    from .localcloud import daemon
    from .state import delete_state

    home = daemon.default_home()
    if not options.yes and sys.stdin.isatty():
        answer = input(f"Delete every registry, vault, image and run in {home}? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return 1
    daemon.down(home)
    deleted = delete_state(home)
    print(f"{'Deleted' if deleted else 'There was no'} local cloud in {home}.")
    return 0


def _publish(options: argparse.Namespace) -> int:
    from . import forks
    from .clouds import connect

    for fork in forks.publish(connect(options.cloud), restore=options.restore):
        print(fork.url)
    return 0


def _run(options: argparse.Namespace) -> int:
    from . import headless

    parameters = dict(options.parameters)
    return headless.run(
        options.first,
        options.last,
        parameters,
        options.output,
        junit_file=options.junit,
        keep_going=options.keep_going,
        status=options.status,
    )


if __name__ == "__main__":
    sys.exit(main())
