"""Builds keep whose a file is, and what a user may do with it, where the machine grants several ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.frontend import BUILDKIT, CLASSIC, Frontend
from helpers.localcloud.containers.engine import Session
from helpers.localcloud.containers.sandboxes.container import Mount

from .building import BASE, Context

pytestmark = pytest.mark.usefixtures("users")


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Cloud:
    return shared_cloud


def test_a_build_keeps_owners_and_rights(context: Context) -> None:
    context.write("file", "x")
    context.build(
        f"FROM {BASE}\n"
        "COPY --chown=node file /app/copied\n"
        "RUN chown -R node:node /app && mkdir -m 700 /closed && chown 4711 /closed\n"
        "USER node\n"
        "RUN touch /app/made && ls -n /app && id -u\n"
        "USER 4711\n"
        "RUN touch /closed/in && ls -n /closed\n"
        "USER root\n"
        "COPY file /closed/copied\n"
        "RUN ls -nd /closed /closed/* && cat /closed/copied\n"
    )
    listed = [line.split() for line in context.log if line[:1] in "d-" and line[1:2] in "rw-"]
    assert [(line[2], line[3], line[-1]) for line in listed] == [
        ("1000", "1000", "copied"),
        ("1000", "1000", "made"),
        ("4711", "0", "in"),
        ("4711", "0", "/closed"),
        ("0", "0", "/closed/copied"),
        ("4711", "0", "/closed/in"),
    ]
    assert "1000" in context.log
    code, text = context.run("sh", "-c", "id -u; ls -n /app/made")
    assert code == 0
    assert text.splitlines()[-1].split()[2:4] == ["1000", "1000"]


def test_a_build_refuses_a_user_what_is_root_s(context: Context) -> None:
    with pytest.raises(Exception, match="returned a non-zero code: 1"):
        context.build(f"FROM {BASE}\nUSER node\nRUN touch /etc/x\n")
    assert any("Permission denied" in line for line in context.log)


def test_many_layers_keep_their_owners(context: Context) -> None:
    context.write("file", "x")
    copies = "".join(f"COPY --chown={n}:{n} file /a{n}\n" for n in range(1, 30))
    context.build(f"FROM {BASE}\n{copies}COPY file /a3\nRUN ls -n /a*\n")
    listed = {line.split()[-1]: line.split()[2] for line in context.log if line.startswith("-rw")}
    assert listed == {f"/a{n}": "0" if n == 3 else str(n) for n in range(1, 30)}


def test_a_build_reads_what_a_user_of_a_step_has_closed(
    session: Session, cloud: Cloud, folder: Path
) -> None:
    context = Context(folder, session, cloud)
    (folder / "sub").mkdir()
    script = (
        "cd /workspace/sub; echo secret > f; mkdir d; echo more > d/g;"
        "chown -R node .; chmod 700 d; chmod 600 f"
    )
    mounts = (Mount(folder, "/workspace"),)
    assert context.run("sh", "-c", script, image=BASE, mounts=mounts)[0] == 0
    context.build(f"FROM {BASE}\nCOPY sub /sub/\nRUN cat /sub/f /sub/d/g && ls -n /sub\n")
    assert {"secret", "more"} <= set(context.log)
    listed = [line.split() for line in context.log if line[:3] in {"-rw", "drw"}]
    assert [(line[0][:10], line[2]) for line in listed] == [
        ("drwx------", "0"),
        ("-rw-------", "0"),
    ]


@pytest.mark.parametrize("frontend", [CLASSIC, BUILDKIT])
@pytest.mark.parametrize(
    ("owner", "kept"),
    [
        ("4294967295:4294967295", (0, 0)),
        ("4294967296:4294967303", (0, 7)),
        ("4294967294:5", (4294967294, 5)),
    ],
)
def test_owners_are_what_the_kernel_makes_of_them(
    context: Context, frontend: Frontend, owner: str, kept: tuple[int, int]
) -> None:
    context.write("file", "x")
    made = context.build(f"FROM {BASE}\nCOPY --chown={owner} file /x\n", frontend=frontend)
    assert context.entry(made, "x")[1:] == kept
