"""Damaged records and files: named by ``status`` and ``doctor``, repaired where that can be, no obstacle."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from helpers.localcloud import daemon, damage
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.images.stand_in import StandIns
from tests.conftest import start
from tests.containers.roots import TRUSTED
from tests.localcloud.test_migrations import DATA, Reader

MANIFEST, CONFIG, LAYER = (
    "8975e998ac04442d7947092573cf1ee6fa53520e21fe18ff3924eea504fc5f0e",
    "84cab3e75fdcbc851320b79fa6e9cf86aa3c61d4f8567969be29942b3d1c7c8b",
    "e704b35d48bb5d7a798db4fa5f16ead6dfd3569f22eae970eb8a464c08750824",
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A state with one of everything; no daemon runs there."""
    folder = tmp_path / "home"
    with tarfile.open(DATA / "state-0.1.0.tar.gz") as archive:
        archive.extractall(folder, **TRUSTED)
    cloud = Cloud(folder)
    cloud.store.execute("DELETE FROM outbox")
    cloud.close()
    yield folder
    daemon.down(folder)


def execute(home: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(home / "state.db")) as state:
        state.execute(sql, parameters)
        state.commit()


def run(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LOCALCLOUD_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "helpers", command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def blob(home: Path, name: str) -> Path:
    return home / "content" / "sha256" / name[:2] / name


def test_a_whole_state_is_whole(home: Path) -> None:
    done = run(home, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"The state in {home} is whole.\n"
    start(home)
    beside = run(home, "doctor")  # of the daemon
    assert (beside.returncode, beside.stdout) == (0, done.stdout)


def test_without_a_state_there_is_nothing_to_examine(tmp_path: Path) -> None:
    done = run(tmp_path / "none", "doctor")
    assert (done.returncode, done.stdout) == (0, f"There is no local cloud in {tmp_path}/none.\n")
    assert not (tmp_path / "none").exists()


def drop_log(home: Path) -> None:
    [log] = (home / "blobs").glob("*/data/logs/do1/rawtext.log")
    log.unlink()


def damage_log(home: Path) -> None:
    [properties] = (home / "blobs").glob("*/properties/logs/do1/rawtext.log.json")
    properties.write_text("{")


def leave_locks(home: Path) -> None:
    (home / "git" / "1.git" / "refs" / "heads" / "main.lock").touch()
    (home / "git" / "9.git").mkdir()


def aside(home: Path, kind: str, payload: str) -> None:
    execute(
        home,
        "INSERT INTO outbox_set_aside VALUES (7, 'triggers', ?, ?, 0, 'failed')",
        kind,
        payload,
    )


PUSHED = {
    "repository_url": "https://github.com/importing-public-content/hello",
    "branch": "main",
    "commit": "5843fbc2404e013a31b59a0407365e0c1e641e91",
    "previous": None,
}


Damage = tuple[Callable[[Path], None], str]  # what is done, and how doctor names it


def test_what_can_be_repaired_is_repaired(home: Path) -> None:
    damages: list[Damage] = [
        (damage_log, "run do1 of acmerockets\n  its log cannot be read\n  it ends with a line now"),
        (leave_locks, "folder git/9.git\n  no repository\n  it was deleted"),
        (
            lambda home: aside(home, "BranchPushed", json.dumps(PUSHED)),
            "event 7 (BranchPushed) of triggers\n  failed\n  it is tried again",
        ),
        (
            lambda home: execute(home, "UPDATE secrets SET tags='['"),
            "secret acmerocketskv greeting",
        ),
        (
            lambda home: execute(
                home,
                "INSERT INTO registry_tags (registry, repository, tag, digest, created, updated)"
                " VALUES ('acmerockets.azurecr.io', 'hello', '2', 'sha256:0', 0, 0)",
            ),
            "tag acmerockets.azurecr.io/hello:2\n  there is no manifest sha256:0\n  the tag was",
        ),
    ]
    for hurt, _ in damages:
        hurt(home)
    done = run(home, "doctor")
    for _, named in damages:
        assert named in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(damages)} repaired, 0 left." in done.stdout
    again = run(home, "doctor")
    assert (again.returncode, again.stdout) == (0, f"The state in {home} is whole.\n")
    drop_log(home)
    assert "its log is not complete" in run(home, "doctor").stdout
    reader = Reader(start(home))
    first, second = reader.runs()  # the event that was put back has started one
    assert (first["name"], second["properties"]["runType"]) == ("do1", "AutoRun")


def truncate(name: str) -> Callable[[Path], None]:
    def work(home: Path) -> None:
        path = blob(home, name)
        path.write_bytes(path.read_bytes()[:-7])

    return work


def corrupt_pack(home: Path) -> None:
    [pack] = (home / "git" / "1.git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[60] ^= 0xFF
    pack.write_bytes(data)


GONE = f"sha256:{'0' * 64}"


def soft_deleted(home: Path, kind: str, record: str) -> None:
    execute(
        home,
        "INSERT INTO registry_deleted (registry, repository, kind, name, digest, record, deleted)"
        " VALUES ('acmerockets.azurecr.io', 'hello', ?, 'gone', ?, ?, ?)",
        *(kind, GONE, record, time.time()),
    )


ONE: list[Damage] = [
    (truncate(LAYER), f"of its blobs, sha256:{LAYER} is missing"),
    (corrupt_pack, "git repository https://github.com/importing-public-content/hello\n  it is"),
    (lambda home: aside(home, "Unheard", "{}"), "event 7 (Unheard) of triggers"),
    (
        lambda home: execute(home, "UPDATE resources SET body='{' WHERE name='hello'"),
        "registries/acmerockets/tasks/hello\n  body or private cannot be read",
    ),
    (
        lambda home: execute(home, "UPDATE runs SET request='null'"),
        "runs/do1\n  properties or request cannot be read",
    ),
    (
        lambda home: soft_deleted(home, "tag", "{"),
        f"soft-deleted tag acmerockets.azurecr.io hello gone {GONE}\n  record cannot be read",
    ),
]
OTHER: list[Damage] = [
    (truncate(MANIFEST), "image acmerockets.azurecr.io/hello:1\n  its manifest is missing"),
    (lambda home: shutil.rmtree(home / "git" / "1.git"), "its content is missing on the disk"),
    (
        lambda home: execute(home, "UPDATE registry_manifests SET attributes=''"),
        "manifest acmerockets.azurecr.io hello sha256:",
    ),
]


@pytest.mark.parametrize("damages", [ONE, OTHER])
def test_what_cannot_be_read_is_named_then_taken_out_and_everything_else_goes_on(
    home: Path, damages: list[Damage]
) -> None:
    for hurt, _ in damages:
        hurt(home)
    reader = Reader(start(home))
    beside = run(home, "doctor")
    assert beside.returncode == 1
    assert "python -m helpers down, then" in beside.stdout
    assert reader.arm(reader.registry)["name"] == "acmerockets"
    assert reader.arm(f"{reader.registry}/tasks")
    assert reader.arm(f"{reader.registry}/runs") is not None
    daemon.down(home)
    done = run(home, "doctor")
    for _, named in damages:
        assert named in done.stdout
    assert (done.returncode, done.stderr) == (1, "")
    assert f"{len(damages)} repaired, 1 left." in done.stdout  # a blob, too; who pushed has it
    assert "Traceback" not in (home / "daemon.log").read_text()
    left = run(home, "doctor")
    assert (left.returncode, "0 repaired, 1 left." in left.stdout) == (1, True)
    assert damages[0][1].rpartition(" ")[0].splitlines()[-1] in left.stdout
    assert run(home, "status").stdout.count("\n") == 1  # names nothing damaged


def test_a_soft_deleted_image_that_lacks_content_is_named(home: Path) -> None:
    soft_deleted(home, "manifest", "{}")
    done = run(home, "doctor")
    assert done.returncode == 1
    assert (
        f"soft-deleted image acmerockets.azurecr.io/hello@{GONE}\n  its manifest is missing: it "
        "cannot be restored whole"
    ) in done.stdout


def test_what_is_taken_out_is_kept_and_can_be_made_anew(home: Path) -> None:
    secret = json.dumps({"token": "of somebody"})
    execute(home, "UPDATE resources SET body='{', private=? WHERE name='hello'", secret)
    execute(home, "UPDATE runs SET request='null'")
    execute(home, "UPDATE registry_manifests SET attributes='?'")
    execute(home, "INSERT INTO outbox (kind, payload, created) VALUES ('Unheard', '{}', 0)")
    aside(home, "BranchPushed", '{"unknown": 1}')
    shutil.rmtree(home / "git" / "1.git" / "objects")
    done = run(home, "doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    folder = home / "set-aside"
    assert {path.name for path in folder.iterdir()} == {
        *("events.jsonl", "registry_manifests.jsonl", "resources.jsonl", "runs.jsonl"),
        "importing-public-content-hello.git",
    }
    for path in folder.glob("*.jsonl"):
        assert path.stat().st_mode & 0o077 == 0
        assert f"it is in set-aside/{path.name}" in done.stdout.replace("and is", "it is")
    [task] = [json.loads(line) for line in (folder / "resources.jsonl").read_text().splitlines()]
    assert (task["name"], task["body"], task["private"]) == ("hello", "{", secret)
    assert len((folder / "events.jsonl").read_text().splitlines()) == 2
    assert run(home, "doctor").stdout == f"The state in {home} is whole.\n"
    reader = Reader(start(home))
    assert reader.arm(f"{reader.registry}/runs")["value"] == []
    image = reader.arm(f"{reader.registry}/tasks")["value"]
    assert image == []
    published = run(home, "publish")
    assert published.returncode == 0, published.stderr


def test_a_git_repository_without_content_is_told_in_the_host_s_words(home: Path) -> None:
    start(home)
    assert run(home, "publish").returncode == 0
    for path in (home / "git").iterdir():
        shutil.rmtree(path / "objects")
    told = run(home, "publish")
    assert (told.returncode, told.stdout) == (1, "")
    assert "http resp" not in told.stderr
    assert re.search(
        r"The content of https://github.com/importing-public-content/[a-z-]+ is missing on the disk "
        r"of the local cloud. Take it out with python -m helpers down and then python -m helpers "
        r"doctor",
        told.stderr,
    )
    daemon.down(home)
    assert "python -m helpers publish" in run(home, "doctor").stdout
    start(home)
    assert run(home, "publish").returncode == 0


def test_status_and_the_log_name_what_is_damaged(home: Path) -> None:
    execute(home, "UPDATE resources SET private='[1' WHERE name='hello'")
    execute(home, "INSERT INTO outbox (kind, payload, created) VALUES ('Unheard', '{}', 0)")
    stopped = run(home, "status")
    assert stopped.returncode == 3
    assert "(Unheard): this version does not know it" in stopped.stdout
    start(home)
    shown = run(home, "status")
    assert shown.returncode == 0
    assert (
        "tasks/hello: body or private cannot be read (set aside, the rest goes on)" in shown.stdout
    )
    assert "(Unheard): this version knows no event Unheard" in shown.stdout
    assert "To examine all of it: python -m helpers doctor" in shown.stdout
    log = (home / "daemon.log").read_text()
    assert "tasks/hello: body or private cannot be read" in log
    assert "(Unheard) was set aside, everything else goes on" in log


def test_a_start_ends_runs_and_makes_keys_anew_whatever_is_damaged(home: Path) -> None:
    damage_log(home)
    execute(home, "UPDATE runs SET status='Running'")
    (home / "blobs" / "account-key").write_text("?")
    for name in ("ca.pem", "ca-key.pem", "signing-key.pem"):
        (home / name).write_text("damaged")
    reader = Reader(start(home))
    [run] = reader.arm(f"{reader.registry}/runs")["value"]
    assert run["properties"]["status"] == "Failed"
    link = reader.arm(f"{reader.registry}/runs/do1/listLogSasUrl", "POST")["logLink"]
    log = reader.session.get(link)
    assert (log.status_code, log.headers["x-ms-meta-Complete"]) == (200, "failed")
    assert "The local cloud was stopped while the run was going on" in log.text
    told = (home / "daemon.log").read_text()
    assert "signing-key.pem, the key that access tokens are signed with, is damaged" in told
    assert (
        "ca.pem and ca-key.pem, the certificate authority of the local cloud, are damaged" in told
    )
    assert (home / "set-aside" / "signing-key.pem").read_text() == "damaged"


def other_key() -> str:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "content", ["", "damaged", "\ud8ff".encode("utf-8", "surrogatepass"), other_key()]
)
def test_keys_that_are_none_are_named_and_made_anew_by_doctor_too(
    home: Path, content: str | bytes
) -> None:
    daemon.up(home)  # makes the authority
    daemon.down(home)
    data = content.encode() if isinstance(content, str) else content
    for name in ("signing-key.pem", "ca-key.pem"):
        (home / name).write_bytes(data)
    done = run(home, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "signing-key.pem, the key that access tokens are signed with, is damaged" in done.stdout
    assert "ca.pem and ca-key.pem, the certificate authority" in done.stdout
    assert done.stdout.count("it was made anew") == 2
    assert run(home, "doctor").stdout == f"The state in {home} is whole.\n"
    assert Reader(start(home)).arm(Reader(start(home)).registry)["name"] == "acmerockets"


def test_a_damaged_blob_is_stored_anew_after_doctor(home: Path) -> None:
    data = blob(home, LAYER).read_bytes()
    truncate(LAYER)(home)
    assert run(home, "doctor").returncode == 1
    assert not blob(home, LAYER).exists()
    cloud = Cloud(home)
    cloud.content.put(data)
    cloud.close()
    assert run(home, "doctor").returncode == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("account.json", "{"),
        ("account.json", "[]"),
        ("state.db", "no database"),
        ("state.db", "no database, and long enough to have a version " * 9),
    ],
)
def test_what_nothing_can_be_read_of_is_named_with_the_way_out(
    home: Path, name: str, content: str
) -> None:
    (home / name).write_text(content)
    done = run(home, "doctor")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"The state in {home} is damaged: " in done.stderr
    assert done.stderr.endswith(". To begin anew: python -m helpers reset\n")
    assert len(done.stderr.splitlines()) == 1
    if name == "state.db":
        shown = run(home, "status")
        assert "state.db: file is not a database (to begin anew: python -m helpers reset)" in (
            shown.stdout
        )


def test_env_of_a_damaged_account_is_one_message(home: Path) -> None:
    start(home)
    (home / "account.json").write_text("{")
    done = run(home, "env")
    assert (done.returncode, done.stdout) == (1, "")
    assert "account.json, which says what its subscription" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_stand_in_is_assembled_anew(home: Path) -> None:
    cloud = Cloud(home)
    registry, repository = "mcr.microsoft.com", "acr/bash"
    digest = StandIns().provide(cloud, registry, repository, "1")
    layer = json.loads(cloud.content.read(digest))["layers"][0]["digest"]
    cloud.close()
    path = blob(home, layer.removeprefix("sha256:"))
    for hurt in (truncate(path.name), lambda _: path.unlink()):
        hurt(home)
        done = run(home, "doctor")
        assert done.returncode == 0, done.stdout
        assert f"stand-in {registry}/{repository}\n" in done.stdout
        assert "it was assembled anew" in done.stdout
        assert run(home, "doctor").stdout == f"The state in {home} is whole.\n"


def test_the_quick_part_is_quick(home: Path) -> None:
    cloud = Cloud(home)
    body = json.dumps({"properties": {"text": "x" * 2000}})
    with cloud.store.transaction() as connection:
        connection.executemany(
            "INSERT INTO resources VALUES (?,?,'t','n','','',?,?,0,0)",
            [(f"/{number}", f"/{number}", body, body) for number in range(300)],
        )
    cloud.close()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        assert damage.glance(home) == []
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.1  # 0.01 s on a quiet machine
