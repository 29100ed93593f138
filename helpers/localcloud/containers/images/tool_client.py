"""The program that stands for az or acr in a container: it has the agent of the run do the work.

It is a script of the machine's own bash, which can open a TCP connection. A file tells it where the
agent listens and as whom it asks; only containers of a run's steps have that file. The agent's side,
with what is asked and answered: ``tasks/tools/server.py``.
"""

from __future__ import annotations

ADDRESS_FILE = "/run/localcloud/tools"  # port and key
LABEL = "localcloud.tools"  # of images that have such a program

SCRIPT = (
    """#!/bin/bash
# Stands for the program of this name: the agent of the run executes it, outside of this container.
LC_ALL=C
tool=${0##*/}
if ! read -r port key 2>/dev/null <"""
    + ADDRESS_FILE
    + """; then
    echo "$tool: this stand-in works in the steps of a run alone, not while an image is built" >&2
    exit 1
fi
if ! { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
    echo "$tool: the agent of the run cannot be reached: a step without a network has no $tool" >&2
    exit 1
fi
settings=("${!AZURE_@}" "${!ACR_@}")
{
    printf '%s\\0' "$key" "$tool" "$#" "$@" "${#settings[@]}"
    for name in "${settings[@]}"; do printf '%s=%s\\0' "$name" "${!name}"; done
} >&3
while IFS= read -r line <&3; do
    case $line in
        o*) printf '%s\\n' "${line#o}" ;;
        e*) printf '%s\\n' "${line#e}" >&2 ;;
        s*) exit "${line#s}" ;;
    esac
done
echo "$tool: the agent of the run has ended the call" >&2
exit 1
"""
)
