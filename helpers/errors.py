"""The errors of the helpers: one plain message, in a notebook as on the command line."""

from __future__ import annotations


class HelpersError(Exception):
    """Something that the reader can put right; the message says what was wrong and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: the frames are ours, not the reader's."""
        return [f"{type(self).__name__}: {self}"]


class WaitInterruptedError(HelpersError):
    """The reader did not want to wait for others any longer; the message says what for."""
