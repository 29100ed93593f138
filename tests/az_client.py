"""What is called az where the forks of az_forks.py serve: it lends one of them its descriptors, and waits.

It begins as fast as it can: imports are few, and there is no JSON.
"""

# ruff: noqa: PTH109, PTH118, PTH120 - the import of pathlib takes as long as all of this

import os
import socket
import sys


def main() -> int:
    """Ask for a command; its exit status."""
    words = [os.getcwd(), str(len(sys.argv) - 1), *sys.argv[1:]]
    words += [f"{name}={value}" for name, value in os.environ.items()]
    asked = "\0".join(words).encode(errors="surrogateescape")
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.path.join(os.path.dirname(__file__), "socket"))
        socket.send_fds(server, [len(asked).to_bytes(8, "little")], [0, 1, 2])
        server.sendall(asked)
        return (server.recv(1) or b"\1")[0]


if __name__ == "__main__":
    sys.exit(main())
