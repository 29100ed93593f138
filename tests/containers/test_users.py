"""Users in containers: several ids where the machine grants them, else what can be kept of rights."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import user_namespace
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.images.owners import Owners, write_owners
from helpers.localcloud.containers.sandboxes.account import Account
from helpers.localcloud.containers.sandboxes.container import ContainerSpec, Mount
from helpers.localcloud.containers.sandboxes.network import Network
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox
from helpers.localcloud.root_folder import remove_tree
from tests.containers import running
from tests.containers.roots import base_layer

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "node:x:1000:1000::/home/node:/bin/sh\n"
    "other:x:1001:1001::/home/other:/bin/sh\n"
)
GROUP = "root:x:0:\nnode:x:1000:\nother:x:1001:\nshared:x:2000:root,node\n"


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Cloud:
    return shared_cloud


@pytest.fixture(scope="module")
def network(cloud: Cloud, users: user_namespace.UserNamespace) -> Iterator[Network]:
    with Network.create(cloud, "users") as made:
        assert made.users is not None, made.one_id
        yield made


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    layer = tmp_path_factory.mktemp("accounts") / "layer"
    (layer / "etc").mkdir(parents=True)
    (layer / "etc/passwd").write_text(PASSWD)
    (layer / "etc/group").write_text(GROUP)
    (layer / "etc/closed").write_text("closed")
    (layer / "etc/closed").chmod(0o600)
    (layer / "etc/shared").write_text("shared")
    (layer / "etc/shared").chmod(0o664)
    (layer / "home/node").mkdir(parents=True)
    (layer / "home/node").chmod(0o700)
    (layer / "tmp").mkdir()
    (layer / "tmp").chmod(0o1777)
    write_owners(layer, {"home/node": (1000, 1000)})
    yield layer
    remove_tree(layer.parent)


@pytest.fixture
def one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(user_namespace._known, os.getpid(), "nobody has granted any")


def sh(cloud: Cloud, accounts: Path, script: str, **options: Any) -> tuple[int, str]:
    return running.sh(cloud, script, lowers=(accounts,), timeout=30, **options)


@pytest.mark.parametrize(
    ("user", "ids", "home"),
    [
        ("", "0:0:0 2000", "/root"),
        ("node", "1000:1000:1000 2000", "/home/node"),
        ("1000", "1000:1000:1000 2000", "/home/node"),
        ("node:other", "1000:1001:1001", "/home/node"),
        ("node:55", "1000:55:55", "/home/node"),
        ("4711", "4711:0:0", "/"),
        ("4711:4712", "4711:4712:4712", "/"),
        ("1000620000", "1000620000:0:0", "/"),
        ("123456:654321", "123456:654321:654321", "/"),
    ],
)
def test_a_container_runs_as_who_it_is_told(
    cloud: Cloud, network: Network, accounts: Path, user: str, ids: str, home: str
) -> None:
    script = "echo $(id -u):$(id -g):$(id -G); echo $HOME; touch /tmp/x; ls -n /tmp/x"
    code, text = sh(cloud, accounts, script, user=user, network=network)
    assert code == 0
    said, at, listed = text.splitlines()
    assert (said, at) == (ids, home)
    assert listed.split()[2:4] == ids.split(":")[:2]


@pytest.mark.parametrize("user", ["node", "4711", "1000620000:5"])
@pytest.mark.parametrize(
    "script",
    [
        "touch /etc/x",
        "echo x >> /etc/passwd",
        "rm /etc/group",
        "mv /etc/group /tmp",
        "chown 1000 /etc/passwd",
        "chmod 777 /etc",
        "mkdir /home/other",
        "ls /closed",
    ],
)
def test_what_is_root_s_stays_root_s(
    cloud: Cloud, network: Network, accounts: Path, tmp_path: Path, user: str, script: str
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o700)
    code, text = sh(
        cloud, accounts, script, user=user, network=network, mounts=(Mount(closed, "/closed"),)
    )
    assert code != 0
    assert "Permission denied" in text or "Operation not permitted" in text


def test_who_gets_a_file_can_write_it(cloud: Cloud, network: Network, accounts: Path) -> None:
    script = (
        "mkdir /app; touch /app/a; chown -R node:shared /app; ls -n / | grep app; su node 2>&1;"
        "chown 77:88 /app/a; ls -n /app/a; chmod 4755 /app/a; ls -n /app/a"
    )
    _, text = sh(cloud, accounts, script, network=network)
    assert [line.split()[2:4] for line in text.splitlines() if line[0] in "d-"] == [
        ["1000", "2000"],
        ["77", "88"],
        ["77", "88"],
    ]
    code, text = sh(cloud, accounts, "cd; pwd; touch a; ls -n a", user="node", network=network)
    assert code == 0
    assert text.splitlines()[0] == "/home/node"


def test_a_working_directory_keeps_its_owner(
    cloud: Cloud, network: Network, accounts: Path
) -> None:
    code, text = sh(
        cloud,
        accounts,
        "touch a && ls -nd .",
        user="node",
        network=network,
        working_dir="/home/node",
    )
    assert code == 0
    assert text.split()[0].startswith("drwx------")
    assert text.split()[2:4] == ["1000", "1000"]
    assert (
        sh(cloud, accounts, "ls", user="other", network=network, working_dir="/home/node")[0] != 0
    )


def test_a_step_s_files_are_the_next_one_s(
    cloud: Cloud, network: Network, accounts: Path, folder: Path
) -> None:
    mounts = (Mount(folder, "/workspace"),)
    script = "mkdir /workspace/n && chown node /workspace/n"
    assert sh(cloud, accounts, script, network=network, mounts=mounts) == (0, "")
    script = "umask 077; mkdir n/deep; echo hi > n/deep/f; touch x"
    options: dict[str, Any] = {"network": network, "mounts": mounts, "working_dir": "/workspace"}
    code, text = sh(cloud, accounts, script, user="node", **options)
    assert code != 0
    assert "cannot touch 'x': Permission denied" in text
    assert sh(cloud, accounts, "cat n/deep/f; ls -n n/deep/f", **options)[1].split()[0:4:3] == [
        "hi",
        "1000",
    ]
    assert "Permission denied" in sh(cloud, accounts, "cat n/deep/f", user="other", **options)[1]


def test_the_ids_are_those_that_were_granted(
    cloud: Cloud,
    network: Network,
    accounts: Path,
    users: user_namespace.UserNamespace,
    folder: Path,
) -> None:
    """No process and no file of a container is another user's of this machine."""
    granted = [range(r.outside, r.outside + r.count) for r in users.identities.users]
    script = "cd /given; i=0; for u in 1 33 1000 4711 65534; do touch $u; chown $u:$u $u; done; ls"
    code, _ = sh(cloud, accounts, script, network=network, mounts=(Mount(folder, "/given"),))
    assert code == 0
    found = {path.lstat().st_uid for path in folder.iterdir()}
    assert len(found) == 5
    assert all(any(uid in one for one in granted[1:]) for uid in found)
    assert not found & {1, 33, 1000, 4711, 65534}


