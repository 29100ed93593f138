"""What a reader sees of the cloud while it changes: one observer, and the live objects it feeds."""

from .diagrams import pipeline, staging
from .reasons import why_not
from .tables import run_table

__all__ = ["pipeline", "run_table", "staging", "why_not"]
