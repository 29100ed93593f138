"""The images of one container host by name: what ``docker images``, ``tag`` and ``inspect`` know."""

from __future__ import annotations

import threading
from typing import Any

from ...errors import CloudError
from ...reference import InvalidReferenceError, Reference
from .images import ImageStore


class LocalImages:
    """Names and the digests that they stand for; thread-safe."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._images: dict[str, str] = {}  # reference -> manifest digest
        self._digests: dict[str, set[str]] = {}  # manifest digest -> repository@digest
        self._lock = threading.RLock()

    def digest(self, reference: Reference) -> str | None:
        """The manifest digest that a name stands for, or None."""
        return self._images.get(str(reference))

    def name(self, reference: Reference, digest: str) -> None:
        """Give an image a name."""
        with self._lock:
            self._images[str(reference)] = digest

    def transferred(self, reference: Reference, digest: str) -> None:
        """An image was pulled or pushed: it has this name, and its repository is known."""
        with self._lock:
            self.name(reference, digest)
            repository = f"{reference.registry}/{reference.repository}"
            self._digests.setdefault(digest, set()).add(f"{repository}@{digest}")

    def tag(self, source: str, target: str) -> None:
        """Give an image another name. Raises :class:`CloudError` when there is none."""
        with self._lock:
            digest = self.find(source)
            if digest is None:
                raise CloudError(
                    404,
                    "NoSuchImage",
                    f"Error response from daemon: No such image: {parse_reference(source).familiar}",
                )
            self.name(parse_reference(target), digest)

    def remove(self, reference: str) -> str | None:
        """Forget a name; returns its digest, None when it is unknown."""
        with self._lock:
            return self._images.pop(str(parse_reference(reference)), None)

    def list(self) -> list[dict[str, Any]]:
        """All names, as ``docker images --format json`` gives them."""
        with self._lock:
            names = dict(self._images)
        found = []
        for name, digest in sorted(names.items()):
            reference = Reference.parse(name)
            image = self._store.image(digest)
            repository = Reference(reference.registry, reference.repository).familiar
            found.append(
                {
                    "Repository": repository,
                    "Tag": reference.tag or "<none>",
                    "ID": image.id.partition(":")[2][:12],
                    "CreatedAt": image.config.get("created", ""),
                    "Size": sum(int(layer.get("size", 0)) for layer in image.layers),
                }
            )
        return found

    def inspect(self, reference: str) -> dict[str, Any] | None:
        """What ``docker image inspect`` tells of an image, None when it is not there."""
        with self._lock:
            digest = self.find(reference)
            if digest is None:
                return None
            names = sorted(name for name, known in self._images.items() if known == digest)
            digests = sorted(self._digests.get(digest, ()))
        image = self._store.image(digest)
        return {
            "Id": image.id,
            "RepoTags": [Reference.parse(name).familiar for name in names],
            "RepoDigests": digests,
            "Digest": digest,
            "Created": image.config.get("created", ""),
            "Architecture": image.config.get("architecture", ""),
            "Os": image.config.get("os", ""),
            "Size": sum(int(layer.get("size", 0)) for layer in image.layers),
            "Config": dict(image.settings),
            "RootFS": {"Type": "layers", "Layers": image.config["rootfs"]["diff_ids"]},
        }

    def find(self, reference: str) -> str | None:
        """A digest by name, by image id or by the beginning of one."""
        text = reference.removeprefix("sha256:")
        if len(text) >= 12 and all(c in "0123456789abcdef" for c in text):
            with self._lock:
                known = set(self._images.values())
            for digest in known:
                if self._store.image(digest).id.partition(":")[2].startswith(text):
                    return digest
        wanted = parse_reference(reference)
        if wanted.digest:
            return wanted.digest if wanted.digest in self._digests else None
        return self._images.get(str(wanted))


def parse_reference(text: str) -> Reference:
    """A name as a reference. Raises 400 InvalidReference."""
    try:
        return Reference.parse(text)
    except InvalidReferenceError as error:
        raise CloudError(400, "InvalidReference", str(error)) from None
