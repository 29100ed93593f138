"""Whether something listens in a container network."""

from __future__ import annotations

import asyncio

from .network import LOOPBACK, Network
from .relay import patiently


async def wait_for_port(network: Network, port: int, patience: float) -> bool:
    """Whether something in the network listens on ``port`` within ``patience`` seconds."""
    try:
        connection = await patiently((LOOPBACK, port), network.new_socket, patience)
    except OSError:
        return False
    connection.close()
    return True


def listens(network: Network, port: int, patience: float = 0.0) -> bool:
    """Whether something in the network listens on ``port`` within ``patience`` seconds."""
    return asyncio.run(wait_for_port(network, port, patience))
