"""Exercises of 06: what a gate sees, how its test ended, and a test that asks for more."""

from __future__ import annotations

from .. import runs
from .answers import Number, YesNo
from .exercise import Context, Exercise, equals


def _same_digest(answer: bool, context: Context) -> bool:
    settings = context.settings
    outside, inside = (
        context.node_digest(server)
        for server in (settings.public_login_server, settings.base_artifacts_login_server)
    )
    return answer == (outside == inside)


def _asks_for_openssl(_: None, context: Context) -> bool | str:
    settings, connection = context.settings, context.connection
    newest = runs.newest(
        connection,
        settings.base_artifacts_registry_group,
        settings.base_artifacts_registry,
        "base-import-node",
    )
    if newest is None or "OpenSSL" not in runs.log_of(connection, newest):
        return "The newest run of the gate has no OpenSSL in its log."
    if newest.status != "Succeeded":
        return f"The newest run of the gate asks for OpenSSL. It is {newest.status}."
    return True


EXERCISES = (
    Exercise(
        "06.1",
        YesNo(),
        equals(True),
        hints=(
            "Read test.sh once more. What exactly does it compare the colour with?",
            "It compares one word with another. Is #ff0000 the word red?",
        ),
        because=(
            "The test compares words, and knows one of them. A gate is as good as its test: think of "
            "what your applications rely on, and ask for that."
        ),
    ),
    Exercise(
        "06.2",
        Number(),
        equals(126),
        hints=(
            "Read the log from its end upwards. One of the last lines names the step that failed and "
            "how.",
            "Look for the line with validate-base-image and the words exit status.",
        ),
        because=(
            "A shell ends with 126 when a file is there and cannot be executed. 127 would mean that it "
            "is not there."
        ),
    ),
    Exercise(
        "06.3",
        YesNo(),
        _same_digest,
        hints=(
            "Does docker tag, or docker push, change anything in an image?",
            "get_tag_properties of both registries tells. A digest is a hash of the content.",
        ),
        because=(
            "Pulling, tagging and pushing leave the content as it is, and so its digest. That proves "
            "which public image the company has."
        ),
    ),
    Exercise(
        "06.4",
        None,
        _asks_for_openssl,
        hints=(
            "Put a line into test.sh that prints OpenSSL and its version, before it says ACCEPTED. "
            "Commit and push: the source trigger does the rest.",
            'echo "OpenSSL $(node -p process.versions.openssl)" is such a line. forks.edit commits and '
            "pushes a change of a file.",
        ),
        because="The test is watched as the image is. So a better test is used from its first push on.",
    ),
)
