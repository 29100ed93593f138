"""A three-line build without cache: ours and buildah's, on the same base image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Engine

from .report import Figure, median
from .sides import Side

BASE = "docker.io/library/node:15-alpine"


def measure(folder: Path, _: Sequence[Side]) -> list[Figure]:
    """The median of five builds each, alternating nothing but the builder."""
    context = folder / "context"
    context.mkdir(parents=True)
    (context / "file").write_text("hello\n")
    (context / "Dockerfile").write_text(f"FROM {BASE}\nCOPY file /file\nRUN true\n")
    cloud = Cloud(folder / "builder")
    session = Engine(cloud).session()
    try:
        session.build(context, log=_silent)
        ours = median(lambda: session.build(context, no_cache=True, log=_silent))
    finally:
        session.close()
        cloud.close()
    figures = [Figure("three-line build, no cache", ours, "s")]
    theirs = _buildah(folder, context)
    if theirs is None:
        return [
            *figures,
            Figure("… buildah", 0, "s", note="not installed: apt-get install buildah"),
        ]
    return [
        *figures,
        Figure("… buildah, chroot isolation", theirs, "s"),
        Figure("… ratio ours / buildah", ours / theirs, "", 1),
    ]


def _silent(line: str) -> None:
    """Builds are measured without printing."""


def _buildah(folder: Path, context: Path) -> float | None:
    if shutil.which("buildah") is None:
        return None
    running = daemon.up(folder / "hub")
    storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    storage += ["--storage-driver", "vfs" if os.geteuid() else "overlay"]
    environment = {
        **os.environ,
        "HTTPS_PROXY": running.proxy_url,
        "SSL_CERT_FILE": running.ca_file,
        "BUILDAH_ISOLATION": "chroot",
    }

    def buildah(*arguments: str) -> None:
        subprocess.run(
            ["buildah", *storage, *arguments], env=environment, check=True, capture_output=True
        )

    try:
        buildah("pull", BASE)
        return median(
            lambda: buildah("bud", "--no-cache", "--isolation", "chroot", "-t", "x", str(context))
        )
    except subprocess.CalledProcessError as error:
        print("buildah failed:", error.stderr.decode()[-300:])
        return None
    finally:
        daemon.down(folder / "hub")
