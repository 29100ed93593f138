"""Fuzzing for a limited time: rounds of all tests marked ``fuzz``, each with a seed of its own.

    python -m tests.fuzz --seconds 300               rounds until the time is over
    python -m tests.fuzz --seed 12345 -k templates   one round again

Ends with 1 at the first failure. Hypothesis shows the smallest input that fails: it becomes a test.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time

_INTERRUPTED = 130  # 128 and SIGINT's number, as shells have it


def _round(seed: int, arguments: list[str]) -> int:
    command = [
        *(sys.executable, "-m", "pytest", "-m", "fuzz", "-q", "--no-header", "-x"),
        *("--timeout", "1200", "--hypothesis-profile", "fuzz", "--hypothesis-seed", str(seed)),
    ]
    process = subprocess.Popen([*command, *arguments])
    interrupted = False
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:  # pytest has it, too: it ends what it has started
            interrupted = True
        else:
            return _INTERRUPTED if interrupted else status


def main() -> int:
    """Run the rounds; the exit status of the last one."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long to go on (120)")
    parser.add_argument("--seed", type=int, help="one round with this seed")
    options, arguments = parser.parse_known_args()
    deadline = time.monotonic() + options.seconds
    done = 0
    while True:
        seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
        print(f"Round {done + 1}, seed {seed}", flush=True)
        status = _round(seed, arguments)
        done += 1
        if status:
            word = "Interrupted" if status == _INTERRUPTED else "Failed"
            print(f"{word}. Again: python -m tests.fuzz --seed {seed}", flush=True)
            return status
        if options.seed is not None or time.monotonic() > deadline:
            return 0


if __name__ == "__main__":
    sys.exit(main())
