"""Which layer an instruction made the last time it was run on the same state."""

from __future__ import annotations

import json
import os

from ... import atomic
from ...cloud import Cloud
from ...content import digest_of
from ..images.images import Descriptor, encode


class BuildCache:
    """Layers by what went into them, kept on disk for all builds of a local cloud.

    ``imported`` are those of this build alone, that somebody else has made; ``used`` is everything
    that the build has asked for or made.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._folder = cloud.folder("build-cache")
        self._content = cloud.content
        self.imported: dict[str, Descriptor | None] = {}
        self.used: dict[str, Descriptor | None] = {}

    @staticmethod
    def key(*parts: object) -> str:
        """A name for everything that decides what an instruction makes."""
        return digest_of(encode([str(part) for part in parts])).removeprefix("sha256:")

    def get(self, key: str) -> tuple[bool, Descriptor | None]:
        """Whether the instruction is known, and its layer (None: it made none)."""
        try:
            layer = json.loads((self._folder / key).read_text())
            os.utime(self._folder / key)
        except (OSError, ValueError):
            if key not in self.imported:
                return False, None
            layer = self.imported[key]
        if layer is not None and not self._content.has(layer["digest"]):
            return False, None
        self.used[key] = layer
        return True, layer

    def layers(self, before: float) -> set[str]:
        """Digests of the layers that are remembered; instructions unused since ``before`` are not."""
        found = set()
        for path in self._folder.iterdir():
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    continue
                layer = json.loads(path.read_text())
                found |= {str(layer["digest"])} if layer is not None else set()
            except (OSError, ValueError, TypeError, KeyError):  # half-written, or gone meanwhile
                continue
        return found

    def put(self, key: str, layer: Descriptor | None) -> None:
        """Remember what an instruction made."""
        self.used[key] = layer
        atomic.write(self._folder / key, json.dumps(layer))
