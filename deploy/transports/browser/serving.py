"""The one server of this process, and the sessions of the browsers that are waited for.

Devices are made by name wherever they are needed, and all browsers of a fleet share one server. So
it belongs to the process, as the adb server belongs to the machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgebench.deploy.device.interface import Invitation
from edgebench.deploy.transports.browser import assets
from edgebench.deploy.transports.browser.listening import current
from edgebench.deploy.transports.browser.server import Server
from edgebench.deploy.transports.browser.session import BrowserSession

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_lock = threading.Lock()
_server: Server | None = None
_joined = 0


@contextmanager
def joined(name: str) -> Iterator[BrowserSession]:
    """A browser's session, on a server that runs as long as anybody needs it.

    Raises `DeviceError` and `UsageError` if it cannot be started.
    """
    global _server, _joined
    with _lock:
        if not assets.prepared():
            raise assets.lacking()
        if _server is None:
            _server = Server(current())
            try:
                _server.start()
            except BaseException:
                _server = None
                raise
        server = _server
        session = next((one for one in server.sessions if one.name == name), None)
        if session is None:
            session = BrowserSession(name)
            server.sessions.append(session)
        _joined += 1
    try:
        yield session
    finally:
        with _lock:
            _joined -= 1
            if _joined == 0:
                server.stop()
                _server = None


def invitation(session: BrowserSession) -> Invitation:
    """What a browser has to open. The token is in the fragment, which it keeps to itself."""
    assert _server is not None  # It is joined.
    names = [name for name in _server.listening.names if name not in LOOPBACK]
    addresses = tuple(
        f"{_server.scheme}://{name}:{_server.port}/#{session.token}"
        for name in names or ["localhost"]
    )
    return Invitation(addresses, _server.port, here_only=not names)
