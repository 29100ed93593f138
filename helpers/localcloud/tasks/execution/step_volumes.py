"""The volumes of a task file: folders with files whose content is given in base64.

Source: acr-builder, builder/builder.go (createFilesForVolume, populateVolumeWithFiles).
"""

from __future__ import annotations

import base64
import binascii

from ...root_folder import RootFolder
from ..definitions.task_file import Task
from ..tools.volumes import Volumes
from .agent import Agent, StepError


def prepare(agent: Agent, task: Task, volumes: Volumes) -> None:
    """Write the files, as the agent does once before any step. Raises :class:`StepError`."""
    for volume in task.volumes:
        name = str(volume.get("name"))
        place = f"volumes/{name}"
        with RootFolder(agent.folder) as folder:
            folder.make_folders(place, 0o755)
            for file, content in (volume.get("secret") or {}).items():
                if not file or "/" in file or file in (".", ".."):
                    raise StepError(f"volume '{name}': '{file}' is not the name of a file")
                folder.write(f"{place}/{file}", _decoded(agent, name, file, str(content)))
        agent.log.line("buffer:  ")
        agent.log.line(f"Created new file(s) for volume:  {name}")
        volumes.give(name, agent.folder / place)
        agent.log.line("buffer:  ")
        agent.log.line(f"Populated files for volume:  {name}")


def _decoded(agent: Agent, volume: str, file: str, content: str) -> bytes:
    """A file's content; the agent writes it with a here-document, which ends in a line break."""
    try:
        decoded = base64.b64decode(content, validate=True)
    except binascii.Error:
        raise StepError(
            "failed to decode Base64 value. please make sure value provided is Base64 encoded: "
            f"the file '{file}' of volume '{volume}' is not base64"
        ) from None
    masker = agent.log.masker
    if masker.mask(content) != content:  # what stands in the task file for all to read is no secret
        masker.hide(decoded.decode(errors="ignore"))
    return decoded + b"\n"
