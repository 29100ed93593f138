"""The cache of a build in a registry: ``--cache-to`` and ``--cache-from`` with ``type=registry,mode=max``.

It is an image manifest whose configuration says which layers come of which steps. Its records are
of this builder: the keys of others are never asked for. Source: moby/buildkit, cache/remotecache.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...content import ContentStore
from ...errors import CloudError
from ...media_types import OCI_LAYER
from ...reference import Reference
from ...registry.client import RegistryClient
from ...registry.credentials import Credential
from ...shapes import Shape, check_shape
from ..errors import BuildError
from ..images.images import Descriptor, store_manifest
from .progress import Progress

CONFIG = "application/vnd.buildkit.cacheconfig.v0"
_KEY = re.compile("sha256:[0-9a-f]{64}")
_SHAPE: Shape = {
    "layers": [{"blob": str}],
    "records": [{"digest": str, "layers": [{"layer": int}]}],
}


class RegistryCache:
    """Steps and their layers as they are kept in the image ``place``."""

    def __init__(
        self,
        content: ContentStore,
        client: RegistryClient,
        place: Reference,
        credential: Credential | None,
    ) -> None:
        self._content = content
        self._client = client
        self._place = place
        self._credential = credential

    def load(self, progress: Progress) -> dict[str, Descriptor | None]:
        """What is known of steps: by the key of each the layer that it made (None: it makes none).

        A cache that is not there, or cannot be read, is told in the log, and the build goes on.
        """
        vertex = progress.begin(f"importing cache manifest from {self._place}")
        try:
            found = self._read(self._client.pull(self._place, self._credential, None))
        except CloudError as error:
            told = "not found" if error.status == 404 else error.message
            vertex.tell(f"ERROR: {self._place}: {told}")
            return {}
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            vertex.tell(f"ERROR: {self._place}: it is no cache that this builder can read")
            return {}
        vertex.done()
        return found

    def _read(self, digest: str) -> dict[str, Descriptor | None]:
        manifest = json.loads(self._content.read(digest))
        if manifest["config"]["mediaType"] != CONFIG:
            raise ValueError("another kind of image")
        config = json.loads(self._content.read(manifest["config"]["digest"]))
        check_shape(config, _SHAPE, "configuration")
        # A layer that is compressed is another builder's.
        blobs = {
            str(one["digest"]): one for one in manifest["layers"] if one["mediaType"] == OCI_LAYER
        }
        known: dict[str, Descriptor | None] = {}
        for record in config["records"]:
            layers = [blobs[config["layers"][one["layer"]]["blob"]] for one in record["layers"]]
            if _KEY.fullmatch(record["digest"]) and len(layers) < 2:
                known[record["digest"].removeprefix("sha256:")] = layers[0] if layers else None
        return known

    def save(self, used: Mapping[str, Descriptor | None], progress: Progress) -> None:
        """Keep the steps of a build there. Raises :class:`BuildError` in BuildKit's words."""
        vertex = progress.begin("exporting cache to registry")
        layers = {str(one["digest"]): one for one in used.values() if one is not None}
        if not layers:  # as BuildKit: without a layer there is nothing to keep
            vertex.done()
            return
        order = {digest: number for number, digest in enumerate(layers)}
        config: dict[str, Any] = {
            "layers": [{"blob": digest} for digest in layers],
            "records": [
                {
                    "digest": f"sha256:{key}",
                    "layers": [{"layer": order[str(layer["digest"])]}] if layer else [],
                }
                for key, layer in used.items()
            ],
        }
        stored, described = store_manifest(self._content, CONFIG, config, list(layers.values()))
        for digest in layers:
            vertex.tell(f"writing layer {digest} done")
        vertex.tell(f"writing config {described} done")
        try:
            self._client.push(self._place, stored, self._credential)
        except CloudError as error:
            vertex.tell(f"ERROR: {error.message}")
            raise BuildError(
                f"failed to solve: failed to push {self._place}: {error.message}"
            ) from None
        vertex.tell(f"writing manifest {stored} done")
        vertex.done()
