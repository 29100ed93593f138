"""Images in the content store: their configuration, and their layers as directories for overlay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...cloud import Cloud
from ...content import ContentStore, MissingContentError, digest_of
from ...errors import CloudError
from ...file_lock import locked
from ...media_types import OCI_CONFIG, OCI_MANIFEST
from ...request_body import parse_json
from ...root_folder import link_tree, remove_tree
from ...shapes import Shape, check_shape
from ..errors import LayerError
from ..sandboxes.ownership import read_owners
from . import extraction
from .owners import Owner, Owners, write_owners

# Layers that become one directory: the options of an overlay mount have a page for their paths.
MANY = 24
_NAME = 64  # characters of the name of a layer's folder
Descriptor = dict[str, Any]


def platform_of(config: Mapping[str, Any]) -> str:
    """What a configuration says of the machines it is for, like linux/amd64; "" when nothing."""
    system, architecture = config.get("os"), config.get("architecture")
    return f"{system}/{architecture}" if system and architecture else ""


@dataclass(frozen=True)
class Image:
    """An image whose manifest is ``digest``; ``config`` is its OCI configuration."""

    digest: str
    config: Mapping[str, Any]
    layers: tuple[Descriptor, ...]
    id: str  # digest of the configuration: what docker calls the image id

    @property
    def settings(self) -> Mapping[str, Any]:
        """Cmd, Entrypoint, Env and so on."""
        settings: Mapping[str, Any] = self.config.get("config") or {}
        return settings

    @property
    def platform(self) -> str:
        """Operating system and architecture, like linux/amd64; "" when it does not say."""
        return platform_of(self.config)

    @property
    def env(self) -> dict[str, str]:
        """Environment variables."""
        return dict(entry.partition("=")[::2] for entry in self.settings.get("Env") or [])

    @property
    def entrypoint(self) -> list[str]:
        """Words before the command; [] without."""
        return list(self.settings.get("Entrypoint") or [])

    @property
    def command(self) -> list[str]:
        """Default command; [] without."""
        return list(self.settings.get("Cmd") or [])

    @property
    def working_dir(self) -> str:
        """Working directory, / by default."""
        return self.settings.get("WorkingDir") or "/"

    @property
    def user(self) -> str:
        """User and group that the container runs as; "" is root."""
        return self.settings.get("User") or ""

    @property
    def volumes(self) -> tuple[str, ...]:
        """Directories that a container has in any case."""
        return tuple(self.settings.get("Volumes") or {})


_CONFIG: Shape = {  # OCI image spec 1.1, config.md: what is used of it
    "rootfs": {"diff_ids": [str]},
    "config": {
        **{name: [str] for name in ("Env", "Cmd", "Entrypoint", "Shell", "OnBuild")},
        **{name: str for name in ("User", "WorkingDir", "StopSignal")},  # noqa: C420
        **{name: {} for name in ("Volumes", "ExposedPorts")},
        "Labels": {str: str},
    },
    "history": [{}],
}


def _reason(error: Exception) -> str:
    """What is wrong with an image, in words."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return "its configuration has another form" if isinstance(error, TypeError) else str(error)


