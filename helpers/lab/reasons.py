"""Why a task did not run: asked by choosing it, and asked anew whenever the cloud has changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from .. import explain
from ..clouds import Connection
from ..errors import HelpersError
from ..pictures import Facts
from ..settings import Settings
from .flows import TEAM
from .moving import Moving
from .state import CloudState

Place = tuple[str, str]  # a registry and a task in it

_ASK = Facts("Choose a task, and ask why it did not run.", ())
_NO_TASK = Facts("There is no task yet: notebook 02 makes the first one.", ())


class Question(Moving):
    """A panel in which a task is chosen, and asked why it did not run."""

    def __init__(
        self, connection: Connection, settings: Settings, task: str, registry: str
    ) -> None:
        super().__init__(connection, settings)
        self._task, self._registry = task, registry
        self._asked: Place | None = None
        self._answered: Facts | None = None
        self._number = 0  # of the newest question: answers to older ones come too late
        self._asking = threading.Lock()
        self._problem = ""
        self._filling = False

    def draw(self, state: CloudState) -> Facts:
        """The answer for the task that was asked for from the beginning, else for the team's."""
        place = self._find(_places(state))
        return (
            self._answer(place, state.problem)
            if place
            else replace(_NO_TASK, problem=state.problem)
        )

    def _find(self, places: list[Place]) -> Place | None:
        wanted = self._task or TEAM
        registry = self._registry.lower()
        found = [one for one in places if one[1] == wanted and registry in ("", one[0].lower())]
        if not found and self._task:
            return (self._registry or self._settings.registry, self._task)
        return next(iter([*found, *places]), None)

    def _answer(self, place: Place, problem: str = "") -> Facts:
        from azure.core.exceptions import AzureError

        registry, task = place
        try:
            group = self._settings.group_of(registry)
            found = explain.why(self._connection, group, registry, task).picture()
        except (AzureError, HelpersError, OSError) as error:
            said = str(error).strip().partition("\n")[0]
            found = Facts(f"Why did {task} in {registry} not run?", (("answer", said),))
        return replace(found, problem=problem)

    # -- the panel -------------------------------------------------------------------------------

    def make_widget(self) -> Any:
        """The choice, the button, and below them the answer."""
        import ipywidgets

        from ..views.picture import PictureView

        self._choice = ipywidgets.Dropdown(description="Task", layout={"width": "36em"})
        self._button = ipywidgets.Button(
            description="Why did it not run?", button_style="primary", layout={"width": "auto"}
        )
        self._view = PictureView(_ASK.html(), self.looked_at)
        self._choice.observe(self._chosen, "value")
        self._button.on_click(lambda _: self.ask())
        self._fill(self.begins_with)
        if self._task:
            self.ask()
        return ipywidgets.VBox([ipywidgets.HBox([self._choice, self._button]), self._view])

    def _fill(self, state: CloudState) -> None:
        places = _places(state)
        options = [(f"{task} in {registry}", (registry, task)) for registry, task in places]
        self._button.disabled = self._choice.disabled = not options
        if not options:
            self._view.show(replace(_NO_TASK, problem=state.problem).html())
            return
        if list(self._choice.options) == options:
            return
        chosen = self._choice.value or self._find(places)
        self._filling = True  # to set the options is to choose the first one, for a moment
        self._choice.options = options
        self._choice.value = chosen if chosen in places else places[0]
        self._filling = False

    def _chosen(self, _: Any) -> None:
        if self._filling or self._asked is None:
            return
        if self._choice.value not in (None, self._asked):
            self.ask()

    def ask(self) -> None:
        """Ask about the task that is chosen. Returns at once; the answer is shown when it is known."""
        place = self._choice.value
        if place is None:
            return
        self._asked = place
        with self._asking:
            self._number += 1
            number = self._number
        threading.Thread(
            target=self._work, args=(place, number), name="lab-question", daemon=True
        ).start()

    def _work(self, place: Place, number: int) -> None:
        answer = self._answer(place, self._problem)
        with self._asking:
            if number != self._number or answer == self._answered:
                return
            self._answered = answer
            self._view.show(answer.html(), answer.text())

    def tell(self, state: CloudState) -> None:
        """Offer the tasks that there are now, and ask again."""
        self._problem = state.problem
        self._fill(state)
        if self._asked is not None:
            self.ask()


def why_not(
    connection: Connection, settings: Settings, task: str = "", registry: str = ""
) -> Question:
    """A panel that answers why a task did not run; it asks again whenever the cloud has changed.

    ``task`` and ``registry`` choose the task that it begins with, else the team's is offered.
    """
    return Question(connection, settings, task, registry)


def _places(state: CloudState) -> list[Place]:
    return [(registry.name, task.name) for registry in state.registries for task in registry.tasks]
