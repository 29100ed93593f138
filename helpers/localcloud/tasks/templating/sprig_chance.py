"""Sprig's functions whose values nobody can tell before: random texts, addresses of names."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from ipaddress import ip_address

from .go_types import FunctionError, runes
from .signatures import table


def _random(characters: str) -> Callable[[int], str]:
    return lambda count: "".join(secrets.choice(characters) for _ in range(count))


def _shuffled(text: str) -> str:
    letters = list(runes(text))
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def _address(name: str) -> str:
    if name.lower().rstrip(".") == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(name))
    except ValueError:
        raise FunctionError(
            f"the local cloud looks up no names but localhost: {name!r} has an address on Azure alone"
        ) from None


CHANCE = table(
    """
    int: randAlphaNum randAlpha randNumeric randAscii
    string: shuffle getHostByName
    """,
    {
        "randAlphaNum": _random(string.ascii_letters + string.digits),
        "randAlpha": _random(string.ascii_letters),
        "randNumeric": _random(string.digits),
        "randAscii": _random("".join(map(chr, range(32, 127)))),
        "shuffle": _shuffled,
        "getHostByName": _address,
    },
)