def test_what_is_written_has_true_owners(
    cloud: Cloud, network: Network, accounts: Path, tmp_path: Path
) -> None:
    upper = tmp_path / "made" / "upper"
    script = (
        "mkdir -p /d/e; echo x > /d/e/f; chown -R 7:8 /d; chmod 4750 /d/e/f; chmod 0 /d/e;"
        "touch /r; cd ~node; touch n; chown node:node n; ln -s nowhere /l;"
        "chown -h 9:9 /l; rm /etc/group"
    )
    assert sh(cloud, accounts, script, network=network, upper=upper) == (0, "")
    entries = {
        str(entry.path): entry
        for entry in Owners([base_layer(), accounts]).written(upper, Account(0, 0, "root", "/root"))
    }
    assert {path: (entry.uid, entry.gid) for path, entry in entries.items()} == {
        "d": (7, 8),
        "d/e": (7, 8),
        "d/e/f": (7, 8),
        "etc": (0, 0),
        "etc/.wh.group": (0, 0),
        "home": (0, 0),
        "home/node": (1000, 1000),
        "home/node/n": (1000, 1000),
        "l": (9, 9),
        "r": (0, 0),
    }
    assert stat.S_IMODE(entries["d/e/f"].mode) == 0o4750
    assert stat.S_IMODE(entries["d/e"].mode) == 0
    assert {path.lstat().st_uid for path in upper.rglob("*")} == {os.geteuid()}


