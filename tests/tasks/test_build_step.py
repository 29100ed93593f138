"""The words of a build step, the task file of a Docker build, and what a build depends on."""

from __future__ import annotations

import shlex

import pytest
import yaml

from helpers.localcloud.tasks.definitions.build_command import (
    BuildCommand,
    ScannedCommand,
    is_remote,
)
from helpers.localcloud.tasks.definitions.build_dependencies import BuildDependency
from helpers.localcloud.tasks.definitions.extra_hosts import extra_hosts
from helpers.localcloud.tasks.definitions.image_names import ImageName, ImageNameError
from helpers.localcloud.tasks.errors import UsageError
from helpers.localcloud.tasks.tools import docker_run

DIGEST = "sha256:" + "1" * 64


def test_options_of_a_build() -> None:
    words = shlex.split(
        "--build-arg A=1 --build-arg=B=x=y --build-arg UNSET -t one:1 --tag=two -tthree "
        "-f sub/Dockerfile --target final --no-cache --pull --platform linux/amd64 ."
    )
    build = BuildCommand.parse(words)
    assert build.context == "."
    assert build.build_args == {"A": "1", "B": "x=y"}
    assert build.tags == ["one:1", "two", "three"]
    assert (build.dockerfile, build.target, build.no_cache) == ("sub/Dockerfile", "final", True)


def test_everyday_options_of_a_build() -> None:
    words = shlex.split(
        "--label a=b --label=c='d e' --label bare --network=none -m 512m --cache-from x --rm=false "
        "--progress=plain --force-rm --compress --ulimit nofile=10 -c 5 --quiet ."
    )
    build = BuildCommand.parse(words)
    assert build.labels == {"a": "b", "c": "d e", "bare": ""}
    assert (build.network, build.memory, build.context) == ("none", 512 << 20, ".")


@pytest.mark.parametrize(
    ("words", "expected"),
    [("--no-cache", True), ("--no-cache=0", False), ("--no-cache=T --no-cache=False", False)],
)
def test_switches_of_a_build_are_booleans_of_go(words: str, expected: bool) -> None:
    assert BuildCommand.parse([*words.split(), "."]).no_cache is expected


def test_memory_of_a_build_is_a_size_as_that_of_a_container() -> None:
    for text, expected in (("1.5g", 3 << 29), ("6 MiB", 6 << 20), ("1t", 1 << 40)):
        assert BuildCommand.parse(["--memory", text, "."]).memory == expected
        assert docker_run.memory(text) == expected


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--squash", "."], '"--squash" is only supported on a Docker daemon with experimental'),
        (["--network", "mine", "."], "network mine not found"),
        (["--memory", "much", "."], "invalid size: 'much'"),
        (["--memory", "9" * 5000, "."], "invalid size: '9"),
        (["--memory", "8192p", "."], "invalid size: '8192p'"),
        (["--never-heard-of", "."], "unknown flag: --never-heard-of"),
        (["-o", "x", "."], "does not implement the option --output of docker build: what a build"),
        (["--no-cache=perhaps", "."], 'invalid argument "perhaps" for "--no-cache" flag'),
        (["-t"], "flag needs an argument: 't' in -t"),
        (["--isolation", "hyperv", "."], 'Unsupported isolation: "hyperv"'),
        (["--security-opt=x", "."], "does not support setting security options on build"),
        (["-t", "a"], "exactly one context"),
        (["a", "b"], "it has 2: a b"),
    ],
)
def test_options_that_are_lacking_are_named(words: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        BuildCommand.parse(words)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:b", 'invalid IP address in add-host: "b"'),
        ("a", 'bad format for add-host: "a"'),
        ("a:", 'invalid IP address in add-host: ""'),
        (":1.2.3.4", 'bad format for add-host: ":1.2.3.4"'),
        ("a:1.2.3.4.5", 'invalid IP address in add-host: "1.2.3.4.5"'),
        ("a:01.2.3.4", 'invalid IP address in add-host: "01.2.3.4"'),
        ("a:fe80::1%eth0", 'invalid IP address in add-host: "fe80::1%eth0"'),
        ("a:host-gateway", "does not implement docker build --add-host with host-gateway"),
    ],
)
def test_a_host_that_is_none_is_refused_in_dockers_words(text: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        BuildCommand.parse(["--add-host", text, "."])
    assert told in str(raised.value)
    with pytest.raises(UsageError, match="add-host"):
        extra_hosts([text], "run")


def test_hosts_of_a_build() -> None:
    words = ["--add-host", "a:1.2.3.4", "--add-host=b:::1", "--isolation=default", "."]
    assert BuildCommand.parse(words).hosts == [("1.2.3.4", "a"), ("::1", "b")]


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("node:15-alpine", "registry.hub.docker.com", "library/node", "15-alpine"),
        ("node", "registry.hub.docker.com", "library/node", "latest"),
        ("docker.io/node:15-alpine", "docker.io", "node", "15-alpine"),
        ("docker.io/library/node:15", "docker.io", "library/node", "15"),
        ("acme.azurecr.io/team/node", "acme.azurecr.io", "team/node", "latest"),
        (f"acme.azurecr.io/node@{DIGEST}", "acme.azurecr.io", "node", ""),
    ],
)
def test_names_of_dependencies(text: str, registry: str, repository: str, tag: str) -> None:
    name = ImageName.of(text, DIGEST)
    assert (name.registry, name.repository, name.tag) == (registry, repository, tag)


