"""The site as it is now: it turns when production does."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from ..clouds import Connection
from ..display import Page, SiteError, site
from ..pictures.pages import PagePicture, is_loopback
from ..settings import Settings
from .moving import Moving
from .state import CloudState, SiteState


class SitePreview(Moving):
    """The page of the container instance, fetched anew whenever what runs there has changed.

    While another container starts, the page stays that of before.
    """

    def __init__(self, connection: Connection, settings: Settings) -> None:
        super().__init__(connection, settings)
        self._page: Page | None = None
        self._of: SiteState | None = None
        self._fetched = ""
        self._looking = threading.Lock()

    def draw(self, state: CloudState) -> PagePicture:
        """The page of a state."""
        page, seen = self._look(state), state.site
        return PagePicture(
            seen.url if seen else "",
            page.html if page else "",
            page.version if page else "",
            page.color if page else "",
            seen.state if seen else "",
            state.problem,
        )

    def make_widget(self) -> Any:
        """A window with the page in it."""
        from ..views.site import SiteView

        return SiteView(self.looked_at, **self._told(self.begins_with))

    def tell(self, state: CloudState) -> None:
        """Show the page of a state."""
        self.widget().update(**self._told(state))

    def _told(self, state: CloudState) -> dict[str, Any]:
        picture = self.draw(state)
        return {
            "url": picture.url,
            "loopback": is_loopback(picture.url),
            "state": picture.state,
            "color": picture.color,
            "version": picture.version,
            "page": picture.html_text,
            "fetched": self._fetched,
            "problem": picture.problem,
        }

    def _look(self, state: CloudState) -> Page | None:
        with self._looking:
            seen = state.site
            if seen is None:
                self._page = self._of = None
            elif seen != self._of and seen.url and (seen.color or seen.version):
                try:
                    self._page = site(seen.url, timeout=0)
                except SiteError:
                    return self._page  # it has changed again meanwhile: the observer will tell
                self._of = seen
                self._fetched = datetime.now().astimezone().strftime("%H:%M:%S")
            return self._page


def site_preview(connection: Connection, settings: Settings) -> SitePreview:
    """The site in a window of its own, with its address; it turns when production does."""
    return SitePreview(connection, settings)
