"""What a reader sees of the cloud while it changes: one observer, and the live objects it feeds."""

from .change import change_box
from .diagrams import pipeline, staging
from .logs import log_stream
from .preview import site_preview
from .reasons import why_not
from .tables import run_table

__all__ = [
    "change_box",
    "log_stream",
    "pipeline",
    "run_table",
    "site_preview",
    "staging",
    "why_not",
]
