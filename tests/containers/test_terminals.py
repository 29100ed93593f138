"""A command on a terminal of its own in a running container, in both kinds of sandbox."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.sandboxes.container import Container, ContainerSpec
from helpers.localcloud.containers.sandboxes.execution import Terminal, open_terminal
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox

from .roots import base_layer


@pytest.fixture
def container(any_cloud: Cloud) -> Iterator[Container]:
    spec = ContainerSpec((base_layer(),), ["sleep", "60"])
    started = Sandbox(any_cloud).start(spec, lambda _: None)
    yield started
    started.kill()


def terminal_of(cloud: Cloud, container: Container, *words: str) -> Terminal:
    return open_terminal(container, words, environment={"TERM": "xterm"}, ca_file=cloud.ca_file)


def read(terminal: Terminal, word: str = "") -> str:
    """What is shown until a word, or the end, comes."""
    text = b""
    deadline = time.monotonic() + 20
    while not word or word.encode() not in text:
        assert time.monotonic() < deadline, text
        if select.select([terminal.descriptor], [], [], 0.1)[0]:
            try:
                chunk = os.read(terminal.descriptor, 4096)
            except OSError:
                break
            text += terminal.understood(chunk)
    return text.decode()


def test_it_is_read_and_written_and_interrupted(any_cloud: Cloud, container: Container) -> None:
    terminal = terminal_of(any_cloud, container, "sh")
    terminal.resize(12, 34)
    os.write(terminal.descriptor, b"test -t 0 && test -t 1 && test -t 2 && echo 'y'es $TERM\n")
    assert "yes xterm" in read(terminal, "yes xterm")
    os.write(terminal.descriptor, b"sleep 600\n")
    time.sleep(0.3)
    os.write(terminal.descriptor, b"\x03")
    read(terminal, "^C\r\n")
    # A chroot has no /dev/tty.
    place = "> /dev/tty" if container.network.mode == "namespaces" else ""
    os.write(terminal.descriptor, f"echo 'st'ill {place}; exit 5\n".encode())
    assert "still" in read(terminal)
    assert terminal.command.wait(10) == 5
    assert terminal.last_words(5) == b""
    terminal.close()
    assert container.exit_code is None


def test_one_that_is_not_there_is_told_in_docker_s_words(
    any_cloud: Cloud, container: Container
) -> None:
    terminal = terminal_of(any_cloud, container, "nothing")
    assert read(terminal) == ""
    code = terminal.command.wait(10)
    assert code == 1
    words = terminal.last_words(code).decode()
    assert 'exec: "nothing": executable file not found in $PATH' in words
    terminal.close()


def test_it_ends_with_its_terminal(any_cloud: Cloud, container: Container) -> None:
    terminal = terminal_of(any_cloud, container, "sleep", "600")
    terminal.close()
    assert terminal.command.exit_code is not None


def test_of_a_container_that_has_ended_there_is_none(
    any_cloud: Cloud, container: Container
) -> None:
    container.kill()
    with pytest.raises(SandboxError):
        terminal_of(any_cloud, container, "sh")
