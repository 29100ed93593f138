"""The scan for dependencies that the task engine does before each build.

It is not Docker's parser: line by line it looks at words, and of those only at FROM and ARG. It knows
no flags, no continued lines, no here-documents and no forms of variables but ``$NAME`` and ``${NAME}``.
What it refuses ends the run, whatever Docker would make of it. Source: acr-builder,
scan/dependencies.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .build_dependencies import BuildDependency
from .image_names import ImageName, ImageNameError, normalized

# unicode.IsSpace of Go; str.split() takes more for white space.
SPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES = re.compile(f"[{SPACE}]+")
_LONGEST_LINE = 64 * 1024  # bufio.Scanner gives up at a longer one, and nobody asks it why
_NAME = re.compile(r"[A-Za-z0-9_]+")
_SPECIAL = "*#$@!?-0123456789"
_OF_VARIABLES = (
    "In FROM it knows $NAME and ${NAME} alone, with the value of --build-arg or the first default of "
    "an ARG NAME=VALUE on a line of its own"
)


class ScanError(ValueError):
    """The scan ends the run, in the engine's words; ``line`` is 0 when no line is to blame.

    ``advice`` says what to write instead.
    """

    def __init__(self, message: str, line: int = 0, advice: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.advice = advice


@dataclass(frozen=True)
class Bases:
    """What the scan finds in a Dockerfile: what the last stage is based on, and the other bases."""

    runtime: str
    buildtime: tuple[str, ...]
    line: int = 0  # of the runtime


def scan(
    dockerfile: bytes,
    build_args: Iterable[str] = (),
    tags: Sequence[str] = (),
    target: str = "",
) -> list[BuildDependency]:
    """What a build will depend on: one dependency for each tag, one without an image for none.

    Raises :class:`ScanError`.
    """
    return dependencies(bases(dockerfile, build_args, target), tags)


def dependencies(found: Bases, tags: Sequence[str] = ()) -> list[BuildDependency]:
    """The names of images in what the scan has found. Raises :class:`ScanError`."""
    try:
        images = [ImageName.of(tag) if tag else None for tag in tags] or [None]
    except ImageNameError as error:
        raise ScanError(str(error), advice="It is a tag (-t) of the build") from None
    try:
        runtime = ImageName.of(found.runtime)
        # library/golang:1 and golang:1 are one. The engine has no order for them.
        names = {normalized(one).removeprefix("library/") for one in found.buildtime}
        buildtime = tuple(ImageName.of(one) for one in sorted(names))
    except ImageNameError as error:
        raise ScanError(str(error), found.line, _OF_VARIABLES) from None
    return [BuildDependency(image, runtime, buildtime, "") for image in images]


def bases(dockerfile: bytes, build_args: Iterable[str] = (), target: str = "") -> Bases:
    """Read FROM and ARG of a Dockerfile as the engine does. Raises :class:`ScanError`."""
    variables = dict(_assignment(one) for one in build_args)
    aliases: dict[str, str] = {}
    origins: dict[str, int] = {}
    origin = ""
    for number, line in _lines(dockerfile):
        words = fields(line)
        keyword = words[0].upper()
        if keyword == "ARG":
            if len(words) == 1:
                raise ScanError(
                    "dockerfile syntax requires ARG directive to have exactly 1 argument. LINE: "
                    + line,
                    number,
                    "Name the argument on the same line",
                )
            if "=" in words[1]:
                name, value = _assignment(words[1])
                variables.setdefault(name, value)
        elif keyword == "FROM":
            if len(words) in (1, 3) or (len(words) > 3 and words[2].casefold() != "as"):
                raise ScanError(f"unable to understand line {line}", number, _of_from(words))
            image = expand(trim_quotes(words[1]), variables)
            if image in aliases:
                origin = aliases[image]
            else:
                origin = image
                origins.setdefault(image, number)
            if len(words) > 3:
                aliases[words[3]] = origin
                if target and target == words[3]:
                    break
    if not origins:
        raise ScanError("unexpected dockerfile format", advice="It has found no line with FROM")
    others = tuple(one for one in origins if one != origin)
    return Bases(origin, others, origins.get(origin, 0))


def _of_from(words: Sequence[str]) -> str:
    if len(words) > 1 and words[1].startswith("--"):
        return f"It knows no flags of FROM: leave {words[1]} out, agents are linux/amd64"
    if words[-1] in ("\\", "`"):
        return "It joins no lines: write all of FROM on one line"
    return (
        "It takes every line that begins with FROM for an instruction, also where it continues a RUN "
        "or stands in a here-document: begin the line with another word"
    )


def _lines(dockerfile: bytes) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without white space around them, comments and empty ones."""
    text = dockerfile.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(text, 1):
        if len(line) >= _LONGEST_LINE:
            return
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - a mark of the encoding
        stripped = _trim(line.decode(errors="surrogateescape"))
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _trim(text: str) -> str:
    return re.sub(rf"\A[{SPACE}]+|[{SPACE}]+\Z", "", text)


def fields(text: str) -> list[str]:
    """The words of a text: strings.Fields of Go."""
    return [word for word in _SPACES.split(text) if word]


def trim_quotes(text: str) -> str:
    """``text`` without quotation marks around it, of both kinds and as many as there are."""
    return text.strip("'\"")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ScanError(
            f"{text} cannot be split into 2 tokens with '='",
            advice=f"Give the value (--build-arg {text}=VALUE), or write --build-arg={text}: docker "
            "takes it from the step's env then, and the scan does not see it",
        )
    return name, trim_quotes(value)


def expand(text: str, variables: dict[str, str]) -> str:
    """os.Expand of Go: ``$NAME`` and ``${NAME}``, and whatever else is between braces as a name."""
    made: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            made.append(text[at])
            at += 1
            continue
        name, width = _variable(text[at + 1 :])
        if name:
            made.append(variables.get(name, ""))
        elif not width:
            made.append("$")
        at += 1 + width
    return "".join(made)


def _variable(text: str) -> tuple[str, int]:
    """The name at the beginning of what follows a ``$``, and how long it is; "" for wrong syntax."""
    if text[0] == "{":
        if len(text) > 2 and text[1] in _SPECIAL and text[2] == "}":
            return text[1], 3
        end = text.find("}", 1)
        if end < 0:
            return "", 1
        return text[1:end], end + 1
    if text[0] in _SPECIAL:
        return text[0], 1
    found = _NAME.match(text)
    return (found[0], found.end()) if found else ("", 0)
