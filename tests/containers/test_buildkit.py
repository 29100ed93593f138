"""BuildKit: here-documents, mounts, secrets, named contexts, what is built at all, and its log."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.frontend import BUILDKIT, NEWEST, Frontend
from helpers.localcloud.containers.build.resources import Resources
from helpers.localcloud.containers.errors import BuildError
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.containers.networks import BRIDGE
from helpers.localcloud.root_folder import RootFolder
from tests.containers.building import BASE, Context

SECRET = "the-secret-value-4711"
LLB = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Cloud:
    return shared_cloud


def built(context: Context, text: str, frontend: Frontend = BUILDKIT, **options: Any) -> None:
    context.build(f"FROM {BASE}\n{text}", frontend=frontend, **options)


def refused(context: Context, text: str, frontend: Frontend = BUILDKIT, **options: Any) -> str:
    with pytest.raises(BuildError) as raised:
        built(context, text, frontend, **options)
    return raised.value.message


def shown(context: Context, path: str) -> str:
    return context.run("cat", path)[1]


def test_here_documents(context: Context) -> None:
    built(
        context,
        "ENV A=1\n"
        "RUN <<EOF\necho one $A > /one\necho two >> /one\nEOF\n"
        "RUN <<script.sh\n#!/bin/sh\necho by $0 > /two\nscript.sh\n"
        "RUN cat <<x > /three && cat <<'y' > /four\nin $A\nx\nas $A\ny\n"
        "COPY <<a.txt <<'b.txt' /files/\n$A \\$A \"$A\"\na.txt\n$A\nb.txt\n"
        "COPY <<-tabs /tabs\n\tone\n\t\ttwo\n\ttabs\n"
        "RUN echo '<<EOF' > /five\n",
    )
    assert shown(context, "/one") == "one 1\ntwo"
    assert shown(context, "/two") == "by /dev/pipes/script.sh"
    assert shown(context, "/three") == "in 1"
    assert shown(context, "/four") == "as $A"
    assert shown(context, "/files/a.txt") == '1 $A "1"'
    assert shown(context, "/files/b.txt") == "$A"
    assert shown(context, "/tabs") == "one\ntwo"
    assert shown(context, "/five") == "<<EOF"


def test_a_here_document_without_an_end_is_refused(context: Context) -> None:
    assert "unterminated here-document" in refused(context, "RUN <<EOF\necho 1\n")
    assert "EOF" in refused(context, "COPY <<EOF /x\n  EOF\n")


def test_a_cache_stays_from_build_to_build_and_is_in_no_layer(context: Context) -> None:
    text = "RUN --mount=type=cache,target=/kept,id=counter echo {} >> /kept/x && cp /kept/x /seen\n"
    built(context, text.format("one"))
    built(context, text.format("two"))
    assert shown(context, "/seen") == "one\ntwo"
    assert context.run("ls", "-a", "/kept")[1].split() == [".", ".."]


def test_a_locked_cache_is_one_builds_at_a_time(context: Context, tmp_path: Path) -> None:
    text = (
        f"FROM {BASE}\nRUN --mount=type=cache,target=/c,id=locked,sharing=locked "
        "test ! -e /c/busy && touch /c/busy && sleep 0.5 && rm /c/busy && echo {} >> /c/done "
        "&& cp /c/done /done\n"
    )
    errors: list[Exception] = []

    def build(number: int) -> None:
        folder = tmp_path / f"context-{number}"
        folder.mkdir()
        (folder / "Dockerfile").write_text(text.format(number))
        try:
            context.session.build(
                folder, tags=[f"locked:{number}"], frontend=BUILDKIT, log=lambda _line: None
            )
        except BuildError as error:
            errors.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    lengths = {context.run("wc", "-l", "/done", image=f"locked:{n}")[1][0] for n in range(3)}
    assert lengths == {"1", "2", "3"}


def test_a_secret_is_in_no_layer_no_log_no_cache_and_no_command_line(
    context: Context, cloud: Cloud
) -> None:
    resources = Resources(secrets={"key": SECRET.encode()})
    seen: list[str] = []

    def look(line: str) -> None:
        context.log.append(line)
        if "waiting" in line:
            seen.append(
                subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
            )

    context.write(
        "Dockerfile",
        f"FROM {BASE}\n"
        "RUN --mount=type=secret,id=key echo waiting; sleep 0.5; "
        "wc -c < /run/secrets/key > /length; stat -c %a /run/secrets/key > /mode\n"
        "RUN --mount=type=secret,id=key,target=/etc/own,mode=0444 wc -c < /etc/own > /own\n",
    )
    result = context.session.build(
        context.folder, tags=["test:1"], frontend=BUILDKIT, resources=resources, log=look
    )
    assert shown(context, "/length") == shown(context, "/own") == str(len(SECRET))
    assert shown(context, "/mode") == "400"
    assert seen
    assert SECRET not in "".join([*seen, *context.log])
    for layer in ImageStore(cloud).image(result.digest).layers:
        with cloud.content.open(layer["digest"]) as file:
            assert SECRET.encode() not in file.read()
    found = subprocess.run(
        ["grep", "-rl", SECRET, str(cloud.folder("build-cache").parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_a_secret_that_is_not_there(context: Context) -> None:
    built(context, "RUN --mount=type=secret,id=none test ! -e /run/secrets/none\n")
    wanted = "RUN --mount=type=secret,id=none,required=true true\n"
    assert refused(context, wanted) == "secret none not found: not found"
    wanted = "RUN --mount=type=ssh,required true\n"
    assert refused(context, wanted) == "unset ssh forward key default"


def test_a_secret_as_a_variable_since_1_10(context: Context) -> None:
    resources = Resources(secrets={"key": SECRET.encode()})
    text = "RUN --mount=type=secret,id=key,env=KEY printf %s $KEY | wc -c > /length\n"
    built(context, text, NEWEST, resources=resources)
    assert shown(context, "/length") == str(len(SECRET))
    assert "unexpected key 'env'" in refused(context, text, resources=resources)


def test_a_file_system_in_memory_has_the_size_that_it_was_given(context: Context) -> None:
    fills = "head -c 2000000 /dev/zero > /t/f"
    copies = context.session.networks.get(BRIDGE).mode == "chroot"  # where its size is no limit
    refused = "! touch /t/f 2> /dev/null" if not copies else "true"
    within = f"! {fills} 2> /said" if not copies else fills
    context.build(
        f"FROM {BASE}\n"
        f"RUN --mount=type=tmpfs,target=/t,size=1m {within} && ls /t > /names\n"
        f"RUN --mount=type=tmpfs,target=/t,size=4m {fills} && stat -c %a /t > /mode\n"
        f"RUN --mount=type=tmpfs,target=/t {fills}\n"
        f"RUN --mount=type=tmpfs,target=/t,size=100g {fills}\n"  # more than a container may have
        f"RUN --mount=type=tmpfs,target=/t,size=1m,ro {refused}\n",
        frontend=BUILDKIT,
    )
    assert (shown(context, "/names"), shown(context, "/mode")) == ("f", "755")
    if not copies:
        assert "No space left on device" in shown(context, "/said")


def test_bind_mounts_show_the_context_a_stage_and_an_image(context: Context) -> None:
    context.write("folder/file", "from the context\n")
    context.write(".dockerignore", "*.log\n")
    context.write("noise.log", "")
    context.build(
        f"FROM {BASE} AS made\nRUN mkdir /out && echo from a stage > /out/file\n"
        f"FROM {BASE}\n"
        "RUN --mount=target=/in cp /in/folder/file /one && ls /in > /names\n"
        "RUN --mount=type=bind,from=made,source=/out,target=/in cp /in/file /two\n"
        "RUN --mount=type=bind,target=/in,rw echo changed > /in/folder/file\n"
        "RUN --mount=type=bind,source=folder/file,target=/etc/file cp /etc/file /three\n"
        "RUN --mount=type=bind,target=/in ! touch /in/new\n",
        frontend=BUILDKIT,
    )
    assert shown(context, "/one") == shown(context, "/three") == "from the context"
    assert shown(context, "/two") == "from a stage"
    assert "noise.log" not in shown(context, "/names")
    assert (context.folder / "folder/file").read_text() == "from the context\n"


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("type=cache,target=/", 'invalid mount target "/"'),
        ("type=cache,target=/a/..", 'invalid mount target "/"'),
        ("type=zork,target=/x", 'unsupported mount type "zork"'),
        ("type=cache,target=/x,sharing=all", 'unsupported sharing value "all"'),
        ("type=bind,target=/x,mode=0700", 'mode not allowed for "bind" type mounts'),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("type=cache,target=/x,size=1", "unexpected key 'size' for mount type 'cache'"),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("type=bind,from=$X,target=/x", "'from' doesn't support variable expansion"),
    ],
)
def test_a_mount_that_is_none_is_refused_before_anything_runs(
    context: Context, mount: str, message: str
) -> None:
    assert message in refused(context, f"RUN echo ran\nRUN --mount={mount} true\n")
    assert not any("RUN echo ran" in line and line.startswith("#") for line in context.log)


def test_a_mount_of_what_is_missing_is_refused(context: Context) -> None:
    assert "not found" in refused(context, "RUN --mount=type=bind,source=no,target=/x true\n")
    assert "nowhere" in refused(context, "RUN --mount=type=bind,from=nowhere,target=/x true\n")
    for name in ("one.txt", "two.txt"):
        context.write(name, name)
    for source in ("*.txt", "on?.txt"):
        text = f"RUN --mount=type=bind,source={source},target=/x true\n"
        assert f"stat {source}: file does not exist" in refused(context, text)
    context.write("*.txt", "a star")
    built(context, "RUN --mount=type=bind,source=*.txt,target=/x cp /x /star\n")
    assert shown(context, "/star") == "a star"


def test_network_and_security(context: Context) -> None:
    built(context, "RUN --network=none tail -n +3 /proc/net/dev | cut -d: -f1 > /net\n")
    assert shown(context, "/net").split() == ["lo"]
    assert "network.host is not allowed" in refused(context, "RUN --network=host true\n")
    text = "RUN --security=insecure true\n"
    assert "Unknown flag: security" in refused(context, text)
    assert "security.insecure is not allowed" in refused(context, text, Frontend((1, 5), labs=True))


def test_a_stage_that_nothing_needs_is_not_built(context: Context) -> None:
    context.build(
        f"FROM no-such-image:1 AS unused\nRUN false\nFROM {BASE} AS used\nRUN echo 1 > /x\n"
        f"FROM {BASE}\nCOPY --from=used /x /y\n",
        frontend=BUILDKIT,
    )
    assert shown(context, "/y") == "1"
    assert "unused" not in "".join(context.log)


def test_experimental_flags_need_their_version(context: Context) -> None:
    context.write("a/b/c.txt", "1\n")
    context.write("a/b/d.md", "2\n")
    text = f"FROM {BASE}\nCOPY --parents --exclude=*.md a/b /all/\n"
    with pytest.raises(BuildError, match="Unknown flag: parents"):
        context.build(text, frontend=BUILDKIT)
    with pytest.raises(BuildError, match="Unknown flag: parents"):
        context.build(f"# syntax=docker/dockerfile:1.7\n{text}", frontend=BUILDKIT)
    context.build(f"# syntax=docker/dockerfile:1.7-labs\n{text}", frontend=BUILDKIT)
    assert context.run("ls", "/all/a/b")[1] == "c.txt"


def test_variables_of_a_version(context: Context) -> None:
    text = "ENV V=v1.2.3\nENV A=${V#v} B=${V%.*} C=${V/./-} D=${V//./-} E=${X-none}\n"
    assert "missing ':' in substitution" in refused(context, text)
    result = context.build(f"# syntax=docker/dockerfile:1\nFROM {BASE}\n{text}", frontend=BUILDKIT)
    found = dict(one.split("=", 1) for one in context.config(result)["Env"])
    assert [found[name] for name in "ABCDE"] == ["1.2.3", "v1.2", "v1-2.3", "v1-2-3", "none"]


@pytest.mark.parametrize("image", ["docker/dockerfile:2", "docker/dockerfile:1.99", "acme/own:1"])
def test_a_frontend_that_is_not_known_is_refused_by_name(context: Context, image: str) -> None:
    with pytest.raises(BuildError, match=re.escape(image)):
        context.build(f"# syntax={image}\nFROM {BASE}\n", frontend=BUILDKIT)


def test_named_contexts(context: Context, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("other\n")
    resources = Resources(contexts={"more": RootFolder(tmp_path / "other"), "pinned": BASE})
    context.build(
        "FROM pinned\nCOPY --from=more file /file\n", frontend=BUILDKIT, resources=resources
    )
    assert shown(context, "/file") == "other"


def test_the_log_is_buildkits(context: Context) -> None:
    context.write("file", "1\n")
    context.build(f"FROM {BASE}\nCOPY file /file\nRUN echo hello; echo there\n", frontend=BUILDKIT)
    text = "\n".join(re.sub(r"\d+\.\d+s?(?= |$)", "T", line) for line in context.log)
    for part in (
        "#1 [internal] load build definition from Dockerfile\n#1 transferring dockerfile: ",
        "\n\n#2 [internal] load .dockerignore\n",
        f"\n\n#3 [internal] load metadata for docker.io/library/{BASE}\n#3 DONE T\n",
        f"\n\n#5 [1/3] FROM docker.io/library/{BASE}\n",
        "\n\n#6 [2/3] COPY file /file\n#6 DONE T\n",
        "\n\n#7 [3/3] RUN echo hello; echo there\n#7 T hello\n#7 T there\n#7 DONE T\n",
        "\n\n#8 exporting to image\n",
        "naming to docker.io/library/test:1 done",
    ):
        assert part in text
    context.build(f"FROM {BASE}\nCOPY file /file\nRUN echo hello; echo there\n", frontend=BUILDKIT)
    assert context.log.count("#6 CACHED") == context.log.count("#7 CACHED") == 1


def test_a_failure_shows_its_output_and_its_line(context: Context) -> None:
    message = refused(context, "RUN echo first\nRUN echo before; exit 7\n")
    assert message == "executor failed running [/bin/sh -c echo before; exit 7]: exit code: 7"
    text = "\n".join(context.log)
    assert "ERROR: executor failed running [/bin/sh -c echo before; exit 7]: exit code: 7" in text
    assert " > [3/3] RUN echo before; exit 7:\n" in text
    assert "Dockerfile:3\n--------------------\n" in text
    assert "   3 | >>> RUN echo before; exit 7" in text


def test_link_knows_nothing_of_what_is_below(context: Context) -> None:
    context.write("file", "1\n")
    built(context, "RUN mkdir /real && ln -s /real /link\nCOPY --link file /link/file\n")
    assert context.run("ls", "/real")[1] == ""
    assert shown(context, "/link/file") == "1"
    told = (
        "there is no /etc/passwd for nobody: scratch has none, and --link sees none. Write a number"
    )
    assert told in refused(context, "COPY --link --chown=nobody file /file\n")
