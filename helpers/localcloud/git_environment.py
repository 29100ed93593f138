"""What the program git is started with here: nobody's configuration, and nobody is asked.

So no hook, filter, alias or helper is configured (git(1), "ENVIRONMENT VARIABLES").
"""

from __future__ import annotations

import os
from pathlib import Path


def environment(home: Path, protocols: str) -> dict[str, str]:
    """Its variables; ``protocols`` are those that it may fetch by (GIT_ALLOW_PROTOCOL)."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_TERMINAL_PROMPT": "0",
    }
