"""A real Chromium for the tests, one for each module; skipped by name where there is none."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
_QUIET = (  # it asks nobody for anything but what a test opens
    *("--headless", "--hide-scrollbars", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Frames belong to the site that was built, and what is in them is not judged.
_AXE = """
const [context, done] = arguments;
const told = found => done(JSON.stringify(found));
axe.run(context || document, {iframes: false, resultTypes: ["violations"]})
  .then(found => told(found.violations), error => told([{id: String(error), nodes: []}]));
"""


def _axe_source() -> str:
    """axe-core, as a package for another driver carries it; that driver is not wanted."""
    found = find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    [path] = Path(found.origin).parent.rglob("axe.min.js")
    return path.read_text(encoding="utf-8")


@dataclass
class Browser:
    """A Chromium, and what tests of pages ask of it."""

    driver: Any  # of selenium, which has no types for all of it

    def open(self, page: Path | str, *, width: int = 1280, scheme: str = "light") -> None:
        """Open a file or an address, as ``width`` pixels in the ``light`` or ``dark`` theme show it."""
        self.look(width=width, scheme=scheme)
        self.driver.get(page.as_uri() if isinstance(page, Path) else page)

    def look(self, *, width: int = 1280, scheme: str = "light") -> None:
        """Change width and theme under a page that is open."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._command("Emulation.setEmulatedMedia", {"features": features})

    def script(self, text: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(text, *arguments)

    def violations(self, context: Any = None) -> list[str]:
        """What axe-core finds in the page, or in a part of it (a selector, or axe's own context)."""
        if not self.script("return typeof axe !== 'undefined'"):
            self.script(_axe_source())
        found = json.loads(self.driver.execute_async_script(_AXE, context))
        return [
            f"{one['id']} ({one.get('impact')}): {node['html'][:200]} {node['target']}: "
            f"{node.get('failureSummary', '')}"
            for one in found
            for node in one["nodes"] or [{"html": "", "target": []}]
        ]

    def press(self, key: str) -> None:
        """Press a key by its name in selenium: ``TAB``, ``ENTER``."""
        ActionChains(self.driver).send_keys(getattr(Keys, key)).perform()

    def printed(self) -> bytes:
        """The page as a PDF, as a reader prints it who changes none of the printer's settings."""
        done = self._command("Page.printToPDF", {"printBackground": False})
        return base64.b64decode(done["data"])

    def problems(self) -> list[str]:
        """What the console has complained of since the last call."""
        return [
            one["message"] for one in self.driver.get_log("browser") if one["level"] == "SEVERE"
        ]

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium of the module's own, with an empty profile."""
    with opened(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@contextmanager
def opened(profile: Path, *flags: str) -> Iterator[Browser]:
    """A Chromium with a profile of its own, and more ``flags``."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("Chromium and its driver are not installed: apt-get install chromium-driver")
    options = Options()
    options.binary_location = CHROMIUM
    for flag in (*_QUIET, *flags):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with it
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(60)
    yield Browser(driver)
    driver.quit()
