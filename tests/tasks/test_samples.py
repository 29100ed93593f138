"""Task files of the shapes that the samples of ACR Tasks have (github.com/Azure-Samples/acr-tasks).

Each runs, or is refused by name. The files are our own.
"""

from __future__ import annotations

import pytest

from tests.tasks.running import BASE, Registry

GREETS = f"FROM {BASE}\nCMD echo greetings from $0\n"
TESTS = f"FROM {BASE}\nCMD echo tested ${{TARGET}}\n"
SERVES = f"""\
FROM {BASE}
CMD node -e 'require("http").createServer((q, r) => r.end("served")).listen(80)'
"""
ARGUED = "ARG BASE=scratch\nARG SDK=scratch\nFROM ${SDK} AS sdk\nFROM ${BASE}\nCMD echo argued\n"
FILES = {
    "greets.dockerfile": GREETS,
    "tests.dockerfile": TESTS,
    "serves.dockerfile": SERVES,
    "Dockerfile": ARGUED,
}
RUN = "{{.Run.Registry}}/greets:{{.Run.ID}}"
FETCH = "curl -s --retry 20 --retry-delay 1 --retry-connrefused"

# name, task file, what the log says
SAMPLES: list[tuple[str, str, list[str]]] = [
    ("one image", "version: v1.1.0\nsteps: [{cmd: hello-world}]\n", ["hello-world"]),
    ("echo by a version", "version: v1.0.0\nsteps:\n  - cmd: bash:3.0 echo hi\n", ["bash:3.0"]),
    ("echo", "version: v1.1.0\nsteps:\n  - cmd: bash echo hi there\n", ["hi there"]),
    (
        "build",
        "version: v1.1.0\nsteps:\n  - build: -t $Registry/greets -f greets.dockerfile .\n",
        ["Successfully tagged"],
    ),
    (
        "context in front of the options",
        "version: v1.1.0\nsteps:\n  - build: -t $Registry/greets:$ID . -f greets.dockerfile\n"
        "  - push: ['$Registry/greets:$ID']\n",
        ["Successfully pushed image"],
    ),
    (
        "build and push",
        f"version: v1.0.0\nsteps:\n  - build: -t {RUN} -f greets.dockerfile .\n"
        f"  - push: ['{RUN}']\n",
        ["Successfully pushed image"],
    ),
    (
        "two tags",
        f"version: v1.0.0\nsteps:\n  - build: -t {RUN} -t {{{{.Run.Registry}}}}/greets:latest "
        f"-f greets.dockerfile .\n  - push:\n    - '{RUN}'\n"
        "    - '{{.Run.Registry}}/greets:latest'\n",
        ["greets:latest, attempt 1"],
    ),
    (
        "two registries by values",
        "version: v1.1.0\nsteps:\n  - build: -t {{.Values.ONE}}/greets:$ID . -f greets.dockerfile\n"
        "  - push: ['{{.Values.ONE}}/greets:$ID']\n"
        "  - build: -t {{.Values.TWO}}/more/greets:$ID . -f greets.dockerfile\n"
        "  - push: ['{{.Values.TWO}}/more/greets:$ID']\n",
        ["/more/greets"],
    ),
    (
        "build, push and run",
        f"version: 1.0-preview-1\nsteps:\n  - build: -t {RUN}  -f greets.dockerfile .\n"
        f"  - push:\n    - {RUN}\n  - cmd: {RUN}\n",
        ["greetings from"],
    ),
    (
        "build and test",
        f"""\
version: 1.0-preview-1
steps:
  - id: build-it
    build: -t {RUN} -f greets.dockerfile .
    when: ["-"]
  - id: build-test
    build: -t greets-test -f tests.dockerfile .
    when: ["-"]
  - id: greets
    cmd: {RUN}
    when: [build-it]
  - id: func-tests
    cmd: greets-test
    env:
      - TARGET=greets
    when: [greets, build-test]
  - push: ["{RUN}"]
    when: [func-tests]
""",
        ["tested greets", "Successfully pushed image"],
    ),
    (
        "build, test and update by helm",
        f"""\
version: 1.0-preview-1
steps:
  - build: -t {RUN} -f greets.dockerfile .
    when: ["-"]
  - cmd: {RUN}
  - cmd: >
      charts.azurecr.io/helm:v2 update greets ./release/
      --reuse-values
""",
        ["Unable to find image 'charts.azurecr.io/helm:v2' locally"],
    ),
    (
        "the cache of buildx",
        f"version: v1.0.0\nsteps:\n  - build: -t {RUN} -f greets.dockerfile .\n    cache: enabled\n"
        f"  - push: ['{RUN}']\n",
        [
            "importing cache manifest from",
            "exporting cache to registry",
            "Successfully pushed image",
        ],
    ),
    (
        "pull base images, build on them",
        f"""\
version: v1.1.0
steps:
 - cmd: docker pull {BASE}
   retries: 3
   retryDelay: 5
 - build: -f Dockerfile -t $Registry/argued:$ID --build-arg BASE={BASE} --build-arg SDK={BASE} .
 - push:
    - $Registry/argued:$ID
""",
        ["Successfully pushed image"],
    ),
    (
        "files in the working directory",
        "version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo $(date +then) >> kept.txt'\n"
        "  - cmd: bash cat kept.txt\n  - cmd: bash ls -l \n",
        ["then", "kept.txt"],
    ),
    (
        "volumes of several steps",
        """\
volumes:
  - name: one
    secret:
      first: {{"first file" | b64enc}}
  - name: two
    secret:
      second: {{"second file" | b64enc}}
steps:
  - cmd: mcr.microsoft.com/acr/bash:2ff604c -c 'wc -l < /run/one/first'
    volumeMounts:
      - name: one
        mountPath: /run/one
  - cmd: mcr.microsoft.com/acr/bash:2ff604c -c 'cat /run/one/first /run/two/second | wc -c'
    volumeMounts:
      - name: one
        mountPath: /run/one
      - name: two
        mountPath: /run/two
""",
        ["1", "23"],
    ),
    (
        "a server that the host reaches",
        f"""\
version: v1.1.0
steps:
  - build: -t serves -f serves.dockerfile .
  - id: web
    cmd: serves
    ports:
      - "8000:80"
    detach: true
  - cmd: {FETCH} http://localhost:8000
    network: host
  - cmd: {FETCH} --url http://web
""",
        ["\nserved", "Successfully executed container: acb_step_3"],
    ),
    (
        "in parallel",
        "version: v1.1.0\nsteps:\n  - {id: step1, cmd: bash echo one, when: ['-']}\n"
        "  - {id: step2, cmd: bash echo two, when: ['-']}\n"
        "  - {id: step3, cmd: bash echo three, when: [step1, step2]}\n",
        ["one", "two", "three"],
    ),
    (
        "one after the other by id",
        "version: v1.1.0\nsteps:\n    - id: step1\n      cmd: bash echo one\n"
        "    - id: step2\n      cmd: bash echo two\n      when: ['step1']\n",
        ["one", "two"],
    ),
    (
        "one after the other",
        "version: v1.1.0\nsteps:\n  - cmd: bash echo one\n  - cmd: bash echo two\n",
        ["one", "two"],
    ),
    (
        "docker build of a repository",
        f"version: v1.0.0\nsteps:\n  - cmd: docker build -t {RUN} https://github.com/nobody/none.git\n",
        ["the repository was not found"],
    ),
    (
        "docker build of the source",
        f"version: v1.0.0\nsteps:\n  - cmd: docker build -t {RUN} --label a=b -f greets.dockerfile .\n"
        f"  - push: ['{RUN}']\n  - cmd: microsoft/azure-cli az --version\n",
        ["Successfully pushed image", "az stand-in"],
    ),
    (
        "a secret in a variable, and in a volume",
        """\
version: v1.0.0
secrets:
  - id: name
    keyvault: https://nothing.vault.azure.net/secrets/Sample
steps:
  - cmd: bash -c 'echo "secret is $MY_SECRET"'
    env:
      - MY_SECRET='{{.Secrets.name}}'
""",
        ["nothing.vault.azure.net"],
    ),
]
FAIL = {
    "one image",
    "echo by a version",
    "build, test and update by helm",
    "docker build of a repository",
    "a secret in a variable, and in a volume",
}


@pytest.fixture(scope="module")
def location(registry: Registry) -> str:
    tasks = {f"{number}.yaml": text for number, (_, text, _) in enumerate(SAMPLES)}
    return registry.upload({**FILES, **tasks})


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=[name for name, *_ in SAMPLES])
def test_a_sample_runs_or_is_refused_by_name(
    registry: Registry, location: str, number: int
) -> None:
    name, _, told = SAMPLES[number]
    values = [{"name": one, "value": registry.server} for one in ("ONE", "TWO")]
    ended = registry.wait(registry.file(location, f"{number}.yaml", values=values))
    assert ended.status == ("Failed" if name in FAIL else "Succeeded"), ended.log
    for words in told:
        assert words in ended.log
