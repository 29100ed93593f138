"""Images are really built: every instruction, the cache, the log, the errors."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.build_cache import BuildCache
from helpers.localcloud.containers.build.frontend import BUILDKIT, CLASSIC, Frontend
from helpers.localcloud.containers.engine import Engine, Session, human_size
from helpers.localcloud.containers.errors import BuildError, SandboxError
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.containers.images.local_images import parse_reference
from helpers.localcloud.containers.networks import Port
from helpers.localcloud.containers.running import Record
from helpers.localcloud.containers.sandboxes.container import ContainerTimeoutError
from helpers.localcloud.errors import CloudError
from helpers.localcloud.registry.credentials import Credential

from .building import BASE, Context


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Cloud:
    return shared_cloud


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
HEALTHCHECK --interval=30s --start-period=5s --retries=2 CMD test -f /x
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
        "StartPeriod": 5_000_000_000,
        "Retries": 2,
    }
    assert config["Shell"] == ["/bin/sh", "-ec"]
    code, output = context.run()
    assert code == 0
    assert output.splitlines()[-1] == "a-b-"


def test_the_dockerfile_lies_in_the_context(context: Context) -> None:
    secret = context.folder.parent / "secret"
    secret.write_text("hidden")
    (context.folder / "Linked").symlink_to(secret)
    for name in ("Linked", "../secret"):
        with pytest.raises(BuildError, match="must be within the build context") as raised:
            context.session.build(context.folder, dockerfile=name, log=context.log.append)
        assert "hidden" not in str(raised.value)


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
    for target in ("builder", "BUILDER"):
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
""",
        frontend=BUILDKIT,
    )
    written = context.run("cat", "/node", "/shift", "/platform")[1]
    assert written == "/dev/pipes/EOF4\nlinux/amd64"
    assert "PROXY" not in context.run("cat", "/without")[1]
    assert context.run("cat", "/shell", "/exec", "/here")[1] == "default arg\nexec\none\ntwo"
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


@pytest.mark.parametrize("frontend", [CLASSIC, BUILDKIT])
def test_what_no_dockerfile_can_have_as_a_trigger_is_refused(
    context: Context, frontend: Frontend
) -> None:
    result = context.build(f"FROM {BASE}\n")
    store = ImageStore(context.cloud)
    image = store.image(result.digest)

    def trigger(value: object) -> None:
        settings = {**image.settings, "OnBuild": value}
        made = store.commit({**image.config, "config": settings}, image.layers)
        context.session.images.name(parse_reference("odd:1"), made.digest)

    for text in ("ENV A=1\nENV B=2", "FROM scratch", "# nothing"):
        trigger([text])
        with pytest.raises(BuildError, match="onbuild trigger should be a single expression"):
            context.build("FROM odd:1\n", frontend=frontend)
    trigger(5)
    with pytest.raises(CloudError, match="'configuration.config.OnBuild' must be a list"):
        context.build("FROM odd:1\n", frontend=frontend)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM {}\nFOO bar", "Dockerfile:2: .*unknown instruction: FOO"),
        (
            "FROM {}\nCOPY missing /x",
            "Dockerfile:2: COPY missing /x: COPY failed: file not found in build context",
        ),
        ("FROM {}\nCOPY ../secret /x", "Dockerfile:2: .*forbidden path outside the build context"),
        ("FROM {}\nCOPY leak /x", "Dockerfile:2: .*forbidden path outside the build context"),
        ("FROM {}\nCOPY secret-folder/ /x", "forbidden path outside the build context"),
        ("FROM {}\nCOPY *.none /x", "nothing matches"),
        ("FROM {}\nCOPY a b /x", "must be a directory and end with a /"),
        ("FROM {}\nADD https://example.org/x /x", "nothing leaves this machine"),
        ("FROM {}\nRUN echo before; exit 3", "echo before; exit 3' returned a non-zero code: 3"),
        ("FROM {}\nCOPY --from=7 a /x", "invalid from flag value 7"),
        ("FROM {}\nCOPY --chmod=644 a /x", "the --chmod option requires BuildKit"),
        (
            "FROM {}\nCOPY --chown=nobody-here a /x",
            "can't find uid for user nobody-here: no such user: nobody-here",
        ),
        ("FROM {}\nEXPOSE eighty", "Invalid containerPort"),
        ("FROM {}\nENV A", "Dockerfile:2: failed to parse Dockerfile: ENV must have two arguments"),
        ("FROM {}\nSHELL /bin/sh", "SHELL requires"),
        ("FROM {}\nONBUILD FROM x", "isn't allowed as an ONBUILD trigger"),
        ("FROM {}\nRUN --mount=type=cache,target=/x true", "requires BuildKit"),
        ("FROM --platform=zork {}", "failed to parse platform zork"),
        ("FROM --platform=$BUILDPLATFORM {}", "only BuildKit gives automatic"),
        ("FROM node:nothing", "Dockerfile:1: .*manifest for node:nothing not found"),
        ("FROM nowhere.azurecr.io/a:1", "there is no registry nowhere.azurecr.io"),
        ("FROM ghcr.io/a/b:1", "the local cloud cannot reach ghcr.io"),
        ("ARG X\nFROM $X", "should not be blank"),
        ("FROM {} AS", "either one or three arguments"),
        ("FROM {} AS 1a", 'Dockerfile:1: .*invalid name for build stage: "1a"'),
        ("FROM {0} AS a\nFROM {0} AS A", "Dockerfile:2: .*a stage name already used"),
        ("FROM {} AS a\nCOPY --from=b /x /", "Dockerfile:2: .*manifest for b:latest not found"),
        ("FROM {}\nCOPY leaking/secret /x", "forbidden path outside the build context: leaking"),
        ("FROM {}\nCOPY loop /x", "Dockerfile:2: .*symbolic links"),
        (
            "FROM {}\nCOPY folder /etc/passwd",
            "failed to copy directory: mkdir /etc/passwd: not a directory",
        ),
        ("FROM {}\nWORKDIR /etc/passwd", "not a directory"),
        (
            "FROM {}\nHEALTHCHECK --retries=x CMD true",
            'Dockerfile:2: .*line 2: strconv.ParseInt: parsing "x"',
        ),
        ("FROM {}\nHEALTHCHECK --interval=x CMD true", 'time: invalid duration "x"'),
        ("FROM {}\nSTOPSIGNAL NOPE", "Invalid signal: NOPE"),
        ("FROM {}\nEXPOSE 80/http", "Invalid proto: http"),
        ("FROM {}\nEXPOSE 90-80", "Invalid containerPort"),
        ('FROM {}\nVOLUME [""]', "can not be an empty string"),
        ("FROM {}\nENV =x", "names can not be blank"),
        ("FROM {}\nRUN []", "Dockerfile:2: .*No command specified"),
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
    assert (
        context.run("sh", "-c", "touch /data/new && ls /data")[1] == "new"
    )  # the volume of RUN went with it


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
    sleeper = Record(BASE, [], "sleeper")
    assert session.run(BASE, arguments=["sleep", "30"], log=print, detach=True, record=sleeper) == 0
    assert [one.name for one in session.containers.all()] == ["sleeper"]
    assert sleeper.container is not None
    session.close()
    assert sleeper.container.wait(5) is not None


