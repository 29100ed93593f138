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
_OF_COMMANDS = ("User", "WorkingDir", "Shell", "Volumes")


def _variables_of(settings: Mapping[str, Any]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in settings.get("Env") or [])


@dataclass
class Stage:
    """The state between two instructions; ``base`` is the reference that FROM names.

    ``id`` stands for the configuration so far, as docker's id of an intermediate image: a digest of
    the id before and of what came to it, so that a step costs the same however many went before.
    """

    name: str
    index: int
    base: str
    base_digest: str
    config: dict[str, Any]
    layers: list[Descriptor]
    arguments: dict[str, str] = field(default_factory=dict)
    origin: int | None = None  # index of the stage that it begins with, when it is one
    has_command: bool = False  # whether CMD was given in this stage
    id: str = ""

    def __post_init__(self) -> None:
        self._environment = _variables_of(self.settings)
        self._chain = (0, "")  # of so many layers

    @property
    def chain(self) -> str:
        """What stands for all of its layers, as a chain id does (OCI image spec, "ChainID")."""
        count, chain = self._chain
        for layer in self.layers[count:]:
            chain = digest_of(f"{chain} {layer['digest']}".encode())
        self._chain = (len(self.layers), chain)
        return chain

    @classmethod
    def begin(cls, name: str, index: int, base: str, image: Image | None) -> Stage:
        """A stage on an image; None is ``scratch``."""
        config = copy.deepcopy(dict(image.config)) if image else copy.deepcopy(_EMPTY)
        config.setdefault("config", {})
        config.setdefault("history", [])
        config["created"] = CREATED
        layers = list(image.layers) if image else []
        digest = image.digest if image else ""
        first = digest_of(encode(config))
        return cls(name, index, base, digest, config, layers, id=first)

    @classmethod
    def after(cls, name: str, index: int, earlier: Stage) -> Stage:
        """A stage that goes on where an earlier one has ended."""
        ended = earlier.finished()
        config = {
            **ended,
            "config": {key: copy.copy(value) for key, value in ended["config"].items()},
            "rootfs": copy.deepcopy(earlier.config["rootfs"]),
            "history": list(earlier.config["history"]),
        }
        return cls(
            *(name, index, earlier.base, earlier.base_digest, config, list(earlier.layers)),
            origin=earlier.index,
            id=earlier.id,
        )

    @property
    def platform(self) -> str:
        """Operating system and architecture, like linux/amd64; "" when the base does not say."""
        return platform_of(self.config)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Cmd, Entrypoint, Env and so on; :meth:`set` and its like change them."""
        settings: Mapping[str, Any] = self.config["config"]
        return settings

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the image so far; those that come later appear in it, too."""
        return self._environment

    @property
    def working_dir(self) -> str:
        """Working directory, / by default."""
        return self.settings.get("WorkingDir") or "/"

    @property
    def shell(self) -> list[str]:
        """The shell of the shell form."""
        return list(self.settings.get("Shell") or ["/bin/sh", "-c"])

    @property
    def short_id(self) -> str:
        """Twelve digits of the id, as docker prints them."""
        return self.id.removeprefix("sha256:")[:12]

    def snapshot(self) -> Stage:
        """What a command runs with, as it is now: only its layers still change later."""
        settings = {k: copy.copy(self.settings[k]) for k in _OF_COMMANDS if k in self.settings}
        return replace(self, config={**self.config, "config": settings}, arguments={})

    # -- changes -----------------------------------------------------------------------------

    def _goes_on(self, *added: object) -> None:
        self.id = digest_of(encode([self.id, *added]))

    def set(self, name: str, value: Any) -> None:
        """Give a setting another value."""
        self.config["config"][name] = value
        self._goes_on("set", name, value)

    def add(self, name: str, values: Mapping[str, Any]) -> None:
        """Add to a setting that has several by name, as Labels."""
        settings = self.config["config"]
        settings[name] = settings.get(name) or {}
        settings[name].update(values)
        self._goes_on("add", name, list(values.items()))

    def append(self, name: str, value: Any) -> None:
        """Add to a setting that is a list."""
        settings = self.config["config"]
        settings[name] = settings.get(name) or []
        settings[name].append(value)
        self._goes_on("append", name, value)

    def remove(self, name: str) -> Any:
        """Take a setting away: what it was, None when it was not there."""
        value = self.config["config"].pop(name, None)
        if value is not None:
            self._goes_on("remove", name)
        return value

    def set_author(self, author: str) -> None:
        """Say who maintains the image."""
        self.config["author"] = author
        self._goes_on("author", author)

    def set_environment(self, values: Mapping[str, str]) -> None:
        """Set variables, in place where they exist."""
        self._environment.update(values)
        self._goes_on("environment", list(values.items()))

    def finished(self) -> dict[str, Any]:
        """The configuration of the image that it has become."""
        settings = dict(self.settings)
        if self._environment != _variables_of(settings):
            settings["Env"] = [f"{name}={value}" for name, value in self._environment.items()]
        return {**self.config, "config": settings}

    def record(self, created_by: str, layer: Descriptor | None) -> None:
        """Add a step to the history, with the layer that it made."""
        entry: dict[str, Any] = {"created": CREATED, "created_by": created_by}
        if layer is None:
            entry["empty_layer"] = True
        else:
            self.layers.append(layer)
            self.config["rootfs"]["diff_ids"].append(layer["digest"])
        self.config["history"].append(entry)
        self._goes_on("step", created_by, layer and layer["digest"])
