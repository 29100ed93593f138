"""Values printed and formatted as Go does it (package fmt): print, println, printf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .go_numbers import format_binary, format_float
from .go_types import Object, Uint8, kind, runes, to_bytes, to_text, type_name
from .verbs import Verb, parse

SIZE = 4 << 20  # characters of one value, and of a rendered text
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r"}


def show(value: Any) -> str:
    """A value as Go prints it with %v, a text as it is; nil is <nil>."""
    return value if isinstance(value, str) else _value(Verb("v"), value)


def print_values(*values: Any) -> str:
    """Go's print: blanks between two operands of which neither is a text."""
    shown: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            shown.append(" ")
        shown.append(show(value))
    return "".join(shown)


def print_line(*values: Any) -> str:
    """Go's println."""
    return " ".join(map(show, values)) + "\n"


def print_format(pattern: str, *arguments: Any) -> str:
    """Go's printf."""
    shown: list[str] = []
    size = 0
    for piece in parse(pattern, arguments):
        shown.append(piece if isinstance(piece, str) else formatted(piece[0], piece[1]))
        size += len(shown[-1])
        if size > SIZE:
            break  # whoever called weighs it
    return "".join(shown)


def formatted(verb: Verb, value: Any) -> str:
    """One value with one verb."""
    if verb.letter == "T":
        return _padded(verb, type_name(value) if value is None else _cut(verb, type_name(value)))
    if value is None:
        return _padded(verb, "<nil>") if verb.letter == "v" else f"%!{verb.letter}(<nil>)"
    return _bad(verb, value) if verb.letter == "w" else _value(verb, value)


def _value(verb: Verb, value: Any) -> str:  # noqa: PLR0911 - one return for each kind
    if isinstance(value, str):
        return _text(verb, value)
    if isinstance(value, bool):
        shown = "true" if value else "false"
        return _padded(verb, shown) if verb.letter in "tv" else _bad(verb, value)
    if isinstance(value, int):
        return _integer(verb, value)
    if isinstance(value, float):
        return _float(verb, value)
    if isinstance(value, complex):
        plus = Verb(
            "g" if verb.letter == "v" else verb.letter, verb.flags + "+", verb.width, verb.precision
        )
        return f"({_float(verb, value.real)}{_float(plus, value.imag)}i)"
    if isinstance(value, Mapping):
        return _mapping(verb, value)
    if isinstance(value, list):
        return _list(verb, value)
    if value is None:
        return "interface {}(nil)" if verb.literal else "<nil>"
    return _object(verb, value)


def _bad(verb: Verb, value: Any) -> str:
    plain = Verb("v", verb.flags, verb.width, verb.precision, wrong=True)
    return f"%!{verb.letter}({type_name(value)}={_value(plain, value)})"


def _padded(verb: Verb, text: str) -> str:
    missing = (verb.width or 0) - len(runes(text))
    if missing <= 0:
        return text
    if "-" in verb.flags:
        return text + " " * missing
    return ("0" if verb.zero else " ") * missing + text


def _text(verb: Verb, value: str) -> str:
    letter = verb.letter
    if verb.literal:
        return _padded(verb, quote(value))
    if letter in "sv":
        return _padded(verb, _cut(verb, value))
    if letter == "q":
        cut = _cut(verb, value)
        if "#" in verb.flags and "`" not in cut and cut.isprintable() and cut.isascii():
            return _padded(verb, f"`{cut}`")
        return _padded(verb, quote(cut, ascii_only="+" in verb.flags))
    if letter in "xX":
        return _padded(verb, _hexadecimal(verb, to_bytes(value)))
    return _bad(verb, value)


def _cut(verb: Verb, value: str) -> str:
    return value if verb.precision is None else value[: verb.precision]


def _hexadecimal(verb: Verb, data: bytes) -> str:
    if verb.precision is not None:
        data = data[: verb.precision]
    if not data:
        return ""
    prefix = f"0{verb.letter}" if "#" in verb.flags else ""
    digits = [f"{byte:02{verb.letter}}" for byte in data]
    if " " in verb.flags:
        return " ".join(prefix + one for one in digits)
    return prefix + "".join(digits)


def quote(text: str, mark: str = '"', ascii_only: bool = False) -> str:
    """A Go literal of a text (strconv.Quote)."""
    shown = []
    for one in text:
        code = ord(one)
        if one in (mark, "\\"):
            shown.append("\\" + one)
        elif 0xDC80 <= code <= 0xDCFF:
            shown.append(f"\\x{code - 0xDC00:02x}")
        elif one == " " or (one.isprintable() and (code < 0x7F or not ascii_only)):
            shown.append(one)
        elif code in _ESCAPES:
            shown.append("\\" + _ESCAPES[code])
        elif code < 0x20 or code == 0x7F:
            shown.append(f"\\x{code:02x}")
        else:
            shown.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return mark + "".join(shown) + mark


def character(number: int) -> str:
    """The character of a number; the replacement character where there is none."""
    if not 0 <= number <= 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return "\ufffd"
    return chr(number)


def _unsigned(verb: Verb) -> Verb:
    """%+v asks for the names of fields, not for the signs of numbers."""
    if not verb.named:
        return verb
    return Verb("v", verb.flags.replace("+", ""), verb.width, verb.precision)


