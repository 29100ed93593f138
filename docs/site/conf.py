"""The site: notebooks and pages as they lie in the repository, found from its root. See `make site`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import address  # noqa: E402 - it lies beside this file

project = "Consume public content"
author = "the contributors"
project_copyright = f"{author}, MIT license"
repository = address.repository()

extensions = ["myst_nb", "links"]
root_doc = "docs/site/index"
include_patterns = [
    "docs/*.md",
    "docs/site/index.md",
    "notebooks/*.ipynb",
    "notebooks/*.md",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = [".*", "build", "dist", "helpers", "repos", "tests", "benchmarks", "**/.*"]
nitpicky = True
suppress_warnings = ["mystnb.unknown_mime_type"]  # what the report reads of a page of the site

# Pages show what is stored in the notebooks: that is compared with what they do by the tests.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_heading_slug_func = "links.anchor"
# The picture is also in the page's own styles; where both are there, the page's styles win.
nb_mime_priority_overrides = [
    ("html", "text/html", 0),
    ("html", "image/svg+xml", 1),
]

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_extra_path = ["front"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {
    "repository_url": repository,
    "repository_branch": "main",
    "path_to_docs": "",
    "use_repository_button": True,
    "use_issues_button": True,
    "use_download_button": True,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search is in the sidebar
    "show_toc_level": 2,
    "launch_buttons": {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"},
}
