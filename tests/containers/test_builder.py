"""Images are really built: every instruction, the cache, the log, the errors."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.build_cache import BuildCache
from helpers.localcloud.containers.build.builder import BuildResult
from helpers.localcloud.containers.engine import Engine, Session, human_size
from helpers.localcloud.containers.errors import BuildError
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.containers.sandboxes.container import ContainerTimeoutError
from helpers.localcloud.errors import CloudError
from helpers.localcloud.registry.credentials import Credential

BASE = "node:15-alpine"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("builder"))
    yield cloud
    cloud.close()


@pytest.fixture
def session(cloud: Cloud) -> Iterator[Session]:
    session = Engine(cloud).session()
    yield session
    session.close()


class Context:
    """A folder to build from, and the log of the last build."""

    def __init__(self, folder: Path, session: Session, cloud: Cloud) -> None:
        self.folder = folder
        self.session = session
        self.cloud = cloud
        self.log: list[str] = []

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def build(self, dockerfile: str, *, tag: str = "test:1", **options: Any) -> BuildResult:
        self.write("Dockerfile", dockerfile)
        self.log = []
        return self.session.build(self.folder, tags=[tag], log=self.log.append, **options)

    def run(self, *argv: str, image: str = "test:1", **options: Any) -> tuple[int, str]:
        lines: list[str] = []
        code = self.session.run(
            image, arguments=list(argv), log=lines.append, timeout=20, **options
        )
        assert isinstance(code, int)
        return code, "\n".join(lines)

    def entry(self, result: BuildResult, path: str) -> tuple[int, int, int]:
        """Mode, user and group of a path in the topmost layer that has it."""
        for layer in reversed(ImageStore(self.cloud).image(result.digest).layers):
            with (
                self.cloud.content.open(layer["digest"]) as file,
                tarfile.open(fileobj=file) as tar,
            ):
                if path in tar.getnames():
                    member = tar.getmember(path)
                    return member.mode, member.uid, member.gid
        raise AssertionError(path)

    def config(self, result: BuildResult) -> dict[str, Any]:
        return dict(ImageStore(self.cloud).image(result.digest).settings)


@pytest.fixture
def context(tmp_path: Path, session: Session, cloud: Cloud) -> Context:
    folder = tmp_path / "context"
    folder.mkdir()
    return Context(folder, session, cloud)


def test_the_log_is_the_classic_builders(context: Context) -> None:
    context.write("file", "hello\n")
    context.build(f"FROM {BASE}\nCOPY file /x/\nRUN cat /x/file\nCMD cat /x/file\n")
    text = "\n".join(context.log)
    assert context.log[0] == "Sending build context to Docker daemon  3.072kB"
    for line in (
        f"Step 1/4 : FROM {BASE}",
        "15-alpine: Pulling from library/node",
        f"Status: Downloaded newer image for {BASE}",
        "Step 2/4 : COPY file /x/",
        "Step 3/4 : RUN cat /x/file",
        " ---> Running in ",
        "hello",
        "Removing intermediate container ",
        "Successfully built ",
        "Successfully tagged test:1",
    ):
        assert line in text
    assert context.run()[1] == "hello"


def test_same_input_same_digest_and_cache(context: Context, cloud: Cloud) -> None:
    text = f"FROM {BASE}\nARG A=1\nCOPY file /x\nRUN echo $A > /y; date > /dev/null\nENV B=$A\n"
    context.write("file", "hello\n")
    first = context.build(text)
    again = context.build(text)
    assert context.log.count(" ---> Using cache") == 4
    fresh = context.build(text, no_cache=True)
    assert " ---> Using cache" not in context.log
    other = Engine(cloud).session()
    (context.folder / "file").touch()
    assert other.build(context.folder, log=context.log.append).digest == first.digest
    other.close()
    assert first.digest == again.digest == fresh.digest
    changed = context.build(text, build_args={"A": "2"})
    assert changed.digest != first.digest
    assert context.run("cat", "/y")[1] == "2"
    context.write("file", "other\n")
    assert context.build(text).digest != first.digest


def test_every_setting_reaches_the_image(context: Context) -> None:
    result = context.build(
        f"""FROM {BASE}
