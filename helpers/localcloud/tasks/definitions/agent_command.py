"""The command line that the agent hands to its shell for a step: ``docker run … IMAGE …``.

Source: acr-builder, builder/context.go (getDockerRunArgs, normalizeWorkDir). What a step says of
itself stands in it as it is: the shell reads ``env``, ``ports``, ``user`` and the others as its words.
"""

from __future__ import annotations

import posixpath

from .task_file import Step

WORKSPACE, HOME = "/workspace", "/acb/home"
WORKSPACE_VOLUME, HOME_VOLUME = "homevol", "home"
_SOCKET = "/var/run/docker.sock:/var/run/docker.sock"
BUILDKIT = "DOCKER_BUILDKIT"


def of_step(step: Step, workspace: str = WORKSPACE_VOLUME) -> str:
    """What ``/bin/sh -c`` is given for a cmd or build step; ``workspace`` is the volume's name.

    Without BuildKit it is switched off by name: later versions of Docker have it on by default.
    """
    if not step.build:
        return _run(step, workspace, step.env, step.entry_point, step.cmd)
    env = step.env
    if not any(unquoted(pair) == f"{BUILDKIT}=1" for pair in env):
        env = [*env, f"{BUILDKIT}=0"]
    builder = "buildx" if step.is_cached else "docker"
    return _run(step, workspace, env, "", f"{builder} build {step.build}")


def unquoted(pair: str) -> str:
    """A variable without any quotes, as the agent looks at it."""
    return pair.replace('"', "").replace("'", "")


def _run(step: Step, workspace: str, env: list[str], entry_point: str, command: str) -> str:
    parts = ["docker run"]
    parts += ["--rm"] if not step.keep else []
    parts += ["--detach"] if step.detach else []
    parts += [f"-p {port}" for port in step.ports]
    parts += [f"--expose {port}" for port in step.expose]
    parts += ["--privileged"] if step.privileged else []
    for option, value in (
        ("--user", step.user),
        ("--network", step.network),
        ("--isolation", step.isolation),
        ("--cpus", step.cpus),
        ("--entrypoint", entry_point),
    ):
        parts += [f"{option} {value}"] if value else []
    parts.append(f"--name {step.id}")
    # Of two paths of one volume the last one counts.
    mounts = {mount["name"]: mount["mountPath"] for mount in step.volume_mounts}
    volumes = [f"{workspace}:{WORKSPACE}", _SOCKET, f"{HOME_VOLUME}:{HOME}"]
    volumes += [f"{name}:{path}" for name, path in mounts.items()]
    parts += [f"--volume {volume}" for volume in volumes]
    parts += [f"--env {pair}" for pair in (f"HOME={HOME}", *env)]
    if not step.disable_working_directory_override:
        parts.append(f"--workdir {working_directory(step.working_directory)}")
    return " ".join([*parts, command])


def working_directory(name: str) -> str:
    """A step's working directory in its container; an absolute one stays what it is."""
    path = posixpath.normpath(posixpath.join(WORKSPACE, name))
    return path[1:] if path.startswith("//") else path  # which POSIX keeps, and Go does not