def test_containers_of_a_network_reach_one_another_by_name(session: Session) -> None:
    session.networks.create("ours")
    session.networks.create("theirs")
    script = "require('http').createServer((q, r) => r.end('served')).listen(8080)"
    server = Record(BASE, [], "server", "ours", ports=[Port(8000, 8080)])
    session.run(BASE, arguments=["node", "-e", script], log=print, detach=True, record=server)
    ask = """const get = (n) => require('http').get(process.argv[1], (r) =>
      r.on('data', (d) => console.log(String(d)))).on('error', (e) =>
      n ? setTimeout(get, 50, n - 1) : console.log(e.code)); get(+process.argv[2])"""

    def answer(network: str, url: str, patience: str) -> str:
        said: list[str] = []
        words = ["node", "-e", ask, url, patience]
        session.run(BASE, arguments=words, log=said.append, record=Record(BASE, [], "", network))
        return said[-1]

    assert answer("ours", "http://server:8080/", "100") == "served"
    assert answer("host", "http://localhost:8000/", "100") == "served"
    apart = session.networks.get("ours").mode == "namespaces"
    if apart:  # a chroot has the machine's network, and says so
        assert answer("theirs", "http://localhost:8080/", "0") == "ECONNREFUSED"
        assert answer("host", "http://localhost:8080/", "0") == "ECONNREFUSED"
    for network in ("theirs", "bridge", "host"):
        assert answer(network, "http://server:8080/", "0") in ("ENOTFOUND", "EAI_AGAIN")
    other = Record(BASE, [], "other", "theirs", ports=[Port(8000, 80)])
    with pytest.raises(SandboxError, match="Bind for 0.0.0.0:8000 failed: port is already alloc"):
        session.run(BASE, arguments=["true"], log=print, record=other)
    assert session.containers.find("other") is None
    for _ in range(2):  # one that could not start has let go of its port
        other = Record(BASE, [], "other", "theirs", ports=[Port(8001, 80)])
        with pytest.raises(SandboxError, match="holds a zero byte"):
            session.run(BASE, arguments=["\0"], log=print, record=other)
    server.stop(0.1)
    if apart:
        assert answer("host", "http://localhost:8000/", "0") == "ECONNREFUSED"


@pytest.mark.skipif(os.geteuid() != 0, reason="a chroot needs root")
def test_in_a_chroot_two_servers_that_expose_one_port_are_named(
    monkeypatch: pytest.MonkeyPatch, context: Context, session: Session
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        inside, outside = one.getsockname()[1], two.getsockname()[1]
    context.build(f"FROM {BASE}\nEXPOSE {inside} 9/udp\n")
    script = f"require('http').createServer((q, r) => r.end('served')).listen({inside})"
    said: dict[str, list[str]] = {"web": [], "store": [], "alone": []}
    for name, image in (("web", "test:1"), ("store", "test:1"), ("alone", BASE)):
        session.networks.create(name)
        ports = [Port(outside, inside)] if name == "web" else []
        session.run(
            image,
            arguments=["node", "-e", script if name == "web" else "setTimeout(() => 0, 60000)"],
            log=said[name].append,
            record=Record(image, [], name, name, ports=ports),
            detach=True,
        )
    told = [line for line in said["store"] if line.startswith("localcloud: web and store")]
    assert [line.partition(",")[0].split()[-1] for line in told] == [f"{inside}/tcp", "9/udp"]
    assert not [line for line in said["web"] + said["alone"] if "expose" in line]
    # The host's network, which is first asked for now, is the machine's: the port leads in already.
    ask = f"""const get = () => require('http').get('http://localhost:{outside}/', (r) =>
      r.on('data', (d) => console.log(String(d)))).on('error', () => setTimeout(get, 50)); get()"""
    answer: list[str] = []
    record = Record(BASE, [], "", "host")
    session.run(BASE, arguments=["node", "-e", ask], log=answer.append, timeout=30, record=record)
    assert answer[-1] == "served"


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
