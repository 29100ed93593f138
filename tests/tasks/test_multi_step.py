"""Tasks of several containers: servers beside tests, networks, ports, and docker about containers."""

from __future__ import annotations

from tests.tasks.running import BASE, HEAD, Ended, Registry

BASH = "mcr.microsoft.com/acr/bash:2ff604c"
DOCKERFILE = f"""\
FROM {BASE}
COPY server.js /
EXPOSE 80
CMD ["node", "/server.js"]
"""
SERVER = """\
const hello = `Hello from ${process.env.WHO || "the image"}\\n`
require("http").createServer((q, r) => r.end(hello)).listen(80)
console.log('server is up')
"""
PATIENT = 'trap "echo asked to stop; exit" TERM; while :; do sleep 0.1; done'
GET = "curl -s --retry 20 --retry-delay 1 --retry-connrefused http://{}"


def run(registry: Registry, task: str, timeout: float = 90, **files: str) -> Ended:
    """Run a task file beside the server's image."""
    source = {"task.yaml": task, "Dockerfile": DOCKERFILE, "server.js": SERVER, **files}
    return registry.wait(registry.files(source), timeout)


def test_build_run_in_the_background_test_stop_and_push(registry: Registry) -> None:
    task = f"""{HEAD}
  - id: build
    build: -t $Registry/hello-world:$ID .
  - id: test
    cmd: -t $Registry/hello-world:$ID
    detach: true
    ports: ["8080:80"]
    env: [WHO='the tutorial']
  - id: ask
    cmd: {GET.format("test")}
  - id: ask-the-host
    cmd: {GET.format("localhost:8080")}
    network: host
  - id: logs
    cmd: docker logs test
  - id: lists
    cmd: docker ps
  - id: stop
    cmd: docker stop test
  - id: gone
    cmd: docker ps -a
  - push: [$Registry/hello-world:$ID]
"""
    ended = run(registry, task)
    assert ended.status == "Succeeded", ended.log
    assert ended.lines.count("Hello from the tutorial") == 2
    assert ended.lines.count("server is up") == 1  # docker logs alone tells it
    listed = next(line for line in ended.lines if "0.0.0.0:8080->80/tcp" in line)
    assert listed.endswith("test")
    identity = listed.split()[0]
    assert any(line.startswith(identity) and len(line) == 64 for line in ended.lines)
    stopped = ended.lines.index("test")
    assert not any(identity in line for line in ended.lines[stopped:])
    assert ended.properties["outputImages"][0]["tag"] == ended.id


def test_steps_on_two_networks_do_not_see_each_other(registry: Registry) -> None:
    task = f"""
version: v1.1.0
networks:
  - name: front
    isDefault: true
  - name: back
    driver: bridge
steps:
  - build: -t server .
  - id: web
    cmd: server
    detach: true
  - id: store
    cmd: server
    detach: true
    network: back
    env: [WHO=store]
  - cmd: {GET.format("web")}
  - cmd: {GET.format("store")}
    network: back
  - cmd: bash -c 'curl -s --max-time 5 http://store || echo "no store at the front"'
  - cmd: bash -c 'curl -s --max-time 5 http://web || echo "no web on the bridge"'
    network: bridge
  - cmd: bash -c 'curl -s --max-time 5 http://web || echo "no web without a network"'
    network: none
  - cmd: bash -c 'cat /etc/hosts; echo hosts told'
    network: front
  - cmd: docker network ls
"""
    ended = run(registry, task)
    assert ended.status == "Succeeded", ended.log
    for line in (
        "Creating Docker network: front, driver: ''",
        "Creating Docker network: back, driver: 'bridge'",
        "Hello from the image",
        "Hello from store",
        "no store at the front",
        "no web on the bridge",
        "no web without a network",
    ):
        assert line in ended.lines, ended.log
    hosts = ended.lines[: ended.lines.index("hosts told")]
    assert any(line.endswith("\tweb") for line in hosts)
    assert not any(line.endswith("\tstore") for line in hosts)
    assert any(line.split()[1:2] == ["back"] for line in ended.lines if line.endswith("local"))


