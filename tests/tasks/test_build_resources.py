"""``--secret``, ``--build-context`` and ``--ssh`` of a build step, and their refusals in Docker's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.containers.build.resources import Resources
from helpers.localcloud.containers.errors import BuildError
from helpers.localcloud.root_folder import FileBelow, RootFolder
from helpers.localcloud.tasks.definitions.build_command import BuildCommand
from helpers.localcloud.tasks.execution.build_resources import resources


def read(folder: Path, *words: str, **environment: str) -> Resources:
    root = RootFolder(folder)
    command = BuildCommand.parse([*words, "."])
    return resources(
        command.secrets,
        command.build_contexts,
        command.ssh,
        environment,
        lambda name, _what: FileBelow(root, root.real(name, strict=True)),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key.txt").write_text("from a file")
    (tmp_path / "more").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("id=key,src=key.txt", b"from a file"),
        ("type=file,id=key,source=key.txt", b"from a file"),
        ("id=key.txt", b"from a file"),
        ("id=key,env=KEY", b"from a variable"),
        ("type=env,id=key,src=KEY", b"from a variable"),
        ("id=KEY", b"from a variable"),
        ("id=key,env=NONE", b""),
    ],
)
def test_a_secret_is_a_file_or_a_variable(folder: Path, option: str, value: bytes) -> None:
    found = read(folder, "--secret", option, KEY="from a variable")
    assert list(found.secrets.values()) == [value]
    assert "from a" not in repr(found)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("id=a", "could not parse secrets: [id=a]: failed to stat a: stat a: no such file"),
        ("src=key.txt", "could not parse secrets: [src=key.txt]: secret missing ID"),
        ("id=a,zork=1", "unexpected key 'zork' in 'zork=1'"),
        ("zork", "invalid field 'zork' must be a key=value pair"),
        ("type=zork,id=a", 'unsupported secret type "zork"'),
        ("id=a,src=more", "failed to stat more"),
        ("id=a,src=../../etc/passwd", "failed to stat ../../etc/passwd"),
    ],
)
def test_a_secret_that_is_none_is_refused(folder: Path, option: str, message: str) -> None:
    with pytest.raises(BuildError) as raised:
        read(folder, "--secret", option)
    assert message in raised.value.message


def test_named_contexts_are_folders_and_images(folder: Path) -> None:
    found = read(
        folder, "--build-context", "a=more", "--build-context=b=docker-image://node:15-alpine"
    )
    assert isinstance(found.contexts["a"], RootFolder)
    assert found.contexts["b"] == "node:15-alpine"
    for option in ("a", "a=nowhere", "a=https://example.com/x.git"):
        with pytest.raises(BuildError, match=option.partition("=")[2] or "key=value"):
            read(folder, "--build-context", option)


def test_an_agent_has_no_ssh_keys(folder: Path) -> None:
    with pytest.raises(BuildError, match="invalid empty ssh agent socket"):
        read(folder, "--ssh", "default")
    with pytest.raises(BuildError, match="forwards no SSH keys"):
        read(folder, "--ssh", "default=key.txt")
