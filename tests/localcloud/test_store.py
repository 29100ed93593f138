"""The store and the content store keep what they acknowledged, and nothing half-written."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.localcloud.content import ContentStore, DigestMismatchError, digest_of
from helpers.localcloud.store import Resource, Store


def resource(name: str, parent: str = "") -> Resource:
    return Resource(f"{parent}/things/{name}", "Things", name, "rg", {"name": name}, parent=parent)


def test_resources_are_found_by_id_in_any_case(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put(resource("One"))
    found = store.get("/THINGS/one")
    assert found is not None
    assert found.body == {"name": "One"}
    store.close()


def test_removing_a_resource_removes_what_is_below_it_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put(resource("a"))
    store.put(resource("ab"))
    store.put(resource("child", "/things/a"))
    removed = store.remove("/things/A")
    assert [r.name for r in removed] == ["child", "a"]
    assert [r.name for r in store.find(type="things")] == ["ab"]
    store.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")

    def put_and_fail() -> None:
        with store.transaction():
            store.put(resource("a"))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        put_and_fail()
    assert store.find() == []
    store.close()


def test_a_commit_that_fails_leaves_nothing_for_who_comes_next(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    store.execute("CREATE TABLE b (a INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError):
        store.execute("INSERT INTO b VALUES (1)")
    store.put(resource("a"))
    other = Store(tmp_path / "state.db")
    assert [one.name for one in other.find()] == ["a"]
    assert other.query("SELECT * FROM b") == []
    other.close()
    store.close()


def test_threads_that_have_ended_leave_no_open_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put(resource("a"))

    def work() -> None:
        with store.transaction():
            store.put(resource("b"))
            assert len(store.find()) == 2

    for _ in range(50):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    with ThreadPoolExecutor(8) as pool:
        assert {len(found) for found in pool.map(lambda _: store.find(), range(200))} == {2}
    files = [file for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert [file.readlink() for file in files].count(tmp_path / "state.db") <= 9
    store.close()


def test_content_with_a_wrong_digest_leaves_nothing(tmp_path: Path) -> None:
    content = ContentStore(tmp_path)
    with pytest.raises(DigestMismatchError, match="expected"):
        content.put(b"x", digest_of(b"y"))
    assert list(content.digests()) == []
    assert list(content.uploads.iterdir()) == []


def test_content_is_stored_once(tmp_path: Path) -> None:
    content = ContentStore(tmp_path)
    assert content.put(b"x") == content.put(b"x") == digest_of(b"x")
    assert list(content.digests()) == [digest_of(b"x")]
    assert content.read(digest_of(b"x")) == b"x"


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "md5:00", ""])
def test_a_malformed_digest_cannot_name_a_file(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        ContentStore(tmp_path).path(digest)
