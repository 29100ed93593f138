"""Caches that ``RUN --mount=type=cache`` keeps: whose they are, and when they are given up."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

from helpers.localcloud import user_namespace
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.cache_mounts import FOLDER, CacheMounts, sweep
from helpers.localcloud.containers.build.frontend import BUILDKIT
from helpers.localcloud.containers.build.run_mounts import RunMount
from tests.containers.building import BASE, Context

HALF = 512 << 10  # bytes that each has


def used(context: Context, name: str, options: str = "", command: str = "true") -> None:
    context.build(
        f"FROM {BASE}\nRUN --mount=type=cache,target=/c,id={name}{options} "
        f"{command} && head -c {HALF} /dev/zero > /c/{name}",
        frontend=BUILDKIT,
    )


def kept(cloud: Cloud) -> set[str]:
    """The caches by their only file."""
    caches = [path for path in cloud.folder(FOLDER).iterdir() if path.name[0] != "."]
    return {next((path / "content").iterdir()).name for path in caches}


def age(cloud: Cloud, name: str, seconds: float) -> None:
    [cache] = [p for p in cloud.folder(FOLDER).iterdir() if (p / "content" / name).exists()]
    past = time.time() - seconds
    os.utime(cache, (past, past))


def test_the_oldest_go_and_what_was_not_used_for_long(context: Context, cloud: Cloud) -> None:
    for number, name in enumerate(("a", "b", "c")):
        used(context, name)
        age(cloud, name, 1000 - number)
    month = time.time() - 30 * 24 * 3600
    assert sweep(cloud, month)
    assert kept(cloud) == {"a", "b", "c"}
    assert sweep(cloud, month, 2 * HALF + HALF // 2)
    assert kept(cloud) == {"b", "c"}
    used(context, "b", command="test -e /c/b")  # it is the one that was used last now
    assert sweep(cloud, month, HALF + HALF // 2)
    assert kept(cloud) == {"b"}
    age(cloud, "b", 100)
    assert not sweep(cloud, time.time() - 50)
    assert list(cloud.folder(FOLDER).iterdir()) == []


def test_builds_of_another_scope_have_caches_of_their_own(context: Context) -> None:
    for scope, command in (("one", "true"), ("two", "test ! -e /c/a"), ("one", "test -e /c/a")):
        context.session.scope = scope
        used(context, "a", command=command)
    context.session.scope = ""


def test_what_a_build_uses_or_waits_for_is_there(cloud: Cloud) -> None:
    caches = CacheMounts(cloud, lambda: None)
    mount = RunMount(type="cache", target="/c")
    with caches.taken(mount, "one", None) as content:
        (content / "file").touch()
        assert sweep(cloud, time.time() + 1000, 0)
        assert kept(cloud) == {"file"}
    # One waits for it, and another gives it up meanwhile.
    [cache] = cloud.folder(FOLDER).iterdir()
    descriptor = os.open(cache, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    waiting = threading.Event()
    found: list[tuple[Path, bool]] = []

    def wait() -> None:
        with CacheMounts(cloud, waiting.set).taken(mount, "one", None) as content:
            found.append((content, content.is_dir()))

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(10)
    cache.rename(cache.with_name(".gone-1"))
    os.close(descriptor)
    thread.join(10)
    assert found == [(cache / "content", True)]
    assert sweep(cloud, 0)
    assert [path.name for path in cloud.folder(FOLDER).iterdir()] == [cache.name]


def test_a_cache_has_the_owner_and_the_mode_that_were_asked_for(
    context: Context, cloud: Cloud
) -> None:
    used(context, "own", ",uid=1000,gid=1001,mode=0700", "stat -c '%u %g %a' /c > /seen")
    several = user_namespace.available() is not None
    assert context.run("cat", "/seen")[1] == ("1000 1001 700" if several else "0 0 700")
    assert sweep(cloud, 0, HALF * 2)
    assert not sweep(cloud, 0, HALF // 2)
    assert list(cloud.folder(FOLDER).iterdir()) == []
