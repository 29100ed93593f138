"""What is wrong with a task file, a template or a secret: a foreseeable failure of a run."""

from __future__ import annotations


class TaskError(Exception):
    """A run cannot start or go on; the text is what its log says."""