class ImageStore:
    """Reads images and adds new ones; layers are unpacked when they are first needed."""

    def __init__(self, cloud: Cloud) -> None:
        self._content = cloud.content
        self._folder = cloud.folder("layers")
        self._known: dict[str, Image] = {}  # nobody changes one: it is what its digest says
        self._layers: dict[str, tuple[Path, bool]] = {}  # by digest: see :meth:`_found`
        self._flats: dict[tuple[str, ...], Path] = {}

    def image(self, digest: str) -> Image:
        """The image of a manifest digest. Raises :class:`CloudError` for what is no image."""
        known = self._known.get(digest)
        if known is None:
            known = self._known[digest] = self._read(digest)
        return known

    def _read(self, digest: str) -> Image:
        try:
            manifest = json.loads(self._content.read(digest))
            parsed = parse_json(self._content.read(manifest["config"]["digest"]))
            check_shape(parsed, _CONFIG, "configuration")
            for layer in manifest["layers"]:
                self._content.path(layer["digest"])
            if len(parsed["rootfs"]["diff_ids"]) != len(manifest["layers"]):
                raise ValueError("its configuration is for other layers")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CloudError(
                400,
                "MANIFEST_INVALID",
                f"{digest} is not an image that can be run: {_reason(error)}",
            ) from None
        return Image(digest, parsed, tuple(manifest["layers"]), manifest["config"]["digest"])

    def commit(self, config: Mapping[str, Any], descriptors: Sequence[Descriptor]) -> Image:
        """Store configuration and manifest of a new image whose layers are stored already."""
        digest, image_id = store_manifest(self._content, OCI_CONFIG, config, descriptors)
        return Image(digest, config, tuple(descriptors), image_id)

    def lowers(self, image: Image) -> list[Path]:
        """Directories of the image's layers for overlay, lowest first, unpacked when needed.

        Raises :class:`CloudError` for a layer that is damaged, writes outside its root, or holds
        device nodes.
        """
        return self.unpacked(image.layers)

    def ready(self, image: Image) -> bool:
        """Whether :meth:`lowers` has nothing to unpack, as far as one can tell at a glance."""
        names = [self._name(str(one["digest"])) for one in image.layers]
        return len(names) < MANY and all(
            (self._folder / name).exists() and not (self._folder / f"{name}.whiteouts").exists()
            for name in names
        )

    def unpacked(self, descriptors: Sequence[Descriptor]) -> list[Path]:
        """As :meth:`lowers`, of layers that are not an image yet."""
        found = [self._found(descriptor) for descriptor in descriptors]
        if any(whiteouts for _, whiteouts in found):
            return [self._flat(descriptors)]
        flat = len(found) - len(found) % MANY
        layers = [path for path, _ in found[flat:]]
        if flat:
            layers.insert(0, self._flat(descriptors[:flat]))
        # An overlay takes a directory once; of equal layers the uppermost hides the others.
        return list(dict.fromkeys(reversed(layers)))[::-1]

    def owners(self, descriptors: Sequence[Descriptor]) -> Owners:
        """Whose the files of these layers are."""
        return Owners(self.unpacked(descriptors))

    def _found(self, descriptor: Descriptor) -> tuple[Path, bool]:
        """The directory of a layer, and whether it lacks whiteouts; it stays as long as this."""
        digest = str(descriptor["digest"])
        found = self._layers.get(digest)
        if found is None:
            path = self._layer(digest)
            whiteouts = path.with_name(f"{path.name}.whiteouts").exists()
            found = self._layers[digest] = (path, whiteouts)
        return found

    def _layer(self, digest: str) -> Path:
        name = self._name(digest)
        target = self._folder / name
        if target.exists():
            return target
        with self._locked(name):
            if not target.exists():
                fresh = self._folder / f"{name}.new"
                remove_tree(fresh)
                fresh.mkdir(mode=0o755)
                owners: dict[str, Owner] = {}
                try:
                    archive = self._archive(digest)
                    complete = extraction.extract(archive, fresh, digest, owners=owners)
                except BaseException:
                    remove_tree(fresh)
                    raise
                write_owners(target, owners)
                if name not in digest:
                    target.with_suffix(".parts").write_text(json.dumps([digest]))
                if not complete:
                    (self._folder / f"{name}.whiteouts").touch()
                fresh.rename(target)
        return target

    def _name(self, digest: str) -> str:
        """What the folder of a layer is called, which does not grow with the digest's algorithm.

        The options of an overlay mount have a page for the paths of all layers.
        """
        name = self._content.path(digest).name  # it is a digest, then
        return name if len(name) == _NAME else digest_of(digest.encode()).partition(":")[2]

    def _archive(self, digest: str) -> Path:
        """The file of a layer, every byte of which was looked at: it is unpacked once."""
        try:
            self._content.check(digest)
        except MissingContentError as error:
            raise LayerError(str(error)) from None
        return self._content.path(digest)

    def _flat(self, descriptors: Sequence[Descriptor]) -> Path:
        """One directory of the layers: they are many, or have whiteouts that nobody may make here."""
        digests = tuple(str(one["digest"]) for one in descriptors)
        if digests in self._flats:
            return self._flats[digests]
        target = self._flat_of(digests)
        with self._locked(target.name):
            if not target.exists():
                fresh = target.with_suffix(".new")
                remove_tree(fresh)
                fresh.mkdir(mode=0o755)
                try:
                    begun, owners = self._begun(fresh, digests)
                    for digest in digests[begun:]:
                        extraction.extract(
                            self._archive(digest), fresh, digest, onto=True, owners=owners
                        )
                    write_owners(target, owners)
                    target.with_suffix(".parts").write_text(json.dumps(digests))
                except BaseException:
                    remove_tree(fresh)
                    raise
                fresh.rename(target)
        self._flats[digests] = target
        return target

    def _flat_of(self, digests: Sequence[str]) -> Path:
        chain = digest_of(encode(list(digests))).removeprefix("sha256:")
        return self._folder / f"{chain}.flat"

    def _begun(self, fresh: Path, digests: Sequence[str]) -> tuple[int, dict[str, Owner]]:
        """Fill ``fresh`` with what the lower layers made before: of how many, and the owners there.

        So a build whose every step adds a layer unpacks each of them once.
        """
        last = len(digests) - 1
        for count in (last, last - last % MANY):
            earlier = self._flat_of(digests[:count])
            if count and earlier.exists():
                try:
                    link_tree(earlier, fresh)
                except OSError:  # a folder that this user cannot read, a path that is too long
                    remove_tree(fresh)
                    fresh.mkdir(mode=0o755)
                else:
                    return count, dict(read_owners(earlier))
        return 0, {}

    def _locked(self, name: str) -> AbstractContextManager[None]:
        """One of sixteen locks: whoever unpacks the same waits, also in another process."""
        return locked(self._folder / f".lock-{name[0]}")


def store_manifest(
    content: ContentStore, kind: str, config: Mapping[str, Any], layers: Sequence[Descriptor]
) -> tuple[str, str]:
    """Store a configuration of the media type ``kind`` and its manifest; the latter's digest first."""
    data = encode(config)
    digest = content.put(data)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": kind, "digest": digest, "size": len(data)},
        "layers": list(layers),
    }
    return content.put(encode(manifest)), digest


def encode(value: Any) -> bytes:
    """JSON that is the same for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
