"""What the tests of the fork server have it call, and the process that asks for it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers.localcloud import fork_server

HERE = __name__ if __name__ != "__main__" else "tests.localcloud.forked"


def describe(descriptors: list[int], *, word: str) -> int:
    """Write what the process begins with into its only descriptor; status 7."""
    name = Path("/proc/self/comm").read_text().strip()
    found = {
        "word": word,
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),  # one is of the look itself
        "name": name,
        "mask": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "child": signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL,
        "umask": os.umask(0o022),
        "input": str(Path("/proc/self/fd/0").readlink()),
    }
    os.write(descriptors[0], json.dumps(found).encode())
    return 7


def wait(descriptors: list[int], *, seconds: float = 60.0) -> None:
    """Do nothing."""
    time.sleep(seconds)


def spin(descriptors: list[int]) -> None:
    """Never give the interpreter back."""
    sum(range(1 << 60))


def fail(descriptors: list[int]) -> None:
    """Raise."""
    raise RuntimeError("it failed here")


def leave(descriptors: list[int], *, status: int | str) -> None:
    """Leave as a program does."""
    sys.exit(status)


def orphan(descriptors: list[int]) -> None:
    """Kill the server, and write what it then says into the only descriptor."""
    server = fork_server.current()
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    try:
        server.fork(f"{HERE}:describe")
    except fork_server.ForkError as error:
        os.write(descriptors[0], str(error).encode())


def fork_again(descriptors: list[int]) -> int:
    """Have the server fork another; its status, and one."""
    server = fork_server.current()
    assert server is not None
    ending = server.fork(f"{HERE}:describe", {"word": "inner"}, descriptors).wait(20)
    assert ending is not None
    return ending.status + 1


def tell(descriptors: list[int]) -> None:
    """Write what the process consists of into its only descriptor, and wait."""
    found = {
        "server": os.getppid(),
        "memory": int(Path("/proc/self/statm").read_text().split()[1]),
        "init": hasattr(sys.modules["helpers"], "__file__"),
        "connected": fork_server.current() is not None,
    }
    os.write(descriptors[0], json.dumps(found).encode())
    time.sleep(60)


# -- scripts: each is the main function of a process of its own ----------------------------------


def answers() -> dict[str, object]:
    """One child of each kind, and what came of it."""
    os.umask(0o077)
    with fork_server.running() as server:
        server.prepare([HERE])
        read, write = os.pipe()
        child = server.fork(f"{HERE}:describe", {"word": "Grüße"}, [write], name="describer")
        described = child.wait(20)
        told = json.loads(os.read(read, 4096))
        child.close()
        waiting = server.fork(f"{HERE}:wait")
        early = waiting.wait(0.05)
        waiting.kill()
        killed = waiting.wait(20)
        busy = server.fork(f"{HERE}:spin")
        time.sleep(0.1)
        busy.kill()
        assert described is not None
        assert killed is not None
        again = server.fork(f"{HERE}:fork_again", None, [write]).wait(20)
        failed = server.fork(f"{HERE}:fail").wait(20)
        unknown = server.fork("helpers.localcloud.nothing:at_all").wait(20)
        return {
            "told": told,
            "status": described.status,
            "peak": described.peak,
            "early": early,
            "killed": killed.status,
            "spun": busy.wait(20).status,  # type: ignore[union-attr]
            "again": again and again.status,
            "failed": failed and failed.status,
            "unknown": unknown and unknown.status,
            "process": server.pid,
        }


def survives() -> dict[str, object]:
    """What comes of those that are forked after the server was killed."""
    with fork_server.running() as server:
        server.prepare(["helpers.localcloud.nothing", HERE])
        first = server.pid
        left = server.fork(f"{HERE}:leave", {"status": 9}).wait(20)
        said = server.fork(f"{HERE}:leave", {"status": "words"}).wait(20)
        bound = server.fork(f"{HERE}:wait")
        os.kill(first, signal.SIGKILL)
        killed = bound.wait(20)
        again = server.fork(f"{HERE}:leave", {"status": 7}).wait(20)
        second = server.pid
        read, write = os.pipe()
        server.fork(f"{HERE}:orphan", None, [write], dies_with_server=False)
        orphaned = os.read(read, 4096).decode()
        third = server.fork(f"{HERE}:leave", {"status": 8}).wait(20)
        return {
            "servers": [first, second, server.pid],
            "statuses": [one and one.status for one in (left, said, killed, again, third)],
            "orphaned": orphaned,
        }


def bare() -> dict[str, object]:
    """Two children of the bare server, which is killed in between, and one of the usual server."""
    with fork_server.running() as server:
        server.prepare(["helpers.localcloud.cloud", HERE], [HERE])
        told = []
        for is_bare in (True, True, False):
            read, write = os.pipe()
            child = server.fork(f"{HERE}:tell", None, [write], name="teller", bare=is_bare)
            told.append(json.loads(os.read(read, 4096)))
            if is_bare:
                os.kill(told[-1]["server"], signal.SIGKILL)
            else:
                child.kill()
            ending = child.wait(20)
            told[-1] |= {"process": child.pid, "status": ending and ending.status}
        return {"told": told, "server": server.pid}


def holds() -> None:
    """Fork one that dies with the server and one that does not, tell who they are, wait."""
    with fork_server.running() as server:
        bound = server.fork(f"{HERE}:wait")
        free = server.fork(f"{HERE}:wait", {"seconds": 600}, dies_with_server=False)
        print(json.dumps([server.pid, bound.pid, free.pid]), flush=True)
        time.sleep(60)


if __name__ == "__main__":
    script: Callable[[], object] = {
        "answers": answers,
        "survives": survives,
        "bare": bare,
        "holds": holds,
    }[sys.argv[1]]
    print(json.dumps(script()), flush=True)
