"""Where the parameters of a notebook come from: settings.toml, its own first cell, papermill's -p."""

from __future__ import annotations

import ast
import difflib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from .errors import HelpersError
from .settings import Settings, SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
FILE = "settings.toml"
ALL = tuple(field.name for field in fields(Settings))

# The comment that papermill puts above the parameters that it was given, and the names of its own.
_INJECTED = "# Parameters"
_OF_PAPERMILL = "PAPERMILL_"

_SHOWN = 40  # digits of a number in a message


def notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """The numbered notebooks of ``folder``, in order."""
    return sorted(folder.glob("[0-9][0-9]-*.ipynb"))


def check_number(number: object, asked: str) -> None:
    """Raise :class:`HelpersError` for what is not the number of a notebook; ``asked`` is the call."""
    if not isinstance(number, str) or not re.fullmatch(r"\d\d", number):
        raise HelpersError(f"{asked}: a notebook is named by its two digits, like '06'.")


def notebook(number: str, asked: str) -> Path:
    """The notebook of that number. Raises :class:`HelpersError`, which begins with ``asked``."""
    check_number(number, asked)
    found = next((path for path in notebooks() if path.name[:2] == number), None)
    if found is None:
        raise HelpersError(f"{asked}: there is no notebook of that number.")
    return found


def stored(folder: Path = NOTEBOOKS) -> dict[str, str]:
    """What the settings.toml of ``folder`` says; nothing where there is none.

    Raises :class:`SettingsError` with file and line for what is no parameter or has no text.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}. Put that right.") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_not_toml(path, str(error))) from None
    except (ValueError, RecursionError) as error:  # too many digits; tables in tables in tables
        raise SettingsError(
            _not_toml(path, f"it cannot be read ({type(error).__name__})")
        ) from None
    for name, value in found.items():
        place = f"{path}, line {_line(text, name)}"
        if name not in ALL:
            raise SettingsError(f"{place}: {unknown([name], ALL)}")
        if not isinstance(value, str):
            raise SettingsError(
                f"{place}: the value of {name} is a text, in quotes, like this: "
                f'{name} = "{_example(value)}"'
            )
    return found


def _not_toml(path: Path, why: str) -> str:
    return f'{path} is not TOML: {why}. A line looks like this: registry = "acmerockets"'


def _example(value: object) -> object:
    """What was probably meant; of a table or a long number, nothing is to be seen."""
    simple = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**_SHOWN)
    return value if simple else "…"


def made(given: Mapping[str, Any], folder: Path = NOTEBOOKS) -> Settings:
    """The settings of a notebook: ``given``, and where that is empty or lacking, settings.toml.

    Raises :class:`SettingsError` for a name that Azure would refuse; it says where that stands.
    """
    own = {name: value for name, value in given.items() if value != ""}
    from_file = stored(folder)
    try:
        return Settings(**{**from_file, **own})
    except SettingsError as error:
        wrong = re.match(r"(\w+)=", str(error))
        if wrong is None or wrong[1] in own or wrong[1] not in from_file:
            raise
        path = folder / FILE
        line = _line(path.read_text(encoding="utf-8-sig"), wrong[1])
        raise SettingsError(f"{path}, line {line}: {error}") from None


def unknown(names: Sequence[str], known: Iterable[str]) -> str:
    """What to say of names that are no parameters: the nearest right ones, else all there are."""
    known = sorted(known)
    near = [
        match
        for name in names
        for match in difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    ]
    advice = f"Did you mean {' and '.join(near)}?" if near else f"There are: {', '.join(known)}."
    what = "is no parameter" if len(names) == 1 else "are no parameters"
    return f"{', '.join(name or repr(name) for name in names)} {what}. {advice}"


def of(notebook: Path) -> set[str]:
    """The names assigned in the cell of a notebook that is tagged ``parameters``.

    Raises :class:`HelpersError` for a file that is no notebook.
    """
    names: set[str] = set()
    try:  # as JSON: every kernel asks, and nbformat takes a second to be imported
        for cell in json.loads(notebook.read_bytes())["cells"]:
            if "parameters" in cell["metadata"].get("tags", []):
                names |= set(_assigned("".join(cell["source"])))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unreadable(notebook, error) from None
    return names


def read(path: Path) -> Any:
    """A notebook. Raises :class:`HelpersError` when it cannot be read."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> HelpersError:
    return HelpersError(f"{path} is not a readable notebook: {type(error).__name__}: {error}")


def given(namespace: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The values of a notebook's parameters in its kernel, by name.

    Raises :class:`SettingsError` for a parameter that the notebook does not have, whether its first
    cell or papermill assigns it, and for a value that is no text.
    """
    known = set(known)
    ran = namespace.get("In")
    cells = [one for one in ran if isinstance(one, str)] if isinstance(ran, list) else []
    injected = _last(cells, known, injected=True)
    written = _last(cells, known, injected=False)
    for names, where in ((injected, "papermill's -p"), (written, "the parameters cell")):
        wrong = [name for name in names if name not in known and not name.startswith(_OF_PAPERMILL)]
        elsewhere = [name for name in wrong if name in ALL]
        if elsewhere:
            raise SettingsError(
                f"In {where}: this notebook has no parameter {', '.join(elsewhere)}; others have. "
                f"There are: {', '.join(sorted(known))}."
            )
        if wrong:
            raise SettingsError(f"In {where}: {unknown(wrong, known)}")
    values = {name: namespace[name] for name in known if name in namespace}
    for name, value in values.items():
        if not isinstance(value, str):
            raise SettingsError(f"{name}={value!r}: a name is a text. {_as_text(name, injected)}")
    return values


def _as_text(name: str, injected: Iterable[str]) -> str:
    if name in injected:
        return f"papermill reads numbers and words like true as such: write -r {name} VALUE"
    return f'Put it in quotes: {name} = "…"'


def _last(cells: Sequence[str], known: set[str], *, injected: bool) -> list[str]:
    """The names that were last assigned by a cell of parameters: papermill's, or the notebook's."""
    for cell in reversed(cells):
        names = _assigned(cell)
        if cell.lstrip().startswith(_INJECTED):
            if injected:
                return names
        elif not injected and 2 * len(known & set(names)) >= len(known):
            return names
    return []


def _assigned(source: str) -> list[str]:
    """The names that a cell assigns and does not use itself, in order."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names: list[str] = []
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        names += [one.id for one in targets if isinstance(one, ast.Name)]
    used = {
        one.id
        for one in ast.walk(tree)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    }
    return [name for name in names if name not in used]


def _line(text: str, name: str) -> str:
    """The number of the line on which a key or a table of that name stands."""
    key = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}\b""")
    return next((str(n) for n, line in enumerate(text.splitlines(), 1) if key.match(line)), "?")
