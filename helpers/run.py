"""What a run of a task tells of itself, as the SDK gives it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .display import plain
from .errors import HelpersError


def trigger_of(run: Any) -> str:
    """What started a run: ``Commit``, ``Image Update``, ``Timer`` or ``Manual``."""
    if run.source_trigger:
        kind = plain(run.source_trigger.event_type) or "Commit"
        return kind[:1].upper() + kind[1:]
    if run.timer_trigger:
        return "Timer"
    return "Image Update" if run.image_update_trigger else "Manual"


def digest_of(run: Any, image: str) -> str:
    """The digest of ``image`` (``node:15-alpine``) as ``run`` pushed it.

    Raises :class:`HelpersError` when the run did not push it.
    """
    for one in run.output_images or []:
        if f"{one.repository}:{one.tag}" == image:
            return str(one.digest)
    raise HelpersError(
        f"Run {run.run_id} did not push {image}. It pushed: {', '.join(images_of(run)) or 'nothing'}."
    )


def is_of(run: Any, task: Any) -> bool:
    """Whether ``task`` is what ran, and not a task of that name that was deleted before."""
    made = task.creation_date
    return made is None or run.create_time is None or moment(run.create_time) >= moment(made)


def images_of(run: Any) -> list[str]:
    """What a run pushed: ``repository:tag``, sorted."""
    return sorted(f"{one.repository}:{one.tag}" for one in run.output_images or [])


def duration_of(run: Any) -> str:
    """How long a run took, HH:MM:SS; '' while it goes on."""
    start, finish = run.start_time, run.finish_time
    if start is None or finish is None:
        return ""
    seconds = round((moment(finish) - moment(start)).total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def bases_of(run: Any) -> list[Any]:
    """The base images that started a run, each with repository, tag and digest; mostly none."""
    return list(run.image_update_trigger.images or []) if run.image_update_trigger else []


def time_of(value: Any) -> datetime | None:
    """A time of a run, as :func:`moment` reads it; None where it has not come yet."""
    return None if value is None else moment(value)


def moment(value: Any) -> datetime:
    """A time of a run: some versions of the SDK leave it as text."""
    return (
        value
        if isinstance(value, datetime)
        else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    )
