"""An address next to a container network: who reaches it, and what is around it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# The root of a new network, as the process that holds one is.
HOLDER = """
import errno, fcntl, json, os, socket
from helpers.localcloud.containers.sandboxes import namespace_holder, veth
ADDRESS, PORT = "169.254.169.254", 80
def tried(address, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(5)
        try:
            code = one.connect_ex((address, port))
        except OSError as error:
            code = error.errno
        return errno.errorcode.get(code, code)
def bound(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((address, port))
            one.listen()
            return 0
        except OSError as error:
            return errno.errorcode[error.errno]
def interfaces():
    return sorted(name for _, name in socket.if_nameindex())
def addresses():
    with open("/proc/thread-self/net/fib_trie") as file:
        lines = file.read().split("\\n")
    return sorted({lines[n - 1].split()[-1] for n, line in enumerate(lines) if "host LOCAL" in line})
def routes():
    with open("/proc/thread-self/net/route") as file:
        return [line.split()[:3] for line in file.readlines()[1:]]
def ipv6():
    try:
        with open("/proc/thread-self/net/if_inet6") as file:
            return sorted(line.split()[-1] for line in file)
    except FileNotFoundError:
        return []
namespace_holder.enter_namespaces()
"""
INSIDE = """
before = os.stat("/proc/self/ns/net").st_ino
listener, why = veth.listen(ADDRESS, PORT)
told = {
    "why": why,
    "at home": os.stat("/proc/self/ns/net").st_ino == before,
    "address": tried(ADDRESS, PORT),
    "other port": tried(ADDRESS, 81),
    "elsewhere": [tried(one, 80) for one in ("192.0.2.1", "169.254.1.1")],
    "port": bound("0.0.0.0", PORT),
    "interfaces": interfaces(),
    "routes": routes(),
    "IPv6": ipv6(),
}
own = socket.create_server(("0.0.0.0", 8080))
other = fcntl.ioctl(listener, 0x894C)  # SIOCGSKNS: the namespace of a socket
assert namespace_holder._libc.setns(other, veth.CLONE_NEWNET) == 0
told["second"] = {
    "interfaces": interfaces(),
    "addresses": addresses(),
    "routes": routes(),
    "IPv6": ipv6(),
    "elsewhere": [tried(one, 80) for one in ("192.0.2.1", "169.254.1.1", "10.0.0.1")],
    "loopback of the first": tried("127.0.0.1", 8080),
}
print(json.dumps(told))
"""
REFUSED = """
with open("/proc/sys/user/max_net_namespaces", "w") as file:
    file.write("1")
listener, why = veth.listen(ADDRESS, PORT)
print(json.dumps(
    {"why": why, "address": tried(ADDRESS, PORT), "port": bound("0.0.0.0", PORT),
     "interfaces": interfaces()}
))
"""
ENDS = """
listener, _ = veth.listen(ADDRESS, PORT)
listener.close()
import time
end = time.monotonic() + 30
while len(interfaces()) > 1 and time.monotonic() < end:
    time.sleep(0.01)
print(json.dumps({"interfaces": interfaces(), "address": tried(ADDRESS, PORT)}))
"""
LOGGED = """
import sys
from pathlib import Path
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.sandboxes import metadata
from helpers.localcloud.containers.sandboxes.network import Network
with open("/proc/sys/user/max_net_namespaces", "w") as file:
    file.write("3")  # this one, and the two of networks
cloud = Cloud(Path(sys.argv[1]))
with Network.create(cloud, "one") as one, Network.create(cloud, "two") as two:
    modes = [one.mode, two.mode]
    for network in (one, two):
        metadata.serve(network, "http://127.0.0.1:9", str)
    with network.new_socket() as tried:
        tried.settimeout(5)
        connected = tried.connect_ex((ADDRESS, PORT))
cloud.close()
print(json.dumps({"modes": modes, "connected": connected}))
"""


def told(script: str, *more: str, log: str = "") -> dict[str, Any]:
    words = [sys.executable, "-c", HOLDER + script, *more]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.splitlines() == ([log] if log else [])
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_nothing_but_the_address_is_added_to_the_network_and_its_ports_stay_free() -> None:
    answer = told(INSIDE)
    second = answer.pop("second")
    to = {"address": "FEA9FEA9", "near": "FDA9FEA9", "no gateway": "00000000"}
    assert answer == {
        "why": "",
        "at home": True,
        "address": 0,
        "other port": "ECONNREFUSED",
        "elsewhere": ["ENETUNREACH"] * 2,
        "port": 0,
        "interfaces": ["lo", "metadata"],
        "routes": [["metadata", to["address"], to["no gateway"]]],
        "IPv6": ["lo"],
    }
    assert second == {
        "interfaces": ["lo", "metadata"],
        "addresses": ["169.254.169.254"],  # not even a loopback
        "routes": [["metadata", to["near"], to["no gateway"]]],
        "IPv6": [],
        "elsewhere": ["ENETUNREACH"] * 3,
        "loopback of the first": "ENETUNREACH",
    }


def test_without_a_second_namespace_the_address_is_one_of_the_network() -> None:
    """The kernel refuses it here by its own limit; it would refuse an unknown veth likewise."""
    assert told(REFUSED) == {
        "why": "No space left on device",
        "address": 0,
        "port": "EADDRINUSE",
        "interfaces": ["lo"],
    }


def test_the_second_namespace_ends_with_the_listener() -> None:
    assert told(ENDS) == {"interfaces": ["lo"], "address": "ENETUNREACH"}


def test_networks_whose_address_is_their_own_say_so_once_in_the_log(tmp_path: Path) -> None:
    line = (
        "no namespace of its own for 169.254.169.254 (No space left on device): in runs with an "
        "identity no container can listen on port 80 of all addresses"
    )
    answer = told(LOGGED, str(tmp_path / "home"), log=line)
    assert answer == {"modes": ["namespaces"] * 2, "connected": 0}
