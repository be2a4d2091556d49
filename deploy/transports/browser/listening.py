"""Where the page is served: on this machine alone, or on its addresses in a network."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import UsageError

ANY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Listening:
    """Where to listen, and by which host names and addresses browsers may ask."""

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None


_listening = Listening()


def listen(listening: Listening) -> None:
    """Where this process is to serve the page; a server that runs already stays where it is."""
    global _listening
    _listening = listening


def current() -> Listening:
    return _listening


def host_and_port(text: str) -> tuple[str, int]:
    """What `--listen` names; port 0 is any free one. Raises `UsageError`."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or _is_address(text):
        host, port = text, "0"
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"'{text}' is no address to listen on", "such as 0.0.0.0 or 0.0.0.0:8000")
    return host.strip("[]"), int(port)


def own_names(host: str) -> tuple[str, ...]:
    """The addresses, as in a URL, under which a browser reaches what listens on `host`."""
    if host not in ANY:
        return (in_url(host),)
    found = []
    with suppress(OSError):
        found += [one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None)]
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # Sends nothing; the system chooses the address to use.
        found.insert(0, probe.getsockname()[0])
    reachable = [str(one) for one in found if not ipaddress.ip_address(str(one)).is_loopback]
    return tuple(dict.fromkeys(map(in_url, reachable)))


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
