"""The lab as a reader meets it: JupyterLab in a real browser, on a local cloud of the module's own.

The tests are one walk, from the first notebook to the last; pictures of it are in build/screenshots.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import requests
from nbformat.v4 import new_code_cell, new_notebook
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from helpers import tutorial
from helpers.localcloud import daemon
from tests.readers import environment

from .conftest import Browser
from .laboratory import Laboratory, is_error
from .wire import Wire

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "screenshots"
CHAPTERS = [one.name for one in tutorial.chapters()]
TO_THE_GATE = [name for name in CHAPTERS if name < "09"]
BEYOND = [name for name in CHAPTERS if "09" <= name < "99"]
CLEAN_UP = CHAPTERS[-1]
# A page with nothing but what moves.
LIVE = {
    "setup": (
        "from helpers import begin, lab\n"
        'settings, connection = begin("08", globals())\n'
        "clients = connection.clients"
    ),
    "pipeline": "lab.pipeline(connection, settings)",
    "box": "lab.change_box(connection, settings)",
    "site": "lab.site_preview(connection, settings)",
    "runs": "lab.run_table(connection, settings)",
    "list": "[one.name for one in clients.registries.registries.list()]",
}


class Walk:
    """JupyterLab, the folder that its cloud and copies of the notebooks are in, and the cloud."""

    def __init__(self, lab: Laboratory, folder: Path) -> None:
        self.lab = lab
        self.browser = lab.browser
        self.folder = folder
        self.home = folder / "cloud"

    def photograph(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.browser.driver.save_screenshot(str(PICTURES / f"{name}.png"))

    def photograph_page(self, name: str) -> None:
        """The notebook without the menus around it, small: for README, which has a copy of it."""
        page = self.browser.driver.find_element(By.CSS_SELECTOR, ".jp-WindowedPanel-outer").rect
        clip = {side: page[side] for side in ("x", "y", "width", "height")} | {"scale": 0.8}
        taken = self.browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
        (PICTURES / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))

    def text_of(self, cell: str) -> str:
        """What a reader sees of the outputs of a cell."""
        outputs = self.lab.cell(cell).find_element(By.CSS_SELECTOR, ".jp-Cell-outputWrapper")
        return str(outputs.text)

    def shows(self, cell: str, *words: str, timeout: float = 60.0) -> str:
        """Wait until a reader sees all of the words there; the whole text."""

        def seen() -> str:
            text = self.text_of(cell)
            return text if all(word in text for word in words) else ""

        try:
            found: str = self.lab.until(seen, timeout)
        except TimeoutError:
            raise AssertionError(f"{words} are not all in: {self.text_of(cell)}") from None
        return found

    def field(self, cell: str, label: str) -> WebElement:
        """The input with that label."""
        for one in self.lab.cell(cell).find_elements(By.TAG_NAME, "label"):
            if one.text == label:
                number = one.get_attribute("for") or ""
                found: WebElement = self.browser.driver.find_element(By.ID, number)
                return found
        raise AssertionError(f"no field {label} in {self.text_of(cell)}")

    def push_button(self) -> WebElement | None:
        """The button of the change box, once it may be pressed."""
        for one in self.lab.cell("box").find_elements(By.TAG_NAME, "button"):
            if one.text == "Commit and push" and one.is_enabled():
                return one
        return None

    def push_by_git(self, color: str) -> None:
        """Change the background of the public base image as somebody else does, in a terminal."""
        running = daemon.status(self.home)
        assert running is not None
        own = {**os.environ, **daemon.environment(running)}
        clone = self.folder / f"clone-{color}"
        script = (
            f"git clone -q https://git:$GIT_TOKEN@github.com/$GITHUB_OWNER/base-image-node {clone} && "
            f"cd {clone} && sed -i 's/^ENV BACKGROUND_COLOR.*/ENV BACKGROUND_COLOR {color}/' Dockerfile && "
            "git -c user.name=Somebody -c user.email=else@example.com "
            f"commit -qam 'Now {color}' && git push -q"
        )
        done = subprocess.run(
            ["sh", "-c", script], env=own, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def walk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """`make lab` on copies of the notebooks, for a cloud of its own and with nobody's settings."""
    folder = tmp_path_factory.mktemp("lab")
    notebooks = folder / "notebooks"
    shutil.copytree(ROOT / "notebooks", notebooks)
    cells = [new_code_cell(source, id=name) for name, source in LIVE.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), notebooks / "live.ipynb")
    token, port = secrets.token_hex(16), _free_port()
    own = environment(
        LOCALCLOUD_HOME=str(folder / "cloud"),
        JUPYTER_CONFIG_DIR=str(folder / "config"),
        JUPYTER_DATA_DIR=str(folder / "data"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
        JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
        IPYTHONDIR=str(folder / "ipython"),
        JUPYTER_TOKEN=token,
    )
    words = ["-m", "helpers", "lab", "--no-browser", f"--port={port}"]
    words += [f"--ServerApp.root_dir={notebooks}", "--LabApp.expose_app_in_browser=True"]
    words += [f"--LabApp.workspaces_dir={folder / 'workspaces'}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=own, stderr=log, stdout=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, server, folder / "log")
        yield Walk(Laboratory(browser, url, token), folder)
    finally:
        server.terminate()
        server.wait(30)
        daemon.down(folder / "cloud")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"{url}/api", timeout=5).ok:
                return
        except requests.RequestException:
            assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def _run_all(walk: Walk, name: str) -> None:
    walk.lab.open_next(f"{name}.ipynb")
    outputs = walk.lab.run_all(timeout=240)
    walk.photograph(name)
    assert not [out for found in outputs.values() for out in found if is_error(out)]


def test_it_opens_on_the_start_page(walk: Walk) -> None:
    walk.browser.open(f"{walk.lab.url}/?token={walk.lab.token}")
    page = walk.lab.until(
        lambda: walk.browser.driver.find_element(By.CSS_SELECTOR, ".jp-RenderedMarkdown")
    )
    walk.lab.until(lambda: "What it costs" in page.text)
    walk.photograph("start")
    running = daemon.status(walk.home)
    assert running is not None
    assert f"process {running.pid}" in page.text
    assert "00" in page.text


@pytest.mark.parametrize("name", TO_THE_GATE)
def test_run_all_to_the_gate(walk: Walk, name: str) -> None:
    _run_all(walk, name)


def test_what_moves_is_shown(walk: Walk) -> None:
    walk.lab.open("live.ipynb")
    outputs = walk.lab.run_all()
    assert not [out for found in outputs.values() for out in found if is_error(out)]
    walk.shows("pipeline", "node-public", "base-import-node", "hello-world")
    walk.shows("runs", "node-public")
    walk.shows("site", "Running", "Background")


def test_all_moves_when_somebody_pushes_in_a_terminal(walk: Walk) -> None:
    before = set(re.findall(r"run (\w+)", walk.text_of("pipeline")))
    walk.push_by_git("SteelBlue")
    walk.shows("site", "SteelBlue")
    after = set(re.findall(r"run (\w+)", walk.text_of("pipeline")))
    assert len(after - before) == 3, (before, after)  # of three registries, and all are new
    walk.photograph("live-steelblue")


def test_the_gate_shuts_on_what_the_change_box_pushes(walk: Walk) -> None:
    color = walk.field("box", "New colour")
    color.send_keys(Keys.CONTROL, "a")
    color.send_keys("Red")
    push = walk.lab.until(walk.push_button)
    walk.photograph("change-box")
    push.click()
    walk.shows("pipeline", "gate shut")
    walk.shows("box", "Red")
    walk.photograph("live-red")
    walk.lab.cell("pipeline")
    walk.photograph_page("lab")
    assert "SteelBlue" in walk.text_of("site")


def test_strange_words_of_a_commit_are_shown_and_do_nothing(walk: Walk) -> None:
    message = walk.field("box", "Commit message")
    color = walk.field("box", "New colour")
    color.send_keys(Keys.CONTROL, "a")
    color.send_keys("Orchid")
    walk.shows("box", "+ENV BACKGROUND_COLOR Orchid")
    message.send_keys(Keys.CONTROL, "a")
    message.send_keys('<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>')
    push = walk.lab.until(walk.push_button)
    push.click()
    walk.shows("site", "Orchid")
    assert walk.browser.script("return window.hacked") is None


def test_a_page_that_is_loaded_again_shows_the_pictures_and_can_go_on(walk: Walk) -> None:
    walk.lab.menu("File", "Save Notebook")
    walk.lab.load_again()
    assert not re.search("model not found|Loading widget", walk.shows("pipeline", "node-public"))
    walk.lab.run("pipeline")  # in the kernel that has lived on
    walk.push_by_git("Wheat")
    walk.shows("pipeline", "Wheat")


def test_two_tabs_on_one_notebook_both_move(walk: Walk) -> None:
    first = walk.browser.driver.current_window_handle
    walk.browser.driver.switch_to.new_window("tab")
    second = walk.browser.driver.current_window_handle
    try:
        walk.lab.open("live.ipynb", workspace="second")
        for cell in ("setup", "pipeline"):
            walk.lab.run(cell)
        walk.push_by_git("Plum")
        for tab in (second, first):
            walk.browser.driver.switch_to.window(tab)
            walk.shows("pipeline", "Plum")
    finally:
        walk.browser.driver.switch_to.window(second)
        walk.browser.driver.close()
        walk.browser.driver.switch_to.window(first)


def test_a_browser_whose_network_was_gone_sees_what_happened_meanwhile(walk: Walk) -> None:
    with closing(Wire(int(walk.lab.url.rpartition(":")[2]))) as wire:
        far = Walk(replace(walk.lab, url=f"http://127.0.0.1:{wire.port}"), walk.folder)
        far.lab.open("live.ipynb")
        for cell in ("setup", "pipeline", "list"):
            far.lab.run(cell)
        far.shows("pipeline", "node-public")
        wire.cut()
        walk.push_by_git("Khaki")
        time.sleep(3)  # longer than the pushed change takes to come
        assert "Khaki" not in far.text_of("pipeline")
        wire.mend()
        far.shows("pipeline", "Khaki")
        far.lab.run("list")
        far.shows("list", "publicregistry")
    walk.lab.open("live.ipynb")
    assert not [out for found in walk.lab.run_all().values() for out in found if is_error(out)]


def test_a_cloud_that_is_killed_is_told_in_a_sentence(walk: Walk) -> None:
    running = daemon.status(walk.home)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    walk.shows("pipeline", "python -m helpers up")
    walk.lab.run("list")
    told = walk.shows("list", "python -m helpers up")
    walk.photograph("killed")
    assert "Traceback" not in told
    assert len(told) < 500, told

    daemon.up(walk.home)
    walk.lab.until(lambda: "python -m helpers up" not in walk.text_of("pipeline"))
    walk.lab.run("list")
    walk.shows("list", "publicregistry")


def test_a_page_that_is_saved_and_opened_again_shows_the_pictures(walk: Walk) -> None:
    walk.lab.menu("File", "Save Notebook")
    saved = walk.folder / "notebooks" / "live.ipynb"
    walk.lab.until(lambda: "base-import-node" in saved.read_text())
    assert "jupyter.widget" not in saved.read_text()
    walk.lab.menu("Kernel", "Shut Down Kernel")
    walk.lab.open("live.ipynb")
    text = walk.shows("pipeline", "base-import-node")
    assert not re.search("model not found|Loading widget", text)


@pytest.mark.parametrize("name", BEYOND)
def test_run_all_beyond_the_gate(walk: Walk, name: str) -> None:
    _run_all(walk, name)


def test_run_all_to_clean_up(walk: Walk) -> None:
    _run_all(walk, CLEAN_UP)
