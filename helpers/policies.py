"""Policies in Rego: as a registry holds them, and evaluated on this machine.

Sources: Open Policy Agent, "Bundle File Format" and its OCI downloader; conftest, "Sharing policies".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import archives
from .artifacts import Artifact
from .errors import HelpersError

BUNDLE_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
POLICY_LAYER = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
DATA_LAYER = "application/vnd.cncf.openpolicyagent.data.layer.v1+json"


class PolicyError(HelpersError):
    """A policy that cannot be read or evaluated; the message says why."""


class EvaluatorMissing(PolicyError):  # noqa: N818 - what happened, as a reader says it
    """What evaluates Rego is not installed."""


def layer_type(name: str) -> str:
    """The media type that conftest gives to a file: of a policy, or of data."""
    return POLICY_LAYER if name.endswith(".rego") else DATA_LAYER


def bundle(files: Mapping[str, bytes]) -> bytes:
    """The ``bundle.tar.gz`` of a policy's files, always the same bytes for the same files.

    A bundle has its data in ``data.json``, so other JSON files are put together there.
    Raises :class:`PolicyError` for JSON that is none, or two files that give one name.
    """
    packed = {name: content for name, content in files.items() if name.endswith(".rego")}
    packed["data.json"] = json.dumps(_data(files), indent=2, sort_keys=True).encode()
    return archives.pack(packed)


def files_of(artifact: Artifact) -> dict[str, bytes]:
    """The files of a policy that was pulled, in conftest's layout or as a bundle of OPA.

    Raises :class:`PolicyError` for an artifact that is neither.
    """
    layers = artifact.manifest.get("layers") or []
    for layer, content in zip(layers, artifact.files.values(), strict=True):
        if layer["mediaType"] == BUNDLE_LAYER:  # OPA takes the first one
            return _unpacked(content)
    if any(layer["mediaType"] == POLICY_LAYER for layer in layers):
        return dict(artifact.files)
    kinds = ", ".join(sorted({str(layer["mediaType"]) for layer in layers})) or "none"
    raise PolicyError(
        f"{artifact.digest} is no policy: no tarball descriptor found in the layers, and no "
        f"layer of {POLICY_LAYER}. Its layers: {kinds}."
    )


def evaluate(files: Mapping[str, bytes], given: Any, query: str = "data.main.deny") -> list[str]:
    """What a policy says to ``given``: the messages of ``query``, sorted; none if it is content.

    Raises :class:`PolicyError` for a policy with an error, :class:`EvaluatorMissing` where regopy
    is not installed.
    """
    try:
        from regopy import Interpreter, LogLevel, RegoError
    except ImportError:
        raise EvaluatorMissing(
            "Evaluating Rego needs the package regopy (pip install regopy), whose wheels are for "
            "Linux on amd64 with glibc 2.34 or newer. conftest does it everywhere: conftest test."
        ) from None
    interpreter = Interpreter()
    interpreter.log_level = LogLevel.NONE  # the error is raised, and says it all
    try:
        for name, content in files.items():
            if name.endswith(".rego"):
                interpreter.add_module(name, content.decode())
        interpreter.add_data(_data(files))
        interpreter.set_input(given)
        results = interpreter.query(query).results
    except (RegoError, UnicodeDecodeError) as error:
        raise PolicyError(f"The policy has an error: {_first_message(str(error))}") from None
    values = results[0].expressions if results else []
    if not values or not isinstance(values[0], list):
        raise PolicyError(f"The policy does not define {query} as a set of messages.")
    return sorted(map(str, values[0]))


def _data(files: Mapping[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, content in sorted(files.items()):
        if not name.endswith(".json"):
            continue
        try:
            data = json.loads(content)
        except ValueError as error:
            raise PolicyError(f"{name} is no JSON: {error}.") from None
        if not isinstance(data, dict):
            raise PolicyError(f"{name} is no JSON object.")
        twice = sorted(set(found) & set(data))
        if twice:
            raise PolicyError(f"{name} gives {', '.join(twice)}, which another file gives, too.")
        found |= data
    return found


def _unpacked(content: bytes) -> dict[str, bytes]:
    try:
        return {name.lstrip("/"): data for name, data in archives.unpack(content).items()}
    except archives.ArchiveError as error:
        raise PolicyError(f"The bundle {error}.") from None


def _first_message(text: str) -> str:
    """The words of the first error: regopy prints its syntax tree."""
    _, found, rest = text.partition("(errormsg ")
    return rest.partition(")")[0].partition(":")[2].strip() if found else text
