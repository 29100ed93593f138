"""Where task files and builds deliberately differ from ACR Tasks: what README and the tests ask.

A difference stands here only when it is meant: a limit that the local cloud needs, or a refusal
that names what it lacks. The names of cases are those of tests/cases; each of them differs, or the
test of the cases is red.
"""

from __future__ import annotations

from dataclasses import dataclass

ENGINE = "engine"  # tests/cases/engine/cases.jsonl: task files, templates, dependency scans
CLASSIC = "classic"  # tests/cases/build/cases.jsonl: Docker's classic builder
BUILDKIT = "buildkit"  # tests/cases/build/buildkit.jsonl: the same with BuildKit


@dataclass(frozen=True)
class Difference:
    """One difference: its name, one sentence for readers, and the cases that show it."""

    name: str
    reason: str
    suite: str = ENGINE
    cases: tuple[str, ...] = ()


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "An agent has limits",
        "A run's agent is a process of its own, on Azure a machine of its own. For what it does "
        "itself (templates, Dockerfile, source; not its containers) it has 1 GiB of memory, and "
        "15 s to render and read the task file; a template makes texts up to 4 MiB in at most a "
        "million steps. A run that takes more is Failed, with the limit's name in its log. "
        "Cancel, timeout and `down` end a run within a second, whatever it does.",
    ),
    Difference(
        "A task file is read whole, or refused",
        "The engine stops reading at a line of 64 KB and runs what stands above it, and takes a "
        "text with a NUL, which no command line can hold; both are refused, with their line. A "
        "file of `alias.src` is one of the source: no URL is fetched.",
    ),
    Difference(
        "Git sources are this cloud's",
        "A source comes with its submodules, attributes and any reference (`#refs/pull/1/head`), as "
        "git takes them, from repositories of this cloud over HTTPS: up to 256 submodules, 16 in one "
        "another. What Git LFS keeps on a server ends the run, which names the files: there is no "
        "such server. A branch that is not there ends it as well, where the engine goes on with "
        "another branch. `/workspace` has no `.git` folder.",
    ),
    Difference(
        "An archive stays in its folder",
        "A source archive keeps links that lead outside, and nothing is written through one. Special "
        "files are refused.",
    ),
    Difference(
        "A step's identity is its task's",
        "Containers of steps ask for tokens of the task's identity at `169.254.169.254`, as on a "
        "virtual machine, and at `IDENTITY_ENDPOINT` with `IDENTITY_HEADER`, as in App Service; in a "
        "chroot only there, since the address would be this machine's. Where the kernel has no veth, "
        "no container of such a run can listen on port 80 of all addresses, and the log says so. Tokens are "
        "for Resource Manager, Key Vault, registries and Microsoft Graph; other resources are unknown "
        "to this tenant.",
    ),
    Difference(
        "BuildKit's frontends are one program",
        "`DOCKER_BUILDKIT=1` builds with Dockerfile 1.5, `cache: enabled` and "
        "`# syntax=docker/dockerfile:1` with 1.20. No frontend is pulled: the version in the tag "
        "(`1.7-labs`) chooses what is understood, other images and newer versions are refused. "
        "What `cache: enabled` keeps in the registry, only this builder can read. "
        "Nothing is fetched while an image is built: `ADD` of a URL or a git repository is refused, "
        "as are SSH keys (`--ssh`). Stages are built one after the other. In a chroot, mounts of "
        "`RUN` are copies, which go back into a cache when the command has ended, and the "
        "`size` of a tmpfs mount is no limit.",
        BUILDKIT,
    ),
    Difference(
        "A chroot has no root",
        "Where namespaces are refused, root of a container is an ordinary user that owns the files of "
        "its image: `chown` (to root, too), `mount` and reading what its owner may not read fail, as "
        "does the `RUN` that calls them; owners are `COPY --chown`'s. Files of a layer above 256 MiB "
        "(the real Azure CLI) are shared by containers: to be removed and replaced, not to be changed "
        "in their place. `/proc` is empty, `/dev/shm` is a folder, so what is in it counts as disk. "
        "Networks of a run keep nothing apart: two servers that want the same port cannot both have "
        "it, whatever their networks; the run names two images that `EXPOSE` the same one.",
    ),
    Difference(
        "Builds are reproducible",
        "The same input has the same digest, and is no update. On Azure a build carries its time, "
        "and even an unchanged rebuild is one.",
    ),
    Difference(
        "Tools of steps are stand-ins",
        "`az`, `acr` and `docker` in a task's steps are stand-ins for the subcommands that task "
        "files use; any other says so. In your own shell, use the real ones. Scripts may call "
        "`az` in containers of `mcr.microsoft.com/azure-cli`, of the image behind the alias `az` "
        "(with `entryPoint: bash`, or `cmd: az bash -c '…'`) and of the alias `bash`; of the last "
        "two nobody documents what Azure's images hold: use `azure-cli` there. It works in steps, "
        "not while an image is built. With `LOCALCLOUD_AZ=real` in the environment of "
        "`python -m helpers up`, these images hold the real Azure CLI instead, which `make az` has "
        "installed: its image takes half a minute and 1.5 GB, once, and each call of az a second or more. "
        "`acr purge` is that of acr-cli 0.19 without its counts "
        "(`--min-tags` and the like), with two differences that delete less: an `--ago` that is "
        "no duration is refused, and what a locked index refers to stays.",
    ),
)


def cases_of(suite: str) -> dict[str, Difference]:
    """The cases of a suite that differ on purpose, by name."""
    return {name: one for one in DIFFERENCES if one.suite == suite for name in one.cases}
