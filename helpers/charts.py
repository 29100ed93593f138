"""Helm charts as a registry holds them: packed, described, found by name and version.

Source: Helm, "Use OCI-based registries"; the media types are those of HIP 6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from . import archives
from .errors import HelpersError

CONFIG_TYPE = "application/vnd.cncf.helm.config.v1+json"
CONTENT_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_ANNOTATION = "org.opencontainers.image."
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
# semver.org, "Is there a suggested regular expression".
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)


class ChartError(HelpersError):
    """Something that Helm would not take for a chart; the message says what is wrong with it."""


@dataclass(frozen=True)
class Chart:
    """A packed chart: what ``helm package`` writes into NAME-VERSION.tgz."""

    metadata: dict[str, Any]
    files: dict[str, bytes]  # by path in the chart's folder

    @property
    def name(self) -> str:
        """The chart's name, which is also the last part of its repository."""
        return str(self.metadata["name"])

    @property
    def version(self) -> str:
        """The chart's version, as Chart.yaml writes it."""
        return str(self.metadata["version"])

    @property
    def tag(self) -> str:
        """The version as a tag: a tag has no ``+``, so Helm writes ``_`` instead."""
        return self.version.replace("+", "_")

    @property
    def values(self) -> dict[str, Any]:
        """Its default values."""
        return _object(self.files.get("values.yaml", b"{}"), "values.yaml")

    @property
    def annotations(self) -> dict[str, str]:
        """What Helm writes into the manifest, but for the time of the push."""
        known = {
            "title": self.name,
            "version": self.version,
            "description": self.metadata.get("description"),
            "url": self.metadata.get("home"),
        }
        return {f"{_ANNOTATION}{key}": str(value) for key, value in known.items() if value}

    def packed(self) -> bytes:
        """The archive: the same files give the same bytes, whenever and wherever they are packed."""
        return archives.pack({f"{self.name}/{path}": data for path, data in self.files.items()})


def chart(files: Mapping[str, bytes]) -> Chart:
    """The chart whose folder holds ``files``. Raises :class:`ChartError`."""
    if "Chart.yaml" not in files:
        raise ChartError(
            f"A chart has a Chart.yaml. There is: {', '.join(sorted(files)) or 'nothing'}."
        )
    metadata = _object(files["Chart.yaml"], "Chart.yaml")
    if metadata.get("apiVersion") not in ("v1", "v2"):
        raise ChartError("Chart.yaml: apiVersion is v2 (or v1, for Helm 2).")
    name, version = metadata.get("name"), metadata.get("version")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ChartError(
            f"Chart.yaml: the name {name!r} is no chart's: lower-case letters, digits, - and ."
        )
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ChartError(
            f"Chart.yaml: the version {version!r} is none of SemVer 2, for instance 0.1.0."
        )
    return Chart(metadata, dict(files))


def unpack(archive: bytes) -> Chart:
    """The chart in an archive of ``helm package``. Raises :class:`ChartError`."""
    try:
        unpacked = archives.unpack(archive)
    except archives.ArchiveError as error:
        raise ChartError(f"The archive of a chart {error}.") from None
    files = {}
    for name, content in unpacked.items():
        folder, _, path = name.partition("/")  # all of it lies in a folder of the chart's name
        if folder and path:
            files[path] = content
    return chart(files)


def check_place(one: Chart, repository: str, tag: str) -> None:
    """Refuse a chart that does not lie where Helm looks for it.

    Raises :class:`ChartError`. Source: Helm's strict mode of push: the last part of the repository
    is the name, the tag is the version.
    """
    if repository.rpartition("/")[2] != one.name or tag != one.tag:
        raise ChartError(
            f"{repository}:{tag} is not where Helm looks for {one.name} {one.version}: that is a "
            f"repository that ends with {one.name}, and the tag {one.tag}."
        )


def _object(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ChartError(f"{name} is no YAML: {error}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ChartError(f"{name} is no YAML object.")
    return found
