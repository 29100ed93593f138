"""Exercises of 13: what a clean-up takes away, what a signature is about."""

from __future__ import annotations

from typing import Any

from .. import signatures
from ..artifacts import referrers
from .answers import Digest, Names, YesNo
from .exercise import Context, Exercise, equals

_CHART = "helm/hello-world"


def _digest_of_the_chart(answer: Any, context: Context) -> bool | str:
    registry = context.clients.registry(context.settings.login_server)
    if answer in {tag.digest for tag in registry.list_tag_properties(_CHART)}:
        return True
    images = {one.digest for one in registry.list_manifest_properties("hello-world")}
    return "That is an image which a chart may name." if answer in images else False


def _chart_is_signed(_: Any, context: Context) -> bool | str:
    server = context.settings.login_server
    tags = list(context.clients.registry(server).list_tag_properties(_CHART, order_by="timedesc"))
    for tag in tags:
        if referrers(context.connection, server, _CHART, tag.digest, signatures.ARTIFACT_TYPE):
            return True
    return f"No version of {_CHART} has a signature attached to it."


EXERCISES = (
    Exercise(
        "13.1",
        Names("image", "chart"),
        equals({"sbom", "report", "signature"}),
        hints=(
            "Which of these has no tag of its own?",
            "The papers of an image are found by its digest. All three of them are.",
        ),
        because=(
            "Papers have no tag. It is noticed when somebody verifies: at the next deployment, if "
            "unsigned images are refused there, or never."
        ),
    ),
    Exercise(
        "13.2",
        YesNo(),
        equals(True),
        hints=(
            "What exactly was signed?",
            "A signature is about a descriptor, and a descriptor has a digest and no tag.",
        ),
        because=(
            "It is the same image. The signature is about the digest, and a tag is only a name for it."
        ),
    ),
    Exercise(
        "13.3",
        Digest(),
        _digest_of_the_chart,
        hints=(
            "One digest stands for the configuration, the content and the annotations of a chart.",
            "Its manifest has it: set_manifest has returned it, and the tag of the chart points to it.",
        ),
        because=(
            "The digest of the manifest covers all of the chart, and by its values the image, too: a "
            "chart with another image has another digest."
        ),
    ),
    Exercise(
        "13.4",
        None,
        _chart_is_signed,
        hints=(
            "To sign the chart is to sign its descriptor, and to attach that to it: the cell that signs "
            "the image does it.",
            "artifacts.descriptor gives the descriptor of a tag; artifacts.attach takes the registry, "
            "the repository and the digest of the subject.",
        ),
        because="The chart has its first paper, made just like that of an image.",
    ),
)
