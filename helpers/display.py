"""What a reader sees: tables, logs, pages; as HTML in a notebook, as text everywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Protocol

import requests

from .errors import HelpersError
from .localcloud.run_statuses import FINAL
from .pictures import Flow, Volatile, markup, news
from .pictures.colors import is_status
from .pictures.logs import LogPicture, plain_line
from .pictures.pages import PagePicture
from .pictures.text import fit
from .views.elapsed import Elapsed
from .views.front_end import bundle, in_notebook, interactive

if TYPE_CHECKING:
    from .views.log import LogView
    from .views.picture import PictureView

SITE_TYPE = "application/vnd.consume-public-content.site+json"
_LARGEST_PAGE = 1 << 20  # bytes
_LEFT = "text-align:left"


class SiteError(HelpersError):
    """A site does not answer as it should."""


def plain(value: Any) -> str:
    """A value as Azure writes it: an enumeration of the SDK by its value, None as nothing."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Volatile):
        return value
    return "" if value is None else str(value)


class Table:
    """Rows under a heading, and perhaps a ``note`` below them."""

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[Any]], note: str = ""
    ) -> None:
        self.columns = tuple(columns)
        self.rows = [tuple(_cell(one) for one in row) for row in rows]
        self.note = fit(note)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        """Left-aligned columns over a dashed line, as az prints tables."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        ruled = [self.columns, tuple("-" * width for width in widths), *self.rows]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in ruled
        ) + (f"\n{self.note}" if self.note else "")

    def _repr_html_(self) -> str:
        statuses = [column.upper() == "STATUS" for column in self.columns]
        drawn = any(statuses) or self.note
        root = markup.root("div", "", markup.CHIPS) if drawn else None
        table = markup.element(root, "table")
        head = markup.element(markup.element(table, "thead"), "tr")
        for column in self.columns:
            markup.element(head, "th", "", column, style=_LEFT, scope="col")
        body = markup.element(table, "tbody")
        for row in self.rows:
            line = markup.element(body, "tr")
            for text, is_of_status in zip(row, statuses, strict=True):
                cell = markup.element(line, "td", style=_LEFT)
                if is_of_status and is_status(text):
                    markup.chip(cell, text)
                    continue
                if isinstance(text, Volatile):
                    cell.set("class", "volatile")
                cell.text = text
        if self.note:
            markup.element(root, "p", "", self.note)
        return markup.html(table if root is None else root)


def _cell(value: Any) -> str:
    text = plain(value)
    return Volatile(fit(text)) if isinstance(text, Volatile) else fit(text)


@dataclass
class Log:
    """The log of a run: coloured and searched in a notebook, plain text everywhere else."""

    title: str
    lines: list[str] = field(default_factory=list)
    status: str = ""

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and any(text in line for line in self.lines)

    def __repr__(self) -> str:
        """The plain text, without the colours that programs in containers print."""
        return self.picture().text()

    def _repr_html_(self) -> str:
        return self.picture().html()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = None
        if interactive():
            from .views.log import LogView

            view = LogView(self.title, self.lines, self.status, over=self.status in FINAL)
        return bundle(self.picture(), view)

    def picture(self) -> LogPicture:
        """As it is at present."""
        return LogPicture(self.title, self.lines, self.status)


class LiveLog:
    """Shows a log that grows: each call shows what has been added to it since.

    In a notebook one output is redrawn, elsewhere the new lines are printed.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._shown = 0
        self._status = log.status
        self._handle: Any = None
        self._view: LogView | None = None
        if interactive():
            from .views.log import LogView

            self._view = LogView(log.title, status=log.status)
        if in_notebook():
            from IPython.display import display

            self._handle = display(self._bundle(), raw=True, display_id=True)
        self()

    def __call__(self) -> None:
        """Show what is new."""
        lines, status = self._log.lines[self._shown :], self._log.status
        if not lines and status == self._status:
            return
        self._shown += len(lines)
        self._status = status
        if self._view is not None:
            self._view.extend(lines, status)
        elif self._handle is not None:
            self._handle.update(self._bundle(), raw=True)
        else:
            for line in lines:
                print(plain_line(line), flush=True)

    def end(self) -> None:
        """Show what is new, and keep with the notebook what is shown."""
        self()
        if self._view is not None:
            self._view.end(self._status)
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, Any]:
        return bundle(self._log.picture(), self._view)


