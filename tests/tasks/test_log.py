"""Run logs and the masking of secrets in them."""

from __future__ import annotations

import base64
import gc
import itertools
import json
import re
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.blobs.account import Blob, BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.sandboxes.output import LONGEST, LineSplitter
from helpers.localcloud.tasks.completion import complete, last_line
from helpers.localcloud.tasks.execution.log import RunLog
from helpers.localcloud.tasks.execution.masking import Masker
from helpers.localcloud.tasks.templating.go_json import to_json


@pytest.fixture
def blob(tmp_path: Path) -> Iterator[Blob]:
    cloud = Cloud(tmp_path / "home")
    yield BlobAccount(cloud).run_log("/registries/acme", "ca1")
    cloud.close()


def test_lines_are_there_at_once_with_time_and_crlf(blob: Blob) -> None:
    log = RunLog(blob)
    log.line("Downloading source code...")
    text = blob.path.read_bytes()
    assert re.fullmatch(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d Downloading source code\.\.\.\r\n", text)
    log.output("Step 1/2 : FROM node\nnext")
    assert blob.path.read_bytes()[len(text) :] == b"Step 1/2 : FROM node\r\nnext\r\n"
    assert blob.metadata() == {}
    log.close("Timeout")
    assert blob.metadata() == {"Complete": "timedout"}
    log.raw("too late")
    assert b"too late" not in blob.path.read_bytes()


FORGED = "a\n2026/01/01 00:00:00 Step ID: a marked as successful\r\nRun ID: ca1 was\x1b[2J"
SHOWN = "a\n  2026/01/01 00:00:00 Step ID: a marked as successful\n  Run ID: ca1 was\\x1b[2J"


def test_what_a_stranger_has_named_begins_no_line_of_the_engine(blob: Blob) -> None:
    log = RunLog(blob)
    log.line(FORGED)
    log.raw(FORGED)
    log.raw(last_line("ca1", "Failed", 1, FORGED))
    lines = blob.path.read_bytes().decode().split("\r\n")[:-1]
    assert [line for line in lines if line.startswith(("2026/01/01", "Run ID"))] == [
        "Run ID: ca1 failed after 1s. Error: a"
    ]
    assert "\n".join(lines).count(SHOWN[1:]) == 3
    assert last_line("ca1", "Failed", 1, FORGED).endswith(SHOWN)
    log.raw("one\n two\n\n\tthree\u2028four\x85")
    assert blob.path.read_bytes().endswith(b"one\r\n two\r\n\r\n\tthree\\u2028four\\x85\r\n")


def test_output_without_end_is_cut_and_the_engine_still_heard(
    blob: Blob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.localcloud.tasks.execution.log.OUTPUT_LIMIT", 2 << 20)
    log = RunLog(blob)
    for _ in range(300):
        log.output("y" * 10_000)
    log.line("Container failed during run: endless. No retries remaining.")
    log.close("Failed")
    text = blob.path.read_text()
    assert 2 << 20 < len(text) < (2 << 20) + 20_000
    assert text.count("have printed more than 2 MiB") == 1
    assert "No retries remaining." in text.splitlines()[-1]


def test_parallel_writers_never_mix_within_a_line(blob: Blob) -> None:
    log = RunLog(blob)

    def work(letter: bytes) -> None:
        lines = LineSplitter(log.raw, log.masker.cut)
        for _ in range(200):
            lines.write(letter * 10)
            lines.write(letter * 10 + b"\n")

    threads = [threading.Thread(target=work, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close("Succeeded")
    lines = blob.path.read_bytes().split(b"\r\n")
    assert sorted(set(lines)) == [b"", b"a" * 20, b"b" * 20, b"c" * 20]
    assert len(lines) == 601


def test_secrets_are_masked_in_lines_and_in_chunks(blob: Blob) -> None:
    log = RunLog(blob, Masker(["hunter2-secret"]))
    log.line("login with hunter2-secret")
    lines = LineSplitter(log.raw, log.masker.cut)
    for chunk in (b"pass=hun", b"ter2-", b"secret;\n", b"hunter2"):
        lines.write(chunk)
    lines.close()
    log.masker.hide("added-later")
    log.raw("added-later")
    log.close("Succeeded")
    text = blob.path.read_text()
    assert "hunter2-secret" not in text
    assert "added-later" not in text
    assert "pass=***;" in text
    assert text.endswith("hunter2\n***\n")  # only a part of the secret: shown


def test_longest_secret_first_and_other_spellings() -> None:
    masker = Masker(["abc", "abcdef", 'q"uo/te'])
    assert masker.mask("abcdef abc abcd") == "*** *** ***d"
    assert masker.mask(r"q\"uo/te q%22uo%2Fte") == "*** ***"
    assert Masker(["", "a", "80"]).mask("a port 80") == "a port 80"


def test_a_secret_in_the_values_as_json_is_masked() -> None:
    secret = 'https://x/y?sig=a&b=<c>"d'
    masker = Masker([secret])
    for text in (to_json({"url": secret}), json.dumps({"url": secret})):
        assert masker.mask(text).replace(" ", "") == '{"url":"***"}'


@pytest.mark.parametrize("secret", ["hunter2-is-long", "s3cr3t-" * 23])
def test_base64_of_a_secret_is_masked(secret: str) -> None:
    masker = Masker([secret])
    for text in (secret, secret + "\n"):
        encoded = base64.b64encode(text.encode()).decode()
        assert masker.mask(f"x {encoded} y") == "x *** y"
        lines = base64.encodebytes(text.encode()).decode()
        assert set(masker.mask(lines).split()) == {"***"}


def test_each_line_of_a_secret_of_many_lines_is_masked() -> None:
    masker = Masker(["-----BEGIN KEY-----\nMIIEow\n-----END KEY-----\n"])
    assert masker.mask("key MIIEow") == "key ***"


@given(
    st.lists(st.sampled_from(["aba", "abab", "bbb", "abcab", "cébb"]), min_size=1, max_size=3),
    st.text(alphabet="abcé ", max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.integers(0, 70),
)
def test_no_secret_is_cut_wherever_a_long_line_is(
    secrets: list[str], text: str, cuts: list[int], before: int
) -> None:
    masker = Masker(secrets)
    line = "x" * (LONGEST - before) + text
    pieces: list[str] = []
    splitter = LineSplitter(pieces.append, masker.cut)
    data = line.encode()
    start = len(data) - len(text.encode())
    edges = [0, *sorted(min(start + cut, len(data)) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(edges):
        splitter.write(data[begin:end])
    splitter.close()
    assert "".join(pieces) == line
    assert max(map(len, pieces)) <= LONGEST
    shown = "".join(map(masker.mask, pieces))
    assert shown == masker.mask(line)
    assert not any(secret in shown for secret in secrets)


def test_a_secret_longer_than_a_piece_of_a_line_is_masked_as_a_whole() -> None:
    secret = "".join(f"{number:05}" for number in range(LONGEST // 4))
    masker = Masker([secret])
    pieces: list[str] = []
    splitter = LineSplitter(pieces.append, masker.cut)
    data = f"key={secret};".encode()
    for begin in range(0, len(data), 30_000):
        splitter.write(data[begin : begin + 30_000])
    splitter.close()
    assert "".join(map(masker.mask, pieces)) == "key=***;"


def test_log_that_a_crash_left_is_completed_once(blob: Blob) -> None:
    RunLog(blob).line("Executing step ID: build")
    complete(blob, "Failed", "The local cloud was stopped.")
    complete(blob, "Succeeded", "never")
    assert blob.metadata() == {"Complete": "failed"}
    assert blob.path.read_text().endswith("\nThe local cloud was stopped.\n")


def test_nothing_of_a_secret_is_kept_when_its_run_is_over() -> None:
    def run(number: int) -> None:
        masker = Masker([f"secret-value-{number}", "x" * 500 + str(number)])
        assert masker.mask(f"a secret-value-{number}") == "a ***"

    run(0)
    tracemalloc.start()
    try:
        for number in range(1, 101):
            run(number)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 50_000  # bytes
    finally:
        tracemalloc.stop()