def _integer(verb: Verb, value: int) -> str:
    verb = _unsigned(verb)
    letter = verb.letter
    if letter == "v":
        letter = "x" if verb.literal and type_name(value).startswith("uint") else "d"
    if letter == "c":
        return _padded(verb, character(value))
    if letter == "q":
        return _padded(verb, quote(character(value), "'", ascii_only="+" in verb.flags))
    if letter == "U":
        shown = f"U+{value % (1 << 64):0{max(verb.precision or 0, 4)}X}"
        if "#" in verb.flags and 0 <= value <= 0x10FFFF and chr(value).isprintable():
            shown += f" '{chr(value)}'"
        return _padded(Verb("U", verb.flags.replace("0", ""), verb.width), shown)
    if letter not in "bdoOxX":
        return _bad(verb, value)
    return _number(verb, letter, int(value))


def _sign(verb: Verb) -> str:
    """What stands before a number that has no minus."""
    return "+" if "+" in verb.flags else " " if " " in verb.flags else ""


_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


def _number(verb: Verb, letter: str, value: int) -> str:
    digits = format(abs(value), letter.lower() if letter == "O" else letter)
    if verb.precision is not None:
        digits = "" if verb.precision == 0 and value == 0 else digits.rjust(verb.precision, "0")
    elif verb.zero and verb.width:
        signed = value < 0 or "+" in verb.flags or " " in verb.flags
        digits = digits.rjust(min(verb.width, SIZE) - signed, "0")
    if letter == "O":
        zero = "0" if "#" in verb.flags and digits[:1] != "0" else ""
        digits = f"0o{zero}{digits}"
    elif "#" in verb.flags and verb.letter != "v" and letter in _PREFIXES:
        digits = digits if letter == "o" and digits[:1] == "0" else _PREFIXES[letter] + digits
    elif "#" in verb.flags and letter == "x":
        digits = "0x" + digits
    sign = "-" if value < 0 else _sign(verb)
    if verb.precision == 0 and value == 0:
        return _padded(Verb("d", verb.flags.replace("0", ""), verb.width), "")
    return _padded(Verb("d", verb.flags.replace("0", ""), verb.width), sign + digits)


def _float(verb: Verb, value: float) -> str:
    verb = _unsigned(verb)
    letter = verb.letter
    if letter == "v":
        shown = format_float(value, "g", verb.precision)
    elif letter in "gG":
        shown = format_float(value, letter, verb.precision)
    elif letter in "eEfF":
        shown = format_float(value, letter, 6 if verb.precision is None else verb.precision)
    elif letter in "bxX":
        shown = format_binary(value, letter, verb.precision)
    else:
        return _bad(verb, value)
    if "#" in verb.flags and not verb.literal and letter in "vgGeEfF":
        shown = _pointed(shown, letter, verb.precision)
    finite = shown.lstrip("+-") not in ("Inf", "NaN")
    if shown[0] == "-" or (shown[0] == "+" and " " not in verb.flags):
        signed = shown
    else:
        signed = _sign(verb) + shown.removeprefix("+")  # of +Inf
    if verb.zero and verb.width and finite and signed[0] in "+- ":
        return signed[0] + signed[1:].rjust(min(verb.width, SIZE) - 1, "0")
    flags = verb.flags if finite else verb.flags.replace("0", "")
    return _padded(Verb("g", flags, verb.width), signed)


def _pointed(shown: str, letter: str, precision: int | None) -> str:
    """With a point, and with g the digits that a precision asks for."""
    if shown.lstrip("+-") in ("Inf", "NaN"):
        return shown
    mark = "E" if "E" in shown else "e"
    digits, exponent, power = shown.partition(mark)
    digits = digits if "." in digits else digits + "."
    if letter in "vgG":
        wanted = max(6 if precision is None else precision, 1)
        found = digits.lstrip("+-").replace(".", "").lstrip("0")
        digits += "0" * (wanted - max(len(found), found == ""))
    return digits + exponent + power


def in_order(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Keys and values of a map by the keys: nil, then type and value (internal/fmtsort)."""
    return sorted(value.items(), key=lambda pair: _order(pair[0]))


def _order(key: Any) -> tuple[str, Any]:
    if key is None:
        return "", 0
    return type_name(key), to_bytes(key) if isinstance(key, str) else key


def _mapping(verb: Verb, value: Mapping[Any, Any]) -> str:
    if verb.literal:
        shown = ", ".join(f"{_typed(key)}:{_typed(one)}" for key, one in in_order(value))
        return f"{type_name(value)}{{{shown}}}"
    pairs = (f"{_value(verb, key)}:{_value(verb, one)}" for key, one in in_order(value))
    return "map[" + " ".join(pairs) + "]"


def _list(verb: Verb, value: list[Any]) -> str:
    if verb.literal:
        return f"{type_name(value)}{{{', '.join(map(_typed, value))}}}"
    if value and all(isinstance(one, Uint8) for one in value) and verb.letter in "sxX":
        return _text(verb, to_text(bytes(value)))
    return "[" + " ".join(_value(verb, one) for one in value) + "]"


def _typed(value: Any) -> str:
    return "interface {}(nil)" if value is None else _value(Verb("v", "#"), value)


def _object(verb: Verb, value: Any) -> str:
    assert isinstance(value, Object)
    if type(value).__str__ is not Object.__str__ and verb.letter in "svqxX":
        return _text(Verb(verb.letter, verb.flags, verb.width, verb.precision), str(value))
    number = value.integer()
    if number is not None:
        return _integer(verb, number)
    if verb.letter not in "sv" and kind(value) != "struct":
        return _bad(verb, value)
    fields = value.shown()
    if verb.named:
        return "{" + " ".join(f"{name}:{_value(verb, one)}" for name, one in fields.items()) + "}"
    return "{" + " ".join(_value(verb, one) for one in fields.values()) + "}"
