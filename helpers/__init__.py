"""What the notebooks import: settings, connections, forks, runs, pictures.

Names are imported when they are first used: the daemon is a submodule of this package, and needs
none of them.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        artifacts,
        charts,
        downstream,
        explain,
        forks,
        lab,
        pipeline,
        policies,
        preflight,
        runs,
        signatures,
    )
    from .clouds import ConnectError, Connection, connect
    from .display import Log, Page, Table, site
    from .errors import HelpersError
    from .exercises import check
    from .notebook import begin
    from .progress import catch_up
    from .runs import RunFailed
    from .settings import Settings, SettingsError, check_color, password_secret, token_name

__all__ = [
    "ConnectError",
    "Connection",
    "HelpersError",
    "Log",
    "Page",
    "RunFailed",
    "Settings",
    "SettingsError",
    "Table",
    "artifacts",
    "begin",
    "catch_up",
    "charts",
    "check",
    "check_color",
    "connect",
    "downstream",
    "explain",
    "forks",
    "lab",
    "password_secret",
    "pipeline",
    "policies",
    "preflight",
    "runs",
    "signatures",
    "site",
    "token_name",
]

_HOMES = {
    "ConnectError": "clouds",
    "Connection": "clouds",
    "HelpersError": "errors",
    "Log": "display",
    "Page": "display",
    "RunFailed": "runs",
    "Settings": "settings",
    "SettingsError": "settings",
    "Table": "display",
    "begin": "notebook",
    "catch_up": "progress",
    "check": "exercises",
    "check_color": "settings",
    "connect": "clouds",
    "password_secret": "settings",
    "site": "display",
    "token_name": "settings",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if "IPython" in sys.modules:  # in a notebook, errors are told in words from here on
    importlib.import_module(".cells", __name__).of_this_kernel()