def test_what_a_network_cannot_be(registry: Registry) -> None:
    for network, told in (
        ("{name: n, driver: foo}", 'plugin "foo" not found'),
        ("{name: n, driver: overlay}", "does not implement networks of the driver 'overlay'"),
        ("{name: n, ipv6: true}", "does not implement networks with ipv6"),
        ("{name: bridge}", "network with name bridge already exists"),
    ):
        ended = registry.wait(
            registry.text(f"version: v1.1.0\nnetworks: [{network}]\nsteps: [cmd: bash true]\n")
        )
        assert ended.status == "Failed", ended.log
        assert told in ended.log
        assert "failed to create network: " in ended.properties["runErrorMessage"]
    skipped = "version: v1.1.0\nnetworks: [{name: n, skipCreation: true, isDefault: true}]\n"
    ended = registry.wait(registry.text(f"{skipped}steps: [cmd: bash true]\n"))
    assert "Skip creating network: n" in ended.lines
    assert "docker: Error response from daemon: network n not found." in ended.log


def test_a_container_that_is_kept_can_be_asked_and_removed(registry: Registry) -> None:
    task = f"""{HEAD}
  - id: kept
    cmd: bash -c 'echo kept words; exit 3'
    keep: true
    ignoreErrors: true
    expose: [8080]
  - cmd: docker logs kept
  - cmd: docker wait kept
  - cmd: docker ps -a --filter status=exited
  - cmd: docker inspect kept
  - cmd: docker run -d --name background {BASH} -c '{PATIENT}'
  - cmd: docker rm background
    ignoreErrors: true
  - cmd: bash -c 'sleep 1'
  - cmd: docker stop -t 5 background
  - cmd: docker logs --tail 1 background
  - cmd: docker rm kept background
  - cmd: docker ps -aq
  - cmd: docker stop kept
    ignoreErrors: true
"""
    ended = run(registry, task)
    assert ended.status == "Succeeded", ended.log
    assert ended.lines.count("kept words") == 2
    assert "3" in ended.lines
    assert any("Exited (3)" in line and line.endswith("kept") for line in ended.lines)
    assert any('"ExitCode": 3' in line for line in ended.lines)
    assert "You cannot remove a running container" in ended.log
    assert "asked to stop" in ended.lines
    assert "Error response from daemon: No such container: kept" in ended.lines


def test_docker_stop_does_not_reach_another_run(registry: Registry) -> None:
    waiting = registry.text(f"{HEAD}  - id: theirs\n    cmd: bash -c 'echo begun; sleep 60'\n")
    registry.wait_for(waiting, "begun")
    for command in ("stop", "kill", "rm -f", "logs", "wait", "port"):
        ended = registry.wait(registry.text(f"{HEAD}  - cmd: docker {command} theirs\n"))
        assert "No such container: theirs" in ended.log
        assert ended.status == ("Succeeded" if command == "rm -f" else "Failed")
    assert registry.get(waiting)["status"] == "Running"
    assert registry.call("POST", f"/runs/{waiting}/cancel").status_code in (200, 202)
    registry.wait(waiting)


def test_a_port_of_the_host_is_given_once_and_a_bad_one_is_told(registry: Registry) -> None:
    task = f"""{HEAD}
  - {{id: one, cmd: bash -c 'sleep 60', detach: true, ports: ["8080:80"]}}
  - {{id: two, cmd: bash true, ports: ["127.0.0.1:8080:81"], ignoreErrors: true}}
  - {{id: three, cmd: bash true, ports: ["99999:81"], ignoreErrors: true}}
  - {{id: four, cmd: bash true, ports: ["53:53/udp"], ignoreErrors: true}}
  - {{id: five, cmd: bash true, network: host, ports: ["8080:81"]}}
  - cmd: docker port one
"""
    ended = run(registry, task)
    assert ended.status == "Succeeded", ended.log
    for told in (
        "Bind for 0.0.0.0:8080 failed: port is already allocated",
        "docker: invalid hostPort: 99999.",
        "does not implement publishing udp ports",
        "Published ports are discarded when using host network mode",
        "80/tcp -> 0.0.0.0:8080",
    ):
        assert told in ended.log
