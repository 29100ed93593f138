"""Options as the docker command reads them (the Go package spf13/pflag), with its words for errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ...go_literals import boolean, size
from ..errors import ArgumentsError, UsageError


@dataclass(frozen=True)
class Options:
    """The options of one command, each as ``--long`` or ``-s --long``.

    ``missing`` are those that docker has and the local cloud does not: name and reason. ``refused``
    are those that the agent's docker refuses: name and its words. ``ignored`` change nothing that
    could be seen here.
    """

    command: str
    values: Iterable[str] = ()
    switches: Iterable[str] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    ignored_values: Iterable[str] = ()
    ignored_switches: Iterable[str] = ()
    interspersed: bool = True  # whether options may stand behind arguments

    def read(self, words: list[str]) -> Read:
        """Options and arguments of ``words``. Raises :class:`UsageError`."""
        return _Reader(self, self._names).read(words)

    @cached_property
    def _names(self) -> _Names:
        return _Names(self)


@dataclass
class Read:
    """What was given: values by the long name without dashes, and the arguments."""

    given: dict[str, list[str]] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Every value of an option."""
        return self.given.get(name, [])

    def last(self, name: str, default: str = "") -> str:
        """The value of an option that counts once."""
        return self.given.get(name, [default])[-1]

    def is_set(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(boolean(self.last(name, "false")))

    def need(self, command: str, least: int, most: int | None = None) -> list[str]:
        """The arguments, when there are as many as the command takes.

        Raises :class:`ArgumentsError`.
        """
        count = len(self.arguments)
        if count < least or (most is not None and count > most):
            exactly = most == least
            number = least if exactly or count < least else most
            plural = "" if number == 1 else "s"
            kind = "exactly" if exactly else "at least" if count < least else "at most"
            raise ArgumentsError(f'"docker {command}" requires {kind} {number} argument{plural}.')
        return self.arguments


def memory_of(text: str) -> int:
    """Bytes of ``--memory`` (docker/cli, opts.MemBytes). Raises :class:`UsageError`."""
    found = size(text)
    if found is None:
        raise UsageError(
            f'invalid argument "{text}" for "-m, --memory" flag: invalid size: \'{text}\''
        )
    return found


class _Names:
    """What the options of a command are called."""

    def __init__(self, options: Options) -> None:
        self.long: dict[str, str] = {}  # by what is written
        self.takes: dict[str, bool] = {}  # by the long name: whether it takes a value
        for texts, takes in (
            (options.values, True),
            (options.ignored_values, True),
            (options.switches, False),
            (options.ignored_switches, False),
        ):
            for text in texts:
                names = text.split()
                long = names[-1].lstrip("-")
                self.takes[long] = takes
                self.long |= dict.fromkeys(names, long)
        self.missing = {
            name: (text, why) for text, why in options.missing.items() for name in text.split()
        }


class _Reader:
    def __init__(self, options: Options, names: _Names) -> None:
        self._options = options
        self._names = names.long
        self._takes = names.takes
        self._missing = names.missing
        self._read = Read()

    def read(self, words: list[str]) -> Read:
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                self._read.arguments += rest
                break
            if word.startswith("--"):
                self._long(word, rest)
            elif word.startswith("-") and word != "-":
                self._short(word, rest)
            else:
                self._read.arguments.append(word)
                if not self._options.interspersed:
                    self._read.arguments += rest
                    break
        return self._read

    def _long(self, word: str, rest: list[str]) -> None:
        name, equals, value = word.partition("=")
        long = self._find(name, f"unknown flag: {name}")
        if self._takes[long] and not equals:
            if not rest:
                raise UsageError(f"flag needs an argument: {name}")
            value = rest.pop(0)
        self._set(long, name, value if self._takes[long] or equals else "true")

    def _short(self, word: str, rest: list[str]) -> None:
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            name = f"-{letter}"
            long = self._find(name, f"unknown shorthand flag: '{letter}' in -{letter}{letters}")
            if letters.startswith("="):
                value, letters = letters[1:], ""
            elif not self._takes[long]:
                value = "true"
            elif letters:
                value, letters = letters, ""
            elif rest:
                value = rest.pop(0)
            else:
                raise UsageError(f"flag needs an argument: '{letter}' in {word}")
            self._set(long, name, value)

    def _find(self, name: str, unknown: str) -> str:
        if name in self._missing:
            written, why = self._missing[name]
            raise UsageError(
                f"the local cloud does not implement the option {written.split()[-1]} of docker "
                f"{self._options.command}{why and f': {why}'}. It works on Azure"
            )
        if name in self._options.refused:
            raise UsageError(self._options.refused[name])
        if name not in self._names:
            raise UsageError(unknown)
        return self._names[name]

    def _set(self, long: str, name: str, value: str) -> None:
        if not self._takes[long] and boolean(value) is None:
            raise UsageError(
                f'invalid argument "{value}" for "{name}" flag: strconv.ParseBool: parsing '
                f'"{value}": invalid syntax'
            )
        self._read.given.setdefault(long, []).append(value)
