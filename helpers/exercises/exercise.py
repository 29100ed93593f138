"""An exercise: what is asked for, what is right, which hints there are; and what came of an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..errors import HelpersError
from ..pictures import markup
from ..pictures.colors import GOOD, IDLE, STOPPED, Tone
from .answers import Kind, plain

if TYPE_CHECKING:
    from ..clients import Clients
    from ..clouds import Connection
    from ..settings import Settings

Status = Literal["right", "wrong", "open"]


class ExerciseError(HelpersError):
    """There is no such exercise, or it cannot be looked at; the message says what to do."""


@dataclass(frozen=True)
class Context:
    """The cloud that an exercise may look at, and the names in it."""

    _connection: Connection | None
    _settings: Settings | None

    @property
    def connection(self) -> Connection:
        """The notebook's. Raises :class:`ExerciseError`."""
        if self._connection is None:
            raise ExerciseError(_NOT_BEGUN)
        return self._connection

    @property
    def settings(self) -> Settings:
        """The notebook's. Raises :class:`ExerciseError`."""
        if self._settings is None:
            raise ExerciseError(_NOT_BEGUN)
        return self._settings

    @property
    def clients(self) -> Clients:
        """The clients of the Azure SDK. Raises :class:`ExerciseError`."""
        return self.connection.clients

    def node_digest(self, server: str) -> str:
        """What node:15-alpine names in the registry ``server`` (its host name) now."""
        return str(self.clients.registry(server).get_tag_properties("node", "15-alpine").digest)

    @property
    def site_task(self) -> Any:
        """The team's task that builds and deploys the site."""
        settings = self.settings
        return self.clients.tasks.tasks.get(
            settings.registry_group, settings.registry, "hello-world"
        )

    @property
    def built_on(self) -> set[str]:
        """The digests of the images that the last stage of the site was last built on."""
        known = self.site_task.step.base_image_dependencies or []
        return {one.digest for one in known if one.type == "RunTime"}


_NOT_BEGUN = (
    "This exercise looks at the cloud, and this notebook is not connected to one yet. Run its cells "
    "from the top, and then this one again."
)

Judge = Callable[[Any, Context], "bool | str"]
"""Is told the answer, as its kind has read it, and the context. True: right. A text: not right, and
why; it stands before the hint. False: not right, and the hint says all there is to say."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. ``number``: of its notebook, a point, its own: "02.1".

    ``kind`` None: it takes no answer, but looks at what was done in the cloud. ``hints`` lead on and
    do not give the answer away at once; ``because`` says why the right answer is right.
    """

    number: str
    kind: Kind | None
    judge: Judge
    hints: tuple[str, ...]
    because: str


def equals(right: Any) -> Judge:
    """An answer that is the same everywhere; texts are compared as ``plain`` makes them."""
    wanted = _plain(right)
    return lambda answer, _: bool(_plain(answer) == wanted)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, set | frozenset):
        return frozenset(map(_plain, value))
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value


@dataclass(frozen=True)
class Result:
    """What came of an answer: ``status`` is right, wrong, or open (no answer yet)."""

    number: str
    status: Status
    headline: str
    lines: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        """The headline, and a line for each thing to say."""
        title = f"{_TONES[self.status].mark} {self.number} {self.headline}"
        return "\n".join([title, *(f"  {one}" for one in self.lines)])

    def _repr_html_(self) -> str:
        tone = _TONES[self.status]
        made = markup.root("div", f"verdict {tone.name}", markup.VERDICTS, role="status")
        title = markup.element(made, "p", "title")
        markup.element(title, "span", "", f"{tone.mark} ", aria_hidden="true")
        markup.element(title, "span", "", f"{self.number} {self.headline}")
        for line in self.lines:
            markup.element(made, "p", "", line)
        return markup.html(made)


_TONES: dict[Status, Tone] = {"right": GOOD, "wrong": STOPPED, "open": IDLE}