LABEL a=b "c d"="e f"
ENV X=1 Y="two words"
ENV OLD old form
WORKDIR /work
WORKDIR a/../sub/
EXPOSE 80 443/UDP 8000-8001
VOLUME ["/data"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --start-interval=5s --retries=2 CMD test -f /x
SHELL ["/bin/sh", "-ec"]
USER 1000:1000
MAINTAINER somebody
ENTRYPOINT ["printf", "%s-"]
CMD ["a", "b"]
"""
    )
    config = context.config(result)
    assert (config["Labels"]["a"], config["Labels"]["c d"]) == ("b", "e f")
    assert {"X=1", "Y=two words", "OLD=old form"} <= set(config["Env"])
    assert config["WorkingDir"] == "/work/sub"
    assert sorted(config["ExposedPorts"]) == ["443/udp", "80/tcp", "8000/tcp", "8001/tcp"]
    assert config["Volumes"] == {"/data": {}}
    assert (config["StopSignal"], config["User"]) == ("SIGINT", "1000:1000")
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "test -f /x"],
        "Interval": 30_000_000_000,
        "StartInterval": 5_000_000_000,
        "Retries": 2,
    }
    assert config["Shell"] == ["/bin/sh", "-ec"]
    code, output = context.run()
    assert code == 0
    assert output.splitlines()[-1] == "a-b-"


def test_copy(context: Context) -> None:
    for name in ("a.txt", "b.txt", "folder/c.txt", "folder/deep/d.txt", "ignored/e.txt"):
        context.write(name, name)
    context.write("run.sh", "#!/bin/sh\necho ran\n", 0o755)
    context.write(".dockerignore", "# comment\nignored\n**/deep\n!folder/deep\n")
    (context.folder / "link").symlink_to("a.txt")
    context.build(
        f"""FROM {BASE}
WORKDIR /w
COPY *.txt texts/
COPY folder copied
COPY --chmod=600 a.txt /renamed
COPY ["a.txt", "run.sh", "/many/"]
COPY . all/
COPY <<one <<two /docs/
ENV is $PATH
one
second
two
"""
    )
    code, output = context.run("find", "/w", "/many", "/renamed", "/docs", "-type", "f")
    assert code == 0
    assert set(output.split()) == {
        *("/w/texts/a.txt", "/w/texts/b.txt", "/w/copied/c.txt", "/w/copied/deep/d.txt"),
        *("/many/a.txt", "/many/run.sh", "/renamed", "/docs/one", "/docs/two"),
        *("/w/all/a.txt", "/w/all/b.txt", "/w/all/folder/c.txt", "/w/all/folder/deep/d.txt"),
        *("/w/all/run.sh", "/w/all/Dockerfile", "/w/all/.dockerignore"),
    }
    assert context.run("/many/run.sh")[1] == "ran"
    assert context.run("cat", "/w/all/link")[1] == "a.txt"
    assert "ENV is /usr/local/sbin" in context.run("cat", "/docs/one")[1]
    assert context.run("sh", "-c", "ls -l /renamed | cut -c1-10")[1] == "-rw-------"


def test_links_of_the_context_are_followed(context: Context) -> None:
    context.write("folder/file", "text")
    (context.folder / "link").symlink_to("folder")
    context.build(f"FROM {BASE}\nCOPY link /whole\nCOPY link/file /one\nCOPY link/f* /some/\n")
    assert context.run("cat", "/whole/file", "/one", "/some/file")[1] == "text" * 3


def test_what_is_ignored_cannot_be_copied(context: Context) -> None:
    context.write("a", "a")
    context.write("b", "b")
    context.write(".dockerignore", "Dockerfile\n.dockerignore\na\n")
    (context.folder / "alias").symlink_to("a")
    context.build(f"FROM {BASE}\nCOPY . /all\n")
    assert context.run("sh", "-c", "ls -A /all")[1].split() == ["alias", "b"]
    with pytest.raises(BuildError, match=r"excluded by \.dockerignore: stat a"):
        context.build(f"FROM {BASE}\nCOPY alias /x\n")
    context.write("Dockerfile.dockerignore", "b\nDockerfile*\n")
    context.build(f"FROM {BASE}\nCOPY . /all\n")
    assert context.run("sh", "-c", "ls -A /all")[1].split() == [".dockerignore", "a", "alias"]


def test_the_time_for_an_ignore_file_grows_with_its_length(context: Context) -> None:
    """Of ten stars a backtracking engine tries every way to share a path between them."""
    deep = "/".join("abcdefghijklmnopqrstuvwxyz")
    context.write(f"{deep}/file", "text")
    context.write(".dockerignore", "**/" * 30 + "nothing\n" + "*a" * 200 + "\nignored\n")
    context.write("ignored/file", "")
    started = time.process_time()
    context.build(f"FROM {BASE}\nCOPY . /all\n")
    assert time.process_time() - started < 20
    assert context.run("cat", f"/all/{deep}/file")[1] == "text"
    assert context.run("ls", "/all")[1].split() == ["Dockerfile", "a"]


def test_a_pattern_of_an_ignore_file_that_cannot_be_read_is_named(context: Context) -> None:
    context.write(".dockerignore", "[z-a]\n")
    with pytest.raises(BuildError, match=r"pattern of \.dockerignore: \[z-a\]"):
        context.build(f"FROM {BASE}\nCOPY . /all\n")


def test_the_dockerfile_lies_in_the_context(context: Context) -> None:
    secret = context.folder.parent / "secret"
    secret.write_text("hidden")
    (context.folder / "Linked").symlink_to(secret)
    for name in ("Linked", "../secret"):
        with pytest.raises(BuildError, match="must be within the build context") as raised:
            context.session.build(context.folder, dockerfile=name, log=context.log.append)
        assert "hidden" not in str(raised.value)


def test_add_unpacks_local_archives(context: Context) -> None:
    with tarfile.open(context.folder / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("in/file")
        member.size, member.uid, member.gid = 4, 12, 34
        archive.addfile(member, io.BytesIO(b"text"))
    result = context.build(
        f"FROM {BASE}\nADD a.tar.gz /unpacked/\nCOPY a.tar.gz /kept/\n"
        "ADD --chown=5:6 a.tar.gz /mine/\n"
    )
    assert context.run("cat", "/unpacked/in/file")[1] == "text"
    assert context.run("ls", "/kept")[1] == "a.tar.gz"
    assert context.entry(result, "unpacked/in/file")[1:] == (12, 34)
    assert context.entry(result, "mine/in/file")[1:] == (5, 6)
    assert list(context.cloud.folder("sandbox").glob("add-*")) == []


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../outside", tarfile.REGTYPE, ""),
        ("in/../../outside", tarfile.REGTYPE, ""),
        ("in/../../../outside", tarfile.DIRTYPE, ""),
        ("hard", tarfile.LNKTYPE, "../outside"),
        ("hard", tarfile.LNKTYPE, "../../../../../../etc/passwd"),
    ],
)
def test_add_of_an_archive_that_would_leave_its_folder_is_refused(
    context: Context, name: str, kind: bytes, target: str
) -> None:
    with tarfile.open(context.folder / "a.tar", "w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member, io.BytesIO())
    with pytest.raises(BuildError, match=r"Dockerfile:2: .*a\.tar "):
        context.build(f"FROM {BASE}\nADD a.tar /x/\n")
    assert not list(context.cloud.home.rglob("outside"))
    assert list(context.cloud.folder("sandbox").glob("add-*")) == []


def test_add_of_an_archive_follows_its_links_inside_the_image_only(context: Context) -> None:
    with tarfile.open(context.folder / "a.tar", "w") as archive:
        for name, target in (("file", ""), ("away", "/"), ("up", "../../../../..")):
            member = tarfile.TarInfo(name)
            member.type = tarfile.SYMTYPE if target else tarfile.REGTYPE
            member.linkname = target
            archive.addfile(member)
        for link in ("away", "up"):
            member = tarfile.TarInfo(f"{link}/etc/{context.folder.parent.name}-{link}")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"text"))
    context.build(f"FROM {BASE}\nADD a.tar /x/\n")
    assert context.run("ls", "/x")[1].split()[0] == "away"
    assert not list(Path("/etc").glob(f"{context.folder.parent.name}-*"))


def test_add_of_a_damaged_archive_names_it(context: Context) -> None:
    with tarfile.open(context.folder / "a.tar", "w") as archive:
        member = tarfile.TarInfo("file")
        member.size = 100_000
        archive.addfile(member, io.BytesIO(bytes(100_000)))
    whole = (context.folder / "a.tar").read_bytes()
    (context.folder / "a.tar").write_bytes(whole[:5000])
    with tarfile.open(context.folder / "b.tar", "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.LNKTYPE, "missing"
        archive.addfile(member)
    for name in ("a.tar", "b.tar"):
        with pytest.raises(BuildError, match=f"Dockerfile:2: .*{name} is a damaged archive: "):
            context.build(f"FROM {BASE}\nADD {name} /x/\n")


def test_modes_and_owners_are_docker_s(context: Context) -> None:
    context.write("key", "secret", 0o600)
    context.write("folder/deep/file", "text")
    result = context.build(
        f"""FROM {BASE} AS builder
RUN mkdir -p /out && mkdir -m 1777 /out/shared && mkdir -m 700 /out/own && echo x > /out/own/x \\
 && chmod 4710 /out/own/x && echo u:x:1000:1000::/srv/u:/bin/sh >> /etc/passwd
FROM builder
COPY key /key
COPY --from=builder /out /copied
COPY --chown=1000:1000 key /srv/u/new/key
COPY --chmod=750 folder /modes
COPY key /srv/u/new/second
RUN echo more >> /srv/u/new/key && echo roots > /srv/u/new/roots
USER u
RUN echo mine > /srv/u/new/mine && ln /srv/u/new/mine /srv/u/new/same
"""
    )
    for path, expected in {
        "key": (0o600, 0, 0),
        "copied/shared": (0o1777, 0, 0),
        "copied/own": (0o700, 0, 0),
        "copied/own/x": (0o4710, 0, 0),
        "modes": (0o755, 0, 0),
        "modes/deep": (0o750, 0, 0),
        "modes/deep/file": (0o750, 0, 0),
        "srv/u/new": (0o755, 1000, 1000),
        "srv/u/new/key": (0o600, 1000, 1000),
        "srv/u/new/second": (0o600, 0, 0),
        "srv/u/new/roots": (0o644, 0, 0),
        "srv/u/new/mine": (0o644, 1000, 1000),
    }.items():
        assert context.entry(result, path) == expected, path
    assert context.run("stat", "-c", "%h", "/srv/u/new/same", image="test:1")[1][-1] == "2"
    (context.folder / "key").chmod(0o644)
    assert context.build((context.folder / "Dockerfile").read_text()).digest != result.digest


def test_what_root_has_closed_is_packed_all_the_same(context: Context) -> None:
    context.build(
        f"FROM {BASE}\nRUN mkdir /shut && echo text > /shut/file && chmod 0 /shut/file /shut\n"
        "RUN cat /shut/file && stat -c %a /shut /shut/file\n"
    )
    assert context.log[-7:-4] == ["text", "0", "0"]


def test_stages_targets_and_what_they_are_based_on(context: Context) -> None:
    text = """ARG TAG=15-alpine
FROM node:$TAG AS base
FROM base AS builder
RUN mkdir /out && echo built > /out/file && ln -s file /out/link
FROM scratch AS empty
COPY --from=builder /out /out
FROM base
ARG TAG
COPY --from=builder /out/ /app/
COPY --from=empty /out/file /second
RUN echo $TAG > /tag
"""
    result = context.build(text, build_args={"TAG": "15"})
    assert context.run("cat", "/app/link", "/second", "/tag")[1] == "built\nbuilt\n15"
    assert result.runtime is not None
    assert (result.runtime.reference, result.buildtime) == ("node:15", ())
    assert result.runtime.digest.startswith("sha256:")
    for target in ("builder", "BUILDER", "1"):
        context.build(text, target=target, tag="test:2")
        assert context.run("cat", "/out/file", image="test:2")[1] == "built"
        assert "Step 6/11" not in "\n".join(context.log)


def test_run_forms_arguments_and_deletions(context: Context) -> None:
    context.build(
        f"""FROM {BASE}
ARG WORD=default
ENV FIXED=env
ARG FIXED=arg
RUN echo "$WORD $FIXED" > /shell
RUN ["sh", "-c", "echo exec > /exec"]
RUN <<EOF
echo one > /here
echo two >> /here
EOF
RUN <<EOF
#!/usr/bin/env node
require('fs').writeFileSync('/node', process.argv[1])
EOF
RUN X=2 && echo $((1<<X)) > /shift
ARG TARGETPLATFORM
RUN echo "$TARGETPLATFORM" > /platform
RUN --network=none env > /without
RUN rm /etc/nsswitch.conf && rm -r /srv && mkdir /srv && touch /srv/new
"""
    )
    written = context.run("cat", "/node", "/shift", "/platform")[1]
    assert written == "/dev/pipes/EOF4\nlinux/amd64"
    assert "PROXY" not in context.run("cat", "/without")[1]
    assert context.run("cat", "/shell", "/exec", "/here")[1] == "default env\nexec\none\ntwo"
    assert context.run("ls", "/etc/nsswitch.conf")[0] != 0
    assert context.run("ls", "/srv")[1] == "new"
    assert "WORD" not in context.run("env")[1]


def test_on_build_runs_in_the_image_that_is_built_on_it(context: Context) -> None:
    context.write("file", "text")
    context.build(f"FROM {BASE}\nONBUILD COPY file /onbuild\nONBUILD ENV ON=1\n", tag="parent:1")
    assert context.run("ls", "/onbuild", image="parent:1")[0] != 0
    context.build("FROM parent:1\n")
    assert "# Executing 2 build triggers" in context.log
    assert context.run("sh", "-c", "cat /onbuild; echo $ON")[1] == "text1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM {}\nFOO bar", "Dockerfile:2: .*unknown instruction: FOO"),
        (
            "FROM {}\nCOPY missing /x",
            "Dockerfile:2: COPY missing /x: file not found in build context",
        ),
        ("FROM {}\nCOPY ../secret /x", "Dockerfile:2: .*forbidden path outside the build context"),
        ("FROM {}\nCOPY leak /x", "Dockerfile:2: .*forbidden path outside the build context"),
        ("FROM {}\nCOPY secret-folder/ /x", "forbidden path outside the build context"),
        ("FROM {}\nCOPY *.none /x", "nothing matches"),
        ("FROM {}\nCOPY a b /x", "must be a directory and end with a /"),
        ("FROM {}\nADD https://example.org/x /x", "nothing leaves this machine"),
        ("FROM {}\nRUN echo before; exit 3", "echo before; exit 3' returned a non-zero code: 3"),
        ("FROM {}\nCOPY --from=7 a /x", "invalid from flag value 7"),
        ("FROM {}\nCOPY --chmod=abc a /x", "should be octal"),
        ("FROM {}\nCOPY --chown=nobody-here a /x", "unable to find user nobody-here"),
        ("FROM {}\nEXPOSE eighty", "invalid containerPort"),
        ("FROM {}\nENV A", "A needs a value"),
        ("FROM {}\nSHELL /bin/sh", "SHELL requires"),
        ("FROM {}\nONBUILD FROM x", "isn't allowed as an ONBUILD trigger"),
        ("FROM {}\nRUN --mount=type=cache,target=/x true", "requires BuildKit"),
        ("FROM --platform=windows/amd64 {}", "builds for linux/amd64 only"),
        ("FROM node:nothing", "Dockerfile:1: .*manifest for node:nothing not found"),
        ("FROM nowhere.azurecr.io/a:1", "there is no registry nowhere.azurecr.io"),
        ("FROM ghcr.io/a/b:1", "the local cloud refuses ghcr.io"),
        ("ARG X\nFROM $X", "should not be blank"),
        ("FROM {} AS", "either one or three arguments"),
        ("FROM {} AS 1a", "Dockerfile:1: .*invalid name for build stage: '1a'"),
        ("FROM {0} AS a\nFROM {0} AS A", "Dockerfile:2: .*a stage name already used"),
        ("FROM {} AS a\nCOPY --from=b /x /", "Dockerfile:2: .*manifest for b:latest not found"),
        ("FROM {}\nCOPY leaking/secret /x", "forbidden path outside the build context: leaking"),
        ("FROM {}\nCOPY loop /x", "Dockerfile:2: .*symbolic links"),
        ("FROM {}\nCOPY folder /etc/passwd", "cannot copy to non-directory: /etc/passwd"),
        ("FROM {}\nWORKDIR /etc/passwd", "not a directory"),
        ("FROM {}\nHEALTHCHECK --retries=x CMD true", "Dockerfile:2: .*must be a number"),
        ("FROM {}\nHEALTHCHECK --interval=x CMD true", "invalid duration 'x'"),
        ("FROM {}\nSTOPSIGNAL NOPE", "Invalid signal: NOPE"),
        ("FROM {}\nEXPOSE 80/http", "invalid proto: http"),
        ("FROM {}\nEXPOSE 90-80", "invalid containerPort"),
        ('FROM {}\nVOLUME [""]', "can not be an empty string"),
        ("FROM {}\nENV =x", "names can not be blank"),
        ("FROM {}\nRUN []", "Dockerfile:2: .*no command to run"),
        ("FROM {}\nRUN echo \0", "Dockerfile:2: .*zero byte"),
    ],
)
def test_bad_input_names_file_line_and_reason(context: Context, text: str, message: str) -> None:
    context.write("a", "a")
    context.write("b", "b")
    secret = context.folder.parent / "secret"
    secret.write_text("secret")
    (context.folder / "leak").symlink_to(secret)
    (context.folder / "secret-folder").symlink_to(context.folder.parent)
    (context.folder / "leaking").symlink_to(context.folder.parent)
    (context.folder / "loop").symlink_to("loop")
    context.write("folder/file", "a")
    with pytest.raises(BuildError, match=message):
        context.build(text.format(BASE) + "\n")
    assert context.session.images.inspect("test:1") is None


def test_a_volume_is_there(context: Context) -> None:
    context.build(f'FROM {BASE}\nVOLUME /data ["/d"]\nVOLUME /data\nRUN echo x > /data/file\n')
    assert context.run("sh", "-c", "touch /data/new && ls /data")[1] == "file\nnew"


def test_an_image_may_have_as_many_layers_as_docker_s(context: Context) -> None:
    steps = [f"RUN echo {n} > /n{n} && rm -f /n{n - 1}" for n in range(50)]
    steps[5] = "RUN mkdir /shut && echo 5 > /n5 && chmod 555 /shut"
    steps[6] = "RUN touch /shut/file && echo 6 > /n6"
    context.build("\n".join([f"FROM {BASE}", *steps, "RUN rm /n5"]))
    assert context.run("sh", "-c", "echo /n* /shut/*; stat -c %a /shut")[1] == (
        "/n4 /n49 /shut/file\n555"
    )


def test_an_artifact_is_no_image(context: Context) -> None:
    content = context.cloud.content
    empty, layer = content.put(b"{}"), content.put(b"text")
    digest = content.put(
        json.dumps(
            {"schemaVersion": 2, "config": {"digest": empty}, "layers": [{"digest": layer}]}
        ).encode()
    )
    with pytest.raises(CloudError, match="is not an image that can be run"):
        ImageStore(context.cloud).image(digest)


def test_an_unknown_target_and_unused_arguments(context: Context) -> None:
    with pytest.raises(BuildError, match="failed to reach build target nope"):
        context.build(f"FROM {BASE}\n", target="nope")
    context.build(f"FROM {BASE}\n", build_args={"UNUSED": "1", "HTTP_PROXY": "x"})
    assert "[Warning] One or more build-args [UNUSED] were not consumed" in context.log


def test_an_image_without_a_command_says_so(context: Context) -> None:
    context.write("a", "a")
    context.build("FROM scratch\nCOPY a /a\n")
    with pytest.raises(CloudError, match="No command specified"):
        context.run()
    code, output = context.run("nothing-here")
    assert code == 127
    assert "executable file not found" in output


def test_timeout_detach_and_close(session: Session) -> None:
    with pytest.raises(ContainerTimeoutError):
        session.run(BASE, arguments=["sleep", "30"], log=print, timeout=0.3)
    detached = session.run(BASE, arguments=["sleep", "30"], log=print, detach=True, name="sleeper")
    assert not isinstance(detached, int)
    assert list(session.containers()) == ["sleeper"]
    session.close()
    assert detached.wait(5) is not None


def test_containers_of_a_session_reach_one_another_by_name(context: Context) -> None:
    script = "require('http').createServer((q, r) => r.end('served')).listen(8080)"
    context.session.run(
        BASE, arguments=["node", "-e", script], log=print, detach=True, name="server"
    )
    ask = """const get = (n) => require('http').get('http://server:8080/', (r) =>
      r.on('data', (d) => console.log(String(d)))).on('error', (e) =>
      n ? setTimeout(get, 50, n - 1) : console.log(String(e))); get(100)"""
    assert context.run("node", "-e", ask, image=BASE)[1] == "served"


def test_a_fresh_session_knows_no_images_and_push_needs_rights(
    context: Context, session: Session
) -> None:
    assert session.images.list() == []
    with pytest.raises(CloudError, match="does not exist locally with the tag"):
        session.push("a.azurecr.io/x:1", print)
    with pytest.raises(CloudError, match="No such image: nothing"):
        session.images.tag("nothing", "other")
    context.build(f"FROM {BASE}\n", tag="docker.io/library/node:mine")
    with pytest.raises(CloudError, match="requested access to the resource is denied"):
        session.push("node:mine", print)
    with pytest.raises(CloudError, match="user name or password for docker.io is wrong"):
        session.login("docker.io", Credential("somebody", "wrong"))
    found = session.images.inspect("node:mine")
    assert found is not None
    json.dumps(found)
    assert "node:mine" in found["RepoTags"]


def test_sizes_are_printed_as_docker_does() -> None:
    sizes = [human_size(n) for n in (0, 999, 3072, 14_500_000, 2e12)]
    assert sizes == ["0B", "999B", "3.072kB", "14.5MB", "2TB"]


def test_builds_side_by_side_may_be_at_the_same_instruction(cloud: Cloud) -> None:
    cache = BuildCache(cloud)
    key = cache.key("RUN", "true")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: cache.put(key, None), range(400)))
    assert cache.get(key) == (True, None)
    assert not list(cloud.folder("build-cache").glob("*.new"))
