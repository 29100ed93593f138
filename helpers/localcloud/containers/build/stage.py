"""One build stage while it is built: its configuration, its layers, its arguments."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...content import digest_of
from ..images.images import Descriptor, Image, encode, platform_of

CREATED = "2020-01-01T00:00:00Z"  # never the time of the build: same input, same digest
_EMPTY: dict[str, Any] = {
    "created": CREATED,
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
    "rootfs": {"type": "layers", "diff_ids": []},
    "history": [],
}


@dataclass
class Stage:
    """The state between two instructions; ``base`` is the reference that FROM names."""

    name: str
    index: int
    base: str
    base_digest: str
    config: dict[str, Any]
    layers: list[Descriptor]
    arguments: dict[str, str] = field(default_factory=dict)
    origin: int | None = None  # index of the stage that it begins with, when it is one
    has_command: bool = False  # whether CMD was given in this stage

    @classmethod
    def begin(
        cls, name: str, index: int, base: str, image: Image | None, origin: int | None = None
    ) -> Stage:
        """A stage on an image; None is ``scratch``."""
        config = copy.deepcopy(dict(image.config)) if image else copy.deepcopy(_EMPTY)
        config.setdefault("config", {})
        config.setdefault("history", [])
        config["created"] = CREATED
        layers = list(image.layers) if image else []
        digest = image.digest if image else ""
        return cls(name, index, base, digest, config, layers, origin=origin)

    @property
    def platform(self) -> str:
        """Operating system and architecture, like linux/amd64; "" when the base does not say."""
        return platform_of(self.config)

    @property
    def settings(self) -> dict[str, Any]:
        """Cmd, Entrypoint, Env and so on."""
        settings: dict[str, Any] = self.config["config"]
        return settings

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the image so far."""
        return dict(entry.partition("=")[::2] for entry in self.settings.get("Env") or [])

    @property
    def working_dir(self) -> str:
        """Working directory, / by default."""
        return self.settings.get("WorkingDir") or "/"

    @property
    def shell(self) -> list[str]:
        """The shell of the shell form."""
        return list(self.settings.get("Shell") or ["/bin/sh", "-c"])

    @property
    def id(self) -> str:
        """Digest of the configuration so far, as docker's id of an intermediate image."""
        return digest_of(encode(self.config))

    @property
    def short_id(self) -> str:
        """Twelve digits of the id, as docker prints them."""
        return self.id.removeprefix("sha256:")[:12]

    def snapshot(self) -> Stage:
        """As it is now: what comes later changes its settings no more, its layers still."""
        config = {**self.config, "config": copy.deepcopy(self.settings)}
        return replace(self, config=config, arguments=dict(self.arguments))

    def set_environment(self, values: Mapping[str, str]) -> None:
        """Set variables, in place where they exist."""
        merged = {**self.environment, **values}
        self.settings["Env"] = [f"{name}={value}" for name, value in merged.items()]

    def record(self, created_by: str, layer: Descriptor | None) -> None:
        """Add a step to the history, with the layer that it made."""
        entry: dict[str, Any] = {"created": CREATED, "created_by": created_by}
        if layer is None:
            entry["empty_layer"] = True
        else:
            self.layers.append(layer)
            self.config["rootfs"]["diff_ids"].append(layer["digest"])
        self.config["history"].append(entry)
