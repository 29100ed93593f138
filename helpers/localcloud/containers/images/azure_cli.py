"""The real Azure CLI for steps: what ``make az`` has installed, as layers of an image.

``LOCALCLOUD_AZ=real`` asks for it; else the stand-in is used, which starts in a fraction of the time.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import cached_property
from pathlib import Path

from ..errors import SandboxError
from .assembly import MERGED, Layer, libraries

VARIABLE = "LOCALCLOUD_AZ"
REAL, STAND_IN = "real", "stand-in"
FOLDER = Path(__file__).parents[4] / ".venv-az"  # of the checkout
_ASK = """
import importlib.metadata, json, os, sys, sysconfig
print(json.dumps({
    "version": importlib.metadata.version("azure-cli"),
    "python": f"python{sys.version_info[0]}.{sys.version_info[1]}",
    "program": os.path.realpath(sys.executable),
    "library": sysconfig.get_path("stdlib"),
    "packages": sysconfig.get_path("purelib"),
    "base": sys.base_prefix,
}))
"""
_SCRIPT = """#!/bin/sh
export AZ_INSTALLER="${AZ_INSTALLER:-PIP}"
exec /opt/az/bin/python -I -m azure.cli "$@"
"""
# Of no use to a program: tests, what a package is built with, other programs.
_SKIPPED = ("tests", "test", "idlelib", "turtledemo", "tkinter", "ensurepip", "lib2to3")
ENVIRONMENT = ("AZURE_CORE_COLLECT_TELEMETRY=false", "AZURE_CORE_NO_COLOR=true")


def wanted() -> bool:
    """Whether steps are to use the real one. Raises :class:`SandboxError` for another word."""
    word = os.environ.get(VARIABLE) or STAND_IN
    if word not in (REAL, STAND_IN):
        raise SandboxError(f"{VARIABLE} is '{word}': it is '{REAL}' or '{STAND_IN}'")
    return word == REAL


class AzureCli:
    """The Azure CLI that is installed in :data:`FOLDER`, a virtual environment."""

    def __init__(self) -> None:
        self.folder = FOLDER

    @cached_property
    def _found(self) -> dict[str, str]:
        python = self.folder / "bin" / "python"
        missing = (
            f"{VARIABLE}=real has steps use the real Azure CLI, and {self.folder.name} does not hold "
            "it: install it with `make az`, or unset the variable and restart the local cloud"
        )
        try:
            told = subprocess.run(
                [str(python), "-I", "-c", _ASK], capture_output=True, text=True, check=True, env={}
            )
        except (OSError, subprocess.CalledProcessError):
            raise SandboxError(missing) from None
        found: dict[str, str] = json.loads(told.stdout)
        return found

    @property
    def version(self) -> str:
        """Its version. Raises :class:`SandboxError` when it is not installed."""
        return self._found["version"]

    def layers(self) -> list[Layer]:
        """Python and the Azure CLI. Raises :class:`SandboxError` when it is not installed."""
        return [self._python(), self._packages()]

    def _python(self) -> Layer:
        found, layer = self._found, Layer()
        program, library = Path(found["program"]), Path(found["library"])
        skipped = (*_SKIPPED, "site-packages", "dist-packages", *self._static(library))
        layer.file(f"usr/local/bin/{found['python']}", program)
        layer.tree(f"usr/local/lib/{found['python']}", library, skipped, times=True)
        self._add_libraries(layer, [program, *library.rglob("lib-dynload/*.so")])
        return layer

    @staticmethod
    def _static(library: Path) -> list[str]:
        """Folders that a program is linked with (config-3.11-x86_64-linux-gnu)."""
        return [path.name for path in library.glob("config-*") if path.is_dir()]

    def _packages(self) -> Layer:
        found, layer = self._found, Layer()
        packages = Path(found["packages"])
        skipped = (*_SKIPPED, "pip", "aio")  # az awaits nothing: the half of each client that does
        layer.tree(f"opt/az/lib/{found['python']}/site-packages", packages, skipped, times=True)
        settings = "home = /usr/local/bin\ninclude-system-site-packages = false\n"
        layer.text("opt/az/pyvenv.cfg", settings)
        layer.link("opt/az/bin/python", f"/usr/local/bin/{found['python']}")
        layer.text("usr/bin/az", _SCRIPT, 0o755)
        self._add_libraries(layer, list(packages.rglob("*.so")))
        return layer

    def _add_libraries(self, layer: Layer, users: list[Path]) -> None:
        """The libraries of this machine that programs and modules need, but for their own."""
        own = (self.folder.resolve(), Path(self._found["packages"]).resolve())
        base = Path(self._found["base"])
        for library in sorted(libraries(users, complete=False)):
            real = library.resolve()
            if any(real.is_relative_to(folder) for folder in own):
                continue
            if base not in (Path("/usr"), Path("/")) and library.is_relative_to(base):
                layer.file(f"usr/lib/{library.name}", real)  # of a Python that was built alone
                continue
            path = library.relative_to("/").as_posix()
            layer.file(f"usr/{path}" if library.parts[1] in MERGED else path, real)
