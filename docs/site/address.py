"""The address of the repository: it is said in pyproject.toml, and this writes it everywhere else.

    python docs/site/address.py https://github.com/acme/consume-public-content

Until the repository is published, its account is the placeholder OWNER, and badges and launch buttons
lead nowhere.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+)")
# Where it stands, besides pyproject.toml.
FILES = ("README.md", "CITATION.cff")


def repository() -> str:
    """The address of the repository, without a slash at its end."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["urls"]["Repository"])


def replaced(text: str, before: str, after: str) -> str:
    """``text`` with the account and name of ``before``, in every form, replaced by ``after``'s."""
    old, new = _ADDRESS.fullmatch(before), _ADDRESS.fullmatch(after)
    if old is None or new is None:
        raise ValueError(
            f"{after!r} is not the address of a repository: https://github.com/OWNER/NAME"
        )
    return text.replace(f"{old[1]}/{old[2]}", f"{new[1]}/{new[2]}")


def main(arguments: list[str]) -> int:
    """Write a new address; exit status 1, and a message, for one that is none."""
    if len(arguments) != 1:
        print(repository())
        return 0
    before = repository()
    try:
        for name in ("pyproject.toml", *FILES):
            path = ROOT / name
            text = path.read_text(encoding="utf-8")
            path.write_text(replaced(text, before, arguments[0].rstrip("/")), encoding="utf-8")
            print(f"{name}: {'unchanged' if before == arguments[0] else 'written'}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
