"""Exercises of 00: names, pins, and where the gate stands."""

from __future__ import annotations

from .answers import Choice, Text
from .exercise import Exercise, equals

EXERCISES = (
    Exercise(
        "00.1",
        Text("example.org"),
        equals("teamred.azurecr.io"),
        hints=(
            "A registry's host name follows from its name, and from nothing else. The table above has "
            "three examples.",
            "The host name is the registry's name, then a point, then azurecr.io. You can also ask: "
            'Settings(registry="teamred").login_server',
        ),
        because=(
            "NAME.azurecr.io is the host name of every Azure container registry. That is why two "
            "registries in the world cannot have the same name."
        ),
    ),
    Exercise(
        "00.2",
        Choice("at once", "within an hour", "never"),
        equals("never"),
        hints=(
            "What does a digest stand for: the newest image of a name, or the bytes of one image?",
            "The repaired image has other bytes, and so another digest. Your Dockerfile still names "
            "the old one.",
        ),
        because=(
            "A digest names the bytes of one image. Until somebody writes another digest into the "
            "Dockerfile, every build uses the image without the repair. The gate is that somebody."
        ),
    ),
    Exercise(
        "00.3",
        Choice("the public", "the company", "the team"),
        equals("the company"),
        hints=(
            "Follow the arrows in the picture. From which column does the gate take an image, and "
            "into which one does it push?",
            "The gate belongs to those who answer for the base images that everybody may build on.",
        ),
        because=(
            "The gate is a task in the company's registry. It tests what the public publishes, and "
            "pushes what has passed into acmebaseartifacts, from where every team takes it."
        ),
    ),
)
