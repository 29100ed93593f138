"""What webhooks tell: the bodies of their requests.

Source: documentation, "Azure Container Registry webhook reference"; of ``quarantine``, Azure/acr
docs/preview/quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import timestamps
from ..events import ManifestPut, ManifestsDeleted

ACTIONS = ("push", "delete", "quarantine", "chart_push", "chart_delete")
PING = "ping"
_CHART = "application/vnd.cncf.helm.config.v1+json"  # helm.sh, "Charts in OCI registries"
_TITLE = "org.opencontainers.image.title"
_VERSION = "org.opencontainers.image.version"


@dataclass(frozen=True)
class Told:
    """One thing to tell; ``tags`` are those by which a scope may be about it."""

    action: str
    repository: str
    tags: list[str]
    content: dict[str, Any]


def of_put(event: ManifestPut) -> list[Told]:
    """What a manifest that somebody has put is to webhooks."""
    manifest, repository = event.manifest, event.repository
    tags: list[str] = manifest["tags"]
    size = manifest.get("size", 0)
    target = {
        "mediaType": manifest["mediaType"],
        "size": size,
        "digest": manifest["digest"],
        "length": size,
        "repository": repository,
        **({"tag": tags[0]} if tags else {}),
    }
    found = [
        Told(
            action,
            repository,
            tags,
            _content(action, event.put, {"target": target, "request": event.request}),
        )
        for action in event.actions
    ]
    if "push" in event.actions:
        found += _charts("chart_push", event.put, repository, manifest)
    return found


def of_deletion(event: ManifestsDeleted) -> list[Told]:
    """What manifests that are gone are to webhooks; a tag alone that is gone is nothing."""
    found = []
    for manifest in event.manifests:
        target = {
            "mediaType": manifest["mediaType"],
            "digest": manifest["digest"],
            "repository": event.repository,
        }
        content = _content("delete", event.deleted, {"target": target, "request": event.request})
        found.append(Told("delete", event.repository, manifest["tags"], content))
        found += _charts("chart_delete", event.deleted, event.repository, manifest)
    return found


def ping() -> dict[str, Any]:
    """What somebody asked for to see whether the receiver is there."""
    return _content(PING, None, {})


def _content(action: str, moment: float | None, more: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": timestamps.ticks(moment), "action": action, **more}


def _charts(action: str, moment: float, repository: str, manifest: dict[str, Any]) -> list[Told]:
    """A Helm chart is told under its own name, too: by each of its tags, which are its versions."""
    if manifest.get("configMediaType") != _CHART:
        return []
    said = manifest.get("annotations", {})
    found = []
    for tag in manifest["tags"]:
        target = {
            "mediaType": manifest["mediaType"],
            "size": manifest.get("size", 0),
            "digest": manifest["digest"],
            "repository": repository,
            "tag": tag,
            "name": said.get(_TITLE) or repository.rpartition("/")[2],
            "version": said.get(_VERSION) or tag.replace("_", "+"),
        }
        content = _content(action, moment, {"target": target})
        found.append(Told(action, repository, [tag], content))
    return found
