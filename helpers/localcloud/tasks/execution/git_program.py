"""The program git, without anybody's configuration, on objects that it reads only.

It is asked for what a library does not know as well. The repository that it sees is an empty one of
ours, so that nothing is configured there, either.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ...git_environment import environment


class GitProgramError(Exception):
    """git is missing, or it has refused something; the text is its last line."""


class GitProgram:
    """Runs git on the objects in ``objects``, in a folder that is made when it is first needed."""

    def __init__(self, folder: Path, objects: Path) -> None:
        self._folder = folder.absolute()
        self._objects = objects.absolute()

    @cached_property
    def files(self) -> Path:
        """Where it takes the files of its repository to be; empty at first."""
        files = self._folder / "files"
        files.mkdir(parents=True)
        return files

    @cached_property
    def _environment(self) -> dict[str, str]:
        repository = self._folder / "repository"
        (repository / "refs").mkdir(parents=True)
        (repository / "HEAD").write_text("ref: refs/heads/none\n")
        return environment(self._folder, "none") | {
            "GIT_DIR": str(repository),
            "GIT_WORK_TREE": str(self.files),
            "GIT_OBJECT_DIRECTORY": str(self._objects),
            "GIT_NO_REPLACE_OBJECTS": "1",
        }

    def run(self, words: Sequence[str], data: bytes) -> bytes:
        """What a command answers to ``data``. Raises :class:`GitProgramError`."""
        process = self.open(words, stderr=subprocess.PIPE)
        output, complaint = process.communicate(data)
        if process.returncode != 0:
            lines = complaint.decode(errors="replace").strip().splitlines()
            raise GitProgramError(lines[-1] if lines else f"git {words[0]} failed")
        return output

    def open(
        self, words: Sequence[str], *, stderr: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """A command whose input and output are pipes. Raises :class:`GitProgramError`."""
        try:
            return subprocess.Popen(
                ["git", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment,
                cwd=self.files,
            )
        except OSError:
            raise GitProgramError(
                "its attributes or submodules need the program git, which this machine has not got"
            ) from None