class Drawn(Protocol):
    """What is drawn as boxes, and drawn anew when it has changed."""

    def picture(self) -> Flow:
        """What it shows at present."""


class LivePicture:
    """Shows a picture that changes: each call shows what it is by then, if that is something else.

    Where widgets run it is redrawn in its place, and screen readers are told what is new. In
    another notebook one output is redrawn, elsewhere its text is printed.
    """

    def __init__(self, thing: Drawn) -> None:
        self._thing = thing
        self._shown = thing.picture()
        self._handle: Any = None
        self._view: PictureView | None = None
        if interactive():
            from .views.picture import PictureView

            self._view = PictureView(self._shown.html())
        self._printed = repr(thing)
        if in_notebook():
            from IPython.display import display

            self._handle = display(self._bundle(), raw=True, display_id=True)
        else:
            print(self._printed, flush=True)

    def __call__(self) -> None:
        """Show it anew if it has changed."""
        before, self._shown = self._shown, self._thing.picture()
        if before == self._shown:
            return
        if self._view is not None:
            self._view.show(self._shown.html(), news(before, self._shown))
        elif self._handle is not None:
            self._handle.update(self._bundle(), raw=True)
        elif self._printed != (text := repr(self._thing)):
            self._printed = text
            print(f"\n{text}", flush=True)

    def end(self) -> None:
        """Show what is new, and keep with the notebook what is shown."""
        self()
        if self._view is not None:
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, Any]:
        return {**bundle(self._shown, self._view), "text/plain": repr(self._thing)}


# -- the site ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """A page as it was served, and what it says of itself: every ``<dd id=…>`` by its id."""

    url: str
    html: str = field(repr=False)
    facts: dict[str, str]

    @property
    def color(self) -> str:
        """The background colour that the page names, '' when it names none."""
        return self.facts.get("color", "")

    @property
    def version(self) -> str:
        """The version that the page names, '' when it names none."""
        return self.facts.get("version", "")

    def __repr__(self) -> str:
        """Version and colour: what a reader looks for."""
        return self._picture().text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        said = {"color": self.color, "version": self.version}
        return {**bundle(self._picture()), SITE_TYPE: said}

    def _repr_html_(self) -> str:
        return self._picture().html()

    def _picture(self) -> PagePicture:
        return PagePicture(self.url, self.html, self.version, self.color)


def site(url: str, *, timeout: float = 60.0) -> Page:
    """Fetch the page at ``url``, as a browser would, as soon as it answers.

    Raises :class:`SiteError` when it does not within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    with (
        Elapsed(f"Waiting for {url}", quiet=not timeout) as going,
        requests.Session() as session,
    ):
        # Loopback is no matter for a proxy, whatever the reader's environment says.
        session.trust_env = not url.startswith("http://127.")
        while True:
            problem = ""
            try:
                with session.get(url, timeout=5, stream=True) as answer:
                    content = answer.raw.read(_LARGEST_PAGE, decode_content=True)
                    if answer.status_code == 200:
                        text = content.decode(answer.encoding or "utf-8", errors="replace")
                        going.done(f"{url} answers.")
                        return Page(url, text, _facts(text))
                    problem = f"it answers HTTP {answer.status_code}"
            except (requests.RequestException, OSError) as error:
                problem = type(error).__name__
            if time.monotonic() > deadline:
                raise SiteError(
                    f"The site {url} does not answer after {timeout:.0f} s ({problem}). See the "
                    "container's log: az container logs, or containers.list_logs of the SDK."
                )
            time.sleep(0.2)


class _Facts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.facts: dict[str, str] = {}
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = dict(attrs).get("id") if tag == "dd" else None

    def handle_endtag(self, tag: str) -> None:
        if tag == "dd":
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.facts[self._inside] = self.facts.get(self._inside, "") + data


def _facts(text: str) -> dict[str, str]:
    parser = _Facts()
    parser.feed(text)
    parser.close()
    return parser.facts
