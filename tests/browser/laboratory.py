"""JupyterLab as a reader uses it: by its menus, and by looking at what a page shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from .conftest import Browser

# A page of a second tab has no current widget until somebody clicks into it.
_PANEL = """
const shell = window.jupyterapp.shell;
const panel = shell.currentWidget ?? shell.widgets("main").next().value;
"""
# JupyterLab draws only the cells in sight; all of them are in its model. They are told when the kernel has
# nothing to do: a test looks ten times a second, and pictures are long.
_CELLS = (
    _PANEL
    + """
const status = panel.sessionContext.session?.kernel?.status ?? "none";
const found = [];
for (const cell of status === "idle" ? panel.content.model.cells : []) {
  const one = cell.toJSON();
  if (one.cell_type === "code")
    found.push({id: one.id, count: one.execution_count, outputs: one.outputs});
}
return {cells: found, status, path: panel.context.path};
"""
)
# What is changed is saved, as nobody is there to answer whether it shall be.
_OPEN = """
const [path, done] = arguments;
const {commands} = window.jupyterapp;
commands.execute("docmanager:save")
  .then(() => commands.execute("application:close-all"))
  .then(() => commands.execute("docmanager:open", {path}))
  .then(() => done(""), error => done(String(error)));
"""
_SCROLL = (
    _PANEL
    + """
const content = panel.content;
const index = content.widgets.findIndex(one => one.model.id === arguments[0]);
content.activeCellIndex = index;
content.scrollToItem(index, "start");
return content.widgets[index].node;
"""
)
_THEME = "return window.jupyterapp.commands.execute('apputils:change-theme', {theme: arguments[0]})"

Outputs = dict[str, list[dict[str, Any]]]


@dataclass
class Laboratory:
    """One JupyterLab in a browser; ``url`` is its address, ``token`` opens it."""

    browser: Browser
    url: str
    token: str

    def open(self, path: str, *, dark: bool = False, workspace: str = "") -> None:
        """Open a notebook by its path, in a workspace of its own, and wait for its kernel."""
        place = f"{self.url}/lab/workspaces/{workspace or path[:2]}"
        self.browser.open(f"{place}/tree/{path}?reset&token={self.token}")
        self.until(lambda: self.look()["status"] == "idle")
        self.browser.script(_THEME, "JupyterLab Dark" if dark else "JupyterLab Light")

    def open_next(self, path: str) -> None:
        """Save and close what is open and open that notebook, in a page that is loaded already.

        Loading JupyterLab takes longer than most notebooks. Where it is not loaded, it is.
        """
        if not self.browser.driver.current_url.startswith(f"{self.url}/lab/workspaces/"):
            self.open(path)
            return
        assert self.browser.driver.execute_async_script(_OPEN, path) == ""
        self.until(lambda: (found := self.look())["path"] == path and found["status"] == "idle")

    def load_again(self) -> None:
        """Load the page of the browser again, and wait for the kernel of its notebook."""
        self.browser.driver.refresh()
        self.until(lambda: self.look()["status"] == "idle")

    def menu(self, *labels: str) -> None:
        """Choose from the menu bar: ``menu("Run", "Run All Cells")``."""
        for label in labels:
            self.until(partial(self._click, label))

    def _click(self, label: str) -> bool:
        for one in self.browser.driver.find_elements(
            By.CSS_SELECTOR, ".lm-MenuBar-itemLabel, .lm-Menu-itemLabel"
        ):
            if one.is_displayed() and one.text == label:
                one.click()
                return True
        return False

    def run_all(self, timeout: float = 120.0) -> Outputs:
        """Run all cells by the menu; the outputs of every code cell by its id, when all have run."""
        self.menu("Run", "Run All Cells")
        self.until(lambda: self.look()["status"] == "busy")
        return self.ended(timeout)

    def run(self, number: str) -> None:
        """Run one cell, by the keyboard."""
        self.until(partial(self._click_into, number))
        ActionChains(self.browser.driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER).perform()
        ActionChains(self.browser.driver).key_up(Keys.CONTROL).perform()
        self.until(lambda: self.look()["status"] == "idle")

    def _click_into(self, number: str) -> bool:
        """What JupyterLab says of a server that was gone is in front of the cells until it is closed."""
        gone = 'dialog[aria-label^="Server Connection Error"] button'
        for one in self.browser.driver.find_elements(By.CSS_SELECTOR, gone):
            one.click()
        self.cell(number).find_element(By.CSS_SELECTOR, ".jp-InputPrompt").click()
        return True

    def ended(self, timeout: float = 120.0) -> Outputs:
        """Wait until the kernel has nothing to do; the outputs of every code cell by its id."""

        def idle() -> Outputs | None:
            found = self.look()
            if found["status"] != "idle":
                return None
            failed = any(is_error(out) for one in found["cells"] for out in one["outputs"])
            if not failed and not all(one["count"] for one in found["cells"]):
                return None
            return {one["id"]: one["outputs"] for one in found["cells"]}

        outputs: Outputs = self.until(idle, timeout)
        return outputs

    def look(self) -> dict[str, Any]:
        """The status of the kernel of the open notebook and, when that is idle, the code cells."""
        found: dict[str, Any] = self.browser.script(_CELLS)
        return found

    def cell(self, number: str) -> WebElement:
        """Scroll to the cell with that id, so that JupyterLab draws it; the cell."""
        found: WebElement = self.until(lambda: self.browser.script(_SCROLL, number))
        return found

    def until(self, look: Callable[[], Any], timeout: float = 60.0) -> Any:
        """What ``look`` returns, once that is something; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        last: object = "it never came"
        while True:
            try:
                found = look()
                if found:
                    return found
            except WebDriverException as error:
                last = error.msg
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not within {timeout:.0f} s: {last}")
            time.sleep(0.1)


def is_error(output: dict[str, Any]) -> bool:
    """Whether an output is an error that a cell has raised."""
    return bool(output["output_type"] == "error")
