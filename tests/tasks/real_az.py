"""The real az, started once: each command is a fork of a process that has loaded it.

Run by the Python that az is installed for: one line of JSON words in, one line of the answer out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def _child(cli: Any, words: list[str], output: int, error: int) -> None:
    os.dup2(output, 1)
    os.dup2(error, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in ("", "cli", "azure"):  # it would keep to how it was told to log at first
        logging.getLogger(name).handlers.clear()
    code = 1
    try:
        code = cli.invoke(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Answer until the input ends."""
    get_default_cli = importlib.import_module("azure.cli.core").get_default_cli

    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.suppress(SystemExit),
    ):
        get_default_cli().invoke(["acr", "repository", "list", "--help"])
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
            child = os.fork()
            if child == 0:
                _child(get_default_cli(), json.loads(line), output.fileno(), error.fileno())
            _, status = os.waitpid(child, 0)
            answer: list[Any] = [os.waitstatus_to_exitcode(status)]
            for file in (output, error):
                file.seek(0)
                answer.append(file.read().decode())
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
