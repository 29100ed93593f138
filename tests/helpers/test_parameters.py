"""Where parameters come from, and what is said of those that are wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from helpers import notebook, parameters
from helpers.__main__ import main
from helpers.clouds import Connection
from helpers.errors import HelpersError
from helpers.settings import Settings, SettingsError

CELL = 'cloud = ""\nregistry = ""\nvault = ""\n'
KNOWN = ("cloud", "registry", "vault")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(parameters.NOTEBOOKS / parameters.FILE, tmp_path)
    return tmp_path


def change(folder: Path, before: str, after: str) -> int:
    """Change one line of settings.toml; its number."""
    path = folder / parameters.FILE
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    return text[: text.index(before)].count("\n") + 1


def kernel(*cells: str, **values: Any) -> dict[str, Any]:
    """What a kernel's ``globals()`` has after these cells."""
    namespace: dict[str, Any] = {}
    for cell in cells:
        exec(cell, namespace)
    return {**namespace, **values, "In": ["", *cells]}


def test_the_project_s_settings_are_the_names_of_the_article_and_all_of_them() -> None:
    assert parameters.stored() == Settings().parameters()
    assert parameters.made({}) == Settings()


def test_what_is_given_overrides_and_what_is_empty_does_not(folder: Path) -> None:
    change(folder, '"acmerockets"', '"ourteam"')
    change(folder, 'questionable_color = "Red"', 'questionable_color = "#ff00ff"')
    found = parameters.made({"registry": "", "vault": "our-vault"}, folder)
    assert (found.registry, found.vault, found.questionable_color) == (
        *("ourteam", "our-vault", "#ff00ff"),
    )
    assert parameters.made({"registry": "another"}, folder).registry == "another"


