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
        "not while an image is built. `acr purge` is that of acr-cli 0.19 without its counts "
        "(`--min-tags` and the like), with two differences that delete less: an `--ago` that is "
        "no duration is refused, and what a locked index refers to stays.",
    ),
)


def cases_of(suite: str) -> dict[str, Difference]:
    """The cases of a suite that differ on purpose, by name."""
    return {name: one for one in DIFFERENCES if one.suite == suite for name in one.cases}
