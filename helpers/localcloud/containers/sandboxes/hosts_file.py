"""/etc/hosts of containers: the names that they reach one another by."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

_LOOPBACK = "127.0.0.1"


def hosts_text(names: Iterable[tuple[str, str]]) -> bytes:
    """The content of /etc/hosts: addresses and names, besides the container itself."""
    lines = [f"{_LOOPBACK}\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    lines += [f"{address}\t{name}" for address, name in names]
    return ("\n".join(lines) + "\n").encode()


class HostsFile:
    """The file of one network, in the folder ``scratch``."""

    def __init__(self, scratch: Path) -> None:
        descriptor, path = tempfile.mkstemp(prefix="hosts-", dir=scratch)
        os.close(descriptor)
        self.path = Path(path).absolute()
        self._names: dict[str, str] = {}
        self._write()

    def add(self, name: str, address: str) -> None:
        """Make a name known."""
        if name and self._names.get(name) != address:
            self._names[name] = address
            self._write()

    def remove(self, name: str) -> None:
        """Forget a name."""
        if self._names.pop(name, None) is not None:
            self._write()

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        # In place: running containers have this very file mounted.
        self.path.write_bytes(
            hosts_text([(address, name) for name, address in self._names.items()])
        )
        self.path.chmod(0o644)
