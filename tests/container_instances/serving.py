"""An image with Node for containers of tests, and a server in it."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from helpers.localcloud.containers.images import stand_in
from helpers.localcloud.containers.images.assembly import libraries

from ..containers.roots import base_layer

# /ready is there when a file of this name is in /gate, and who asks says X-Gate.
_PROGRAM = (
    "require('http').createServer((q, r) => { const ready = q.headers['x-gate'] === 'open' && "
    "require('fs').existsSync('/gate/ready'); r.statusCode = q.url === '/ready' && !ready ? 404 : "
    "200; r.end('page') }).listen(80)"
)
SERVER = ("/usr/bin/node", "-e", _PROGRAM)
_keep: list[tempfile.TemporaryDirectory[str]] = []


@lru_cache(maxsize=1)
def node_layers() -> tuple[Path, ...]:
    """The layers of an image with /usr/bin/node; made once per process, never written to."""
    _keep.append(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    node = stand_in._node_folder() / "bin" / "node"
    root = Path(_keep[0].name) / "layer"
    (root / "usr/bin").mkdir(parents=True)
    try:
        os.link(node, root / "usr/bin/node")
    except OSError:
        (root / "usr/bin/node").write_bytes(node.read_bytes())
        (root / "usr/bin/node").chmod(0o755)
    for library in libraries([node]):
        target = root / "usr" / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(library.read_bytes())
        target.chmod(0o755)
    return base_layer(), root
