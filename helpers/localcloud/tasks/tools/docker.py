"""``docker`` in a task step: the subcommands that task files use, on the run's container host."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable

from ...containers.build.build_context import ContextError
from ...containers.engine import human_size
from ...containers.errors import BuildError, SandboxError
from ...errors import CloudError
from ...reference import DOCKER_HUB, InvalidReferenceError
from ...registry.credentials import Credential
from ..errors import UsageError
from . import ToolContext, docker_containers, docker_exec, docker_networks, docker_run
from .arguments import Parser, stand_in
from .tables import table

DAEMON = "docker: Error response from daemon: "

_GROUPS = {
    "image": ("pull", "push", "tag", "build", "inspect", "ls", "rm"),
    "container": (
        *(
            "run",
            "ls",
            "ps",
            "list",
            "stop",
            "kill",
            "rm",
            "logs",
            "exec",
            "wait",
            "port",
            "inspect",
        ),
        *("cp", "start", "restart", "create", "commit", "attach"),
    ),
}
_ABSENT = {
    "buildx": "use a build step with the cache enabled, or DOCKER_BUILDKIT=1",
    "manifest": "images are for linux/amd64 alone, and an index needs several",
    "save": "an image leaves its host by docker push",
    "load": "an image comes by docker pull",
    "import": "an image comes by docker pull",
    "history": "look at docker inspect",
    "info": "there is no daemon",
    "events": "there is no daemon",
    "search": "Docker Hub is not there",
    "stats": "look at docker ps",
    "top": "look at docker ps",
}
_SYNONYMS = {
    ("image", "ls"): "images",
    ("image", "rm"): "rmi",
    ("container", "ls"): "ps",
    ("container", "list"): "ps",
}


def run(arguments: list[str], context: ToolContext) -> int:
    """Run one docker command; returns its exit status."""
    words = list(arguments)
    while words and words[0] in ("--debug", "-D"):
        words.pop(0)
    if words[:1] in (["--version"], ["-v"]):
        words = ["version"]
    if not words:
        context.log("docker: a command is missing. The local cloud has: " + ", ".join(_COMMANDS))
        return 1
    name = words.pop(0)
    if name in _GROUPS and words and words[0] in _GROUPS[name]:
        name = _SYNONYMS.get((name, words[0]), words[0])
        words.pop(0)
    command = _COMMANDS.get(name)
    if command is None:
        context.log(
            f"docker: '{name}' is not a docker command that the local cloud implements. It has: "
            + ", ".join(_COMMANDS)
        )
        return 1
    try:
        return command(words, context)
    except UsageError as error:
        context.log(f"{error}\nSee 'docker {name} --help'.")
        return error.status
    except BuildError as error:
        context.log(error.message)
        return error.exit_status
    except CloudError as error:
        prefix = (
            "" if error.message.startswith(("Error", "docker:")) else "Error response from daemon: "
        )
        context.log(prefix + error.message)
        return 125 if name == "run" else 1
    except (SandboxError, ContextError, InvalidReferenceError) as error:
        text = str(error).removeprefix(DAEMON)
        context.log(f"{DAEMON}{text}")
        return 125


def _parse(name: str, words: list[str], define: Callable[[Parser], None]) -> Namespace:
    parser = Parser(f"docker {name}")
    define(parser)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        raise UsageError(
            stand_in(f"docker {name}", f"unknown flag or argument: {' '.join(unknown)}")
        )
    return options


def _pull(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("image")
        parser.add_argument("-q", "--quiet", action="store_true")
        parser.add_argument("--platform")

    options = _parse("pull", words, define)
    quiet: Callable[[str], None] = lambda line: None  # noqa: E731, ARG005
    context.pull(options.image, quiet if options.quiet else context.log)
    found = context.session.images.inspect(options.image)
    if found:
        digest = found["RepoDigests"][0]
        name = next((n for n in found["RepoTags"] if n), digest)
        context.log(
            name if "/" in name and "." in name.split("/")[0] else f"docker.io/library/{name}"
        )
    return 0


def _push(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("image")
        parser.add_argument("-q", "--quiet", action="store_true")

    context.session.push(_parse("push", words, define).image, context.log)
    return 0


def _tag(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("source")
        parser.add_argument("target")

    options = _parse("tag", words, define)
    context.session.images.tag(options.source, options.target)
    return 0


def _build(words: list[str], context: ToolContext) -> int:
    return context.tools.build(words, context.environment, context.directory, context.log)


def _images(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("-a", "--all", action="store_true")
        parser.add_argument("-q", "--quiet", action="store_true")
        parser.add_argument("name", nargs="?", default="")

    options = _parse("images", words, define)
    rows = [row for row in context.session.images.list() if options.name in ("", row["Repository"])]
    if options.quiet:
        for name in dict.fromkeys(row["ID"] for row in rows):
            context.log(name)
        return 0
    lines = [("REPOSITORY", "TAG", "IMAGE ID", "SIZE")]
    lines += [(r["Repository"], r["Tag"], r["ID"], human_size(r["Size"])) for r in rows]
    for line in table(lines):
        context.log(line)
    return 0


def _inspect(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("names", nargs="+")
        parser.add_argument("--type")
        parser.add_argument("-f", "--format")

    options = _parse("inspect", words, define)
    if options.format:
        raise CloudError.not_implemented("docker inspect --format: read its JSON instead")
    found = [_found(name, options.type, context) for name in options.names]
    context.log(json.dumps([one for one in found if one], indent=4))
    missing = [n for n, one in zip(options.names, found, strict=True) if one is None]
    for name in missing:
        context.log(f"Error: No such object: {name}")
    return 1 if missing else 0


def _found(name: str, kind: str | None, context: ToolContext) -> dict[str, object] | None:
    record = context.session.containers.find(name) if kind in (None, "container") else None
    if record is not None:
        return docker_containers.inspect(record)
    return context.session.images.inspect(name) if kind in (None, "image") else None


def _login(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("-u", "--username", required=True)
        parser.add_argument("-p", "--password")
        parser.add_argument("--password-stdin", action="store_true")
        parser.add_argument("server", nargs="?", default=DOCKER_HUB)

    options = _parse("login", words, define)
    if options.password_stdin or not options.password:
        raise UsageError("a task step has no standard input: give the password with --password")
    context.log("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    context.session.login(options.server, Credential(options.username, options.password))
    context.log("Login Succeeded")
    return 0


def _logout(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("server", nargs="?", default=DOCKER_HUB)

    options = _parse("logout", words, define)
    known = context.session.logout(options.server)
    context.log(
        f"{'Removing login credentials for' if known else 'Not logged in to'} {options.server}"
    )
    return 0


def _remove_image(words: list[str], context: ToolContext) -> int:
    def define(parser: Parser) -> None:
        parser.add_argument("names", nargs="+")
        parser.add_argument("-f", "--force", action="store_true")

    status = 0
    for name in _parse("rmi", words, define).names:
        if context.session.images.remove(name) is None:
            context.log(f"Error response from daemon: No such image: {name}")
            status = 1
        else:
            context.log(f"Untagged: {name}")
    return status


def _version(words: list[str], context: ToolContext) -> int:  # noqa: ARG001
    context.log("Docker stand-in of the local cloud, for ACR Tasks steps")
    return 0


_COMMANDS: dict[str, Callable[[list[str], ToolContext], int]] = {
    "build": _build,
    "exec": docker_exec.execute,
    "images": _images,
    "inspect": _inspect,
    "login": _login,
    "logout": _logout,
    "pull": _pull,
    "push": _push,
    "rmi": _remove_image,
    "run": docker_run.execute,
    "tag": _tag,
    "version": _version,
    "network": docker_networks.network,
    "volume": docker_networks.volume,
    **docker_containers.COMMANDS,
    **{name: docker_containers.absent(name, why) for name, why in _ABSENT.items()},
}