def test_spellings_of_one_image_have_one_key() -> None:
    spellings = ("node:15", "docker.io/node:15", "docker.io/library/node:15")
    assert len({ImageName.of(text, DIGEST).key for text in spellings}) == 1


def test_dependencies_of_a_build_with_stages() -> None:
    run, build = ImageName.of("acme.azurecr.io/node:15", DIGEST), ImageName.of("go:1", DIGEST)
    image = ImageName.of("acme.azurecr.io/app:1", DIGEST)
    found = BuildDependency(image, run, (build,), "c0ffee")
    assert yaml.safe_load(yaml.safe_dump(found.describe())) == {
        "image": {
            "registry": "acme.azurecr.io",
            "repository": "app",
            "tag": "1",
            "digest": DIGEST,
        },
        "runtime-dependency": {
            "registry": "acme.azurecr.io",
            "repository": "node",
            "tag": "15",
            "digest": DIGEST,
        },
        "buildtime-dependency": [
            {
                "registry": "registry.hub.docker.com",
                "repository": "library/go",
                "tag": "1",
                "digest": DIGEST,
            }
        ],
        "git": {"git-head-revision": "c0ffee"},
    }
    assert [one["type"] for one in found.base_images()] == ["RunTime", "BuildTime"]


def test_build_from_scratch_depends_on_no_image() -> None:
    found = BuildDependency(None, ImageName.of("scratch"), (), "")
    assert found.describe() == {
        "runtime-dependency": {
            "registry": "registry.hub.docker.com",
            "repository": "library/scratch",
            "tag": "latest",
        },
        "git": {},
    }
    assert found.base_images() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("node:", "node:: invalid reference format"),
        ("", ":latest: invalid reference format"),
        ("Node:1", "Node:1: repository name must be lowercase"),
        ("x" * 256, "must not be more than 255 characters"),
        ("a@sha256:" + "1" * 32, "invalid checksum digest length"),
        ("a@md5:" + "1" * 32, "unsupported digest algorithm"),
        ("a@sha256:" + "A" * 64, "invalid checksum digest format"),
    ],
)
def test_what_is_no_image_to_the_scan(text: str, reason: str) -> None:
    with pytest.raises(
        ImageNameError, match="Failed to parse image reference, ensure tags"
    ) as told:
        ImageName.of(text)
    assert str(told.value).endswith(reason)


@pytest.mark.parametrize(
    ("build", "dockerfile", "target", "context", "tags", "build_args"),
    [
        ("-t a:1 .", "", "", ".", ("a:1",), ()),
        ("-t=x --file=D --target=base -tx ./app", "", "", ".", (), ()),
        ("-t x -f D --target base ./app", "D", "base", "./app", ("x",), ()),
        ("--tag x --file D ./app", "D", "", "./app", ("x",), ()),
        ("--no-cache ./app", "", "", ".", (), ()),
        ("./app --no-cache", "", "", "./app", (), ()),
        ("--build-arg A=1 --build-arg B .", "", "", ".", (), ("A=1", "B")),
        ("--build-arg 'A=b c' .", "", "", ".", (), ("A=b",)),
        ("-t x . y", "", "", "y", ("x",), ()),
        ("-f 'D' -t \"x\" .", "D", "", ".", ("x",), ()),
        ("  ", "", "", ".", (), ()),
        ("-f - .", "-", "", ".", (), ()),
    ],
)
def test_the_scan_reads_words_between_spaces(
    build: str,
    dockerfile: str,
    target: str,
    context: str,
    tags: tuple[str, ...],
    build_args: tuple[str, ...],
) -> None:
    found = ScannedCommand.of(build)
    assert found == ScannedCommand(dockerfile, target, context, tags, build_args)


@pytest.mark.parametrize(
    ("context", "remote"),
    [
        ("https://github.com/o/r.git#main:app", True),
        ("https://example.com/context.tar.gz", True),
        ("https://dev.azure.com/o/p/_git/r", True),
        ("git@github.com:o/r.git", True),
        ("github.com/o/r", True),
        ("oci://r.azurecr.io/a", True),
        (".", False),
        ("./github.com", False),
        ("app.git", False),
    ],
)
def test_what_is_fetched_and_what_is_a_folder(context: str, remote: bool) -> None:
    assert is_remote(context) is remote