def test_without_a_file_the_names_are_those_of_the_article(tmp_path: Path) -> None:
    assert parameters.made({}, tmp_path) == Settings()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            '\nregistry = "',
            '\nregistery = "',
            r"registery is no parameter\. Did you mean registry\?",
        ),
        ('\nregistry = "', '\ncolour = "', r"colour is no parameter\. There are: bad_color, "),
        ('\nregistry = "acmerockets"', "\nregistry = 12345678", 'like this: registry = "12345678"'),
        ('\nregistry = "acmerockets"', '\nregistry = "acme"', "registry='acme': a registry's name"),
        ('\nregistry = "acmerockets"', '\nregistry = ""', "registry='': a registry's name has 5"),
        ('\nvault = "', '\n[names]\nvault = "', r"names is no parameter\."),
        ('\nbad_color = "Red"', '\nbad_color = "a b"', "bad_color='a b': a colour is"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_line(
    folder: Path, before: str, after: str, said: str
) -> None:
    line = change(folder, before, after) + 1
    place = rf"{folder}/settings\.toml, line {line}: .*"
    with pytest.raises(SettingsError, match=place + said):
        parameters.made({}, folder)


def test_a_file_that_is_no_toml_is_said_with_its_line(folder: Path) -> None:
    line = change(folder, 'registry = "acmerockets"', "registry = acmerockets")
    with pytest.raises(
        SettingsError, match=rf"settings\.toml is not TOML: .*line {line}, .*quotes|\""
    ):
        parameters.made({}, folder)
    (folder / parameters.FILE).write_bytes(b"vault = '\xff'")
    with pytest.raises(SettingsError, match=r"settings\.toml cannot be read: it is not UTF-8"):
        parameters.made({}, folder)
    (folder / parameters.FILE).unlink()
    (folder / parameters.FILE).mkdir()
    with pytest.raises(SettingsError, match=r"settings\.toml cannot be read: Is a directory"):
        parameters.made({}, folder)


def test_what_no_reader_of_toml_survives_is_said_too(folder: Path) -> None:
    path = folder / parameters.FILE
    for value in ("9" * 5000, "0x" + "f" * 5000, "[" * 50_000 + "]" * 50_000):
        path.write_text(f"registry = {value}\n")
        with pytest.raises(SettingsError, match=f"{path}") as raised:
            parameters.made({}, folder)
        assert len(str(raised.value)) < 300


def test_a_file_that_begins_with_a_byte_order_mark_is_read(folder: Path) -> None:
    path = folder / parameters.FILE
    path.write_text('registry = "teamrockets"\n', encoding="utf-8-sig")
    assert parameters.made({}, folder).registry == "teamrockets"


def test_the_values_are_those_of_the_kernel() -> None:
    cells = (CELL, '# Parameters\nregistry = "fromoutside"\n', "other = 7", "print(registry)")
    found = parameters.given(kernel(*cells), KNOWN)
    assert found == {"cloud": "", "registry": "fromoutside", "vault": ""}
    assert parameters.given({"cloud": "azure"}, KNOWN) == {"cloud": "azure"}  # no IPython


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["# Parameters\nregistery = 'x'"], r"papermill's -p: registery is no .* mean registry\?"),
        (["# Parameters\nregistery = 'x'\nvalt = 'y'"], "are no parameters.*registry and vault?"),
        (["# Parameters\nlocation = 'eastus'"], "no parameter location; others have. There are: c"),
        (["# Parameters\nregistry = 12345678"], "papermill reads numbers .* -r registry VALUE"),
        (["# Parameters\nregistry = None"], "registry=None: a name is a text. papermill reads"),
        (
            [CELL.replace("registry", "registery")],
            "the parameters cell: registery .* mean registry",
        ),
        ([CELL + "vualt = 'mine'"], r"the parameters cell: vualt is no .* mean vault\?"),
        ([CELL + "registry = 12345678"], "registry=12345678: a name is a text. Put it in quotes"),
    ],
)
def test_a_wrong_parameter_is_refused_wherever_it_comes_from(cells: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parameters.given(kernel(CELL, *cells), KNOWN)


def test_the_last_cell_of_its_kind_counts_and_other_cells_do_not() -> None:
    wrong = CELL.replace("registry", "registery")
    assert parameters.given(kernel(wrong, CELL), KNOWN)
    injected = ("# Parameters\nregistery = ''", "# Parameters\nregistry = ''")
    assert parameters.given(kernel(CELL, *injected), KNOWN)
    harmless = "registry = ''\nmine = 3", "not python", "PAPERMILL = 1", "import os"
    namespace = kernel(CELL, "# Parameters\nPAPERMILL_INPUT_PATH = 'a'")
    namespace["In"] += harmless
    assert parameters.given(namespace, KNOWN)
    assert parameters.given(kernel("mine = 'abc'\n" + CELL + "registry = mine + 'd'"), KNOWN) == {
        **dict.fromkeys(KNOWN, ""),
        "registry": "abcd",
    }


def test_the_names_as_variables_of_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["names"]) == 0
    script = capsys.readouterr().out + 'echo "$REGISTRY_PUBLIC_RG $AKV $REGISTRY_STAGING_URL"'
    script += '; echo "$GIT_HELLO_WORLD"'
    done = subprocess.run(
        ["bash", "-euc", script],
        env={"GITHUB_OWNER": "learner"},
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    assert done.stdout == (
        "publicregistry-rg acr-task-credentials acmestaging.azurecr.io\n"
        "https://github.com/learner/hello-world.git#main\n"
    )


def test_what_cannot_begin_leaves_no_earlier_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (Settings(), cast(Connection, None))
    for number, namespace in (("08", None), ("08", ["registry"]), ("8", {})):
        monkeypatch.setattr(notebook, "_begun", before)
        with pytest.raises(HelpersError, match="begin"):
            notebook.begin(number, namespace)  # type: ignore[arg-type]
    monkeypatch.setattr(notebook, "_begun", before)
    with pytest.raises(SettingsError, match="Did you mean registry"):
        notebook.begin("08", {"In": ["", '# Parameters\nregsitry = "x"\n']})
    assert notebook.current() is None
