"""The page of a repository, as a browser shows it that goes through the local cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LocalCloud
from tests.git_host.test_git_host import create, push_something

from .conftest import opened

pytestmark = pytest.mark.browser


def test_a_repository_has_a_page(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    commit = push_something(local_cloud, tmp_path, name)
    # The certificates of the local cloud are in no store that Chromium reads.
    flags = (f"--proxy-server={local_cloud.proxy_url}", "--ignore-certificate-errors")
    with opened(tmp_path / "chromium", *flags) as browser:
        browser.open(f"https://github.com/{name}")
        assert browser.driver.title == name
        text = browser.script("return document.body.innerText")
        assert f"git clone https://github.com/{name}.git" in text
        assert f"main: {commit}" in text
        browser.open(f"https://github.com/{name}-nothing")
        assert "Not Found" in browser.script("return document.body.innerText")