def test_one_id_says_once_why_and_what_it_means(cloud: Cloud, accounts: Path, one_id: None) -> None:
    output: list[bytes] = []
    sandbox = Sandbox(cloud)
    for script in ("id -u; id -g; echo $HOME", "touch /tmp/f; chown 1 /tmp/f", "chown 1 /etc"):
        spec = ContainerSpec((base_layer(), accounts), ("sh", "-c", script), user="node")
        sandbox.run(spec, output.append, 30)
    text = b"".join(output).decode()
    assert "\n1000\n1000\n/home/node\n" in text
    assert text.count("container runs as user 1000:1000") == 1
    assert text.count("no file can be given to another user") == 1
    assert text.count("nobody has granted any") == 2


@pytest.fixture(params=["one id", "chroot"])
def without_ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that grants none: in namespaces, and in a chroot."""
    if request.param == "one id":
        request.getfixturevalue("one_id")
        return
    if os.geteuid() != 0:
        pytest.skip("a chroot needs root")
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")


@pytest.mark.parametrize("user", ["node", "4711:4712"])
@pytest.mark.parametrize(
    "script",
    [
        "touch /x",
        "touch /etc/x",
        "echo x >> /etc/passwd",
        "rm /etc/group",
        "mv /etc/group /tmp",
        "mkdir /home/other",
        "cat /etc/closed",
        "echo x > /etc/shared",
    ],
)
def test_without_ids_what_is_root_s_is_refused(
    cloud: Cloud, accounts: Path, without_ids: None, user: str, script: str
) -> None:
    code, text = sh(cloud, accounts, script, user=user)
    assert code != 0
    assert "Permission denied" in text


def test_without_ids_a_user_s_own_is_its_own_and_modes_stay(
    cloud: Cloud, accounts: Path, tmp_path: Path, without_ids: None
) -> None:
    upper = tmp_path / "made" / "upper"
    script = "touch ~/mine /tmp/mine && id -u && cat /etc/passwd > ~/copy"
    code, _ = sh(cloud, accounts, script, user="node", upper=upper)
    assert code == 0
    account = Account(1000, 1000, "node", "")
    found = {
        str(entry.path): (entry.mode, entry.uid)
        for entry in Owners([base_layer(), accounts]).written(upper, account)
    }
    assert found == {
        "home": (0o755, 0),
        "home/node": (0o700, 1000),
        "home/node/copy": (0o644, 1000),
        "home/node/mine": (0o644, 1000),
        "tmp": (0o1777, 0),
        "tmp/mine": (0o644, 1000),
    }


def test_the_folder_of_a_container_can_be_removed(
    cloud: Cloud, network: Network, accounts: Path, folder: Path
) -> None:
    script = "cd /given; mkdir -p a/b/c; touch a/b/c/f; chown -R 7:8 a; chmod 0 a/b a"
    mounts = (Mount(folder, "/given"),)
    assert sh(cloud, accounts, script, network=network, mounts=mounts) == (0, "")
    remove_tree(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("least", "uids and gids must be in range"),
        ("over", "uids and gids must be in range"),
        ("long", "uids and gids must be in range"),
        ("member", "uids and gids must be in range"),
        ("node:over", "uids and gids must be in range"),
        ("script", "unable to find user script"),
        ("4711", "uid=4711 gid=0"),
        ("far", "uid=1008(far) gid=1008 groups=1008,"),
    ],
)
def test_numbers_that_no_kernel_takes_are_refused(
    cloud: Cloud, network: Network, tmp_path: Path, user: str, told: str
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        f"{PASSWD}least:x:4294967295:0::/:/bin/sh\nover:x:0:4294967296::/:/bin/sh\n"
        f"long:x:{'9' * 5000}:0::/:/bin/sh\nscript:x:²:0::/:/bin/sh\n"
        "member:x:1007:1007::/:/bin/sh\nfar:x:1008:1008::/:/bin/sh\n"
    )
    (tmp_path / "etc/group").write_text("over:x:4294967296:member\nfar:x:2000000000:far\n")
    code, text = sh(cloud, tmp_path, "id", user=user, network=network)
    assert told in text
    assert (code == 0) == ("uid=" in told)
