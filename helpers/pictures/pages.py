"""The page of a site: as it was served, with its address and what it says of itself."""

from __future__ import annotations

import html
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import markup
from .colors import INK, LINE, PANEL, QUIET, is_color, tone_of
from .drawing import Drawing
from .text import Volatile

_WIDTH, _HEIGHT = 460, 132
_STYLE = (
    f"font-size:90%;padding:.4em .7em;background:{PANEL.css};color:{INK.css};"
    f"border:1px solid {LINE.css};border-bottom:0"
)
_FRAME = f"box-sizing:border-box;width:100%;height:26rem;border:1px solid {LINE.css}"
_LINK = "color:inherit;text-decoration:underline"


def is_loopback(url: str) -> bool:
    """Whether an address is one of the machine that it is opened on."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_link(url: str) -> bool:
    """Whether an address is one that a page may link to."""
    return urlsplit(url).scheme in ("http", "https")


@dataclass(frozen=True)
class PagePicture:
    """A page where nothing moves. ``html_text`` is foreign: it is shown in a frame without rights.

    ``state`` is that of the container instance, ``problem`` why the page is not what it was.
    """

    url: str
    html_text: str
    version: str
    color: str
    state: str = ""
    problem: str = ""

    def text(self) -> str:
        """Version and colour: what a reader looks for."""
        said = f"Hello World: version {self.version}, background {self.color}"
        if not self.version and not self.color:
            said = f"The site does not answer: {self.state}" if self.state else "There is no site."
        return "\n".join(part for part in (said, self.problem) if part)

    def html(self) -> str:
        """The page in a frame, under a line with all that one could look for in it.

        The line is what there is where no frame is shown: in a notebook that is not trusted yet, on
        GitHub.
        """
        root = markup.root("div", "", markup.SWATCHES)
        head = markup.element(root, "div", "", style=_STYLE)
        markup.swatch(head, self.color)
        markup.element(head, "span", "", self.text())
        if is_link(self.url):
            place = ", on the machine that this ran on" if is_loopback(self.url) else ""
            markup.element(head, "span", "", f". Address{place}: ")
            # A page that is opened this way learns nothing of the notebook, and cannot reach it.
            more = {"href": self.url, "target": "_blank", "rel": "noopener noreferrer"}
            markup.element(head, "a", "volatile", self.url, style=_LINK, **more)
        shown = markup.html(root).removesuffix("</div>")
        return f"{shown}{self._frame()}</div>"

    def _frame(self) -> str:
        if not self.html_text:
            return ""
        title, page = html.escape(self.text()), html.escape(self.html_text)
        return f'<iframe sandbox title="{title}" style="{_FRAME}" srcdoc="{page}"></iframe>'

    def svg(self) -> str:
        """A window with the page's colour."""
        drawing = Drawing(_WIDTH, _HEIGHT, self.text(), f"Address: {self.url}")
        drawing.box(8, 8, _WIDTH - 16, _HEIGHT - 16, PANEL, edge=LINE, radius=8)
        for at in (24, 40, 56):
            drawing.box(at - 4, 20, 8, 8, LINE, radius=4)
        drawing.text(76, 29, [Volatile(self.url)], QUIET, limit=_WIDTH - 100, size=12)
        if is_color(self.color):
            drawing.swatch(24, 46, 62, self.color, LINE)
        tone = tone_of(self.state)
        lines = [
            ([f"Version {self.version}"] if self.version else ["No page"], INK, True),
            ([f"Background {self.color}"] if self.color else [self.state], INK, False),
            ([self.problem], tone.ink, False),
        ]
        for row, (parts, ink, bold) in enumerate(lines):
            drawing.text(104, 63 + 21 * row, parts, ink, limit=_WIDTH - 124, bold=bold)
        return drawing.svg()
