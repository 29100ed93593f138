"""The part of README that tells where task files and builds differ from Azure.

    python docs/differences.py

It is written from helpers/localcloud/differences.py, which the tests of the cases ask, too.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from helpers.localcloud.differences import DIFFERENCES  # noqa: E402

BEGIN = "<!-- python docs/differences.py writes this, from helpers/localcloud/differences.py -->"
END = "<!-- to here -->"
_WIDTH = 112


def section() -> str:
    """The list, one entry for each difference."""
    return "\n".join(
        textwrap.fill(
            f"**{_sentence(one.name)}** {_sentence(one.reason)}",
            _WIDTH,
            initial_indent="* ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for one in DIFFERENCES
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", ":")) else f"{text}."


def written(readme: str) -> str:
    """``readme`` with the list as it is now."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no place for the list: the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{section()}\n\n{END}{after}"


def main() -> int:
    """Write README.md anew."""
    path = ROOT / "README.md"
    readme = path.read_text(encoding="utf-8")
    path.write_text(written(readme), encoding="utf-8")
    print("README.md: " + ("unchanged" if written(readme) == readme else "written"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
