"""The server that a browser's page comes from: on this machine, for as long as a run takes.

It serves the page, LiteRT.js, and to who has a session's token the files of that session's plan,
by their hash. Nothing else of the file system can be asked for. All the rest is one WebSocket for
each session. Requests with another host or origin than its own addresses are refused, so that no
other page, and no name that is made to point here (DNS rebinding), can use it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from edgebench.deploy.transports.browser import pages
from edgebench.deploy.transports.browser.link import SocketLink
from edgebench.deploy.transports.browser.listening import Listening, in_url
from edgebench.deploy.transports.browser.session import LARGEST_ANSWER, BrowserSession
from edgebench.errors import DeviceError, UsageError

PROTOCOL = "edgebench.browser.1"

WRONG_TOKEN, IN_USE, OVER = 4401, 4409, 4410
"""Closing codes; the page shows their reason and does not come back. A reason has 123 bytes."""

LARGEST_MESSAGE = LARGEST_ANSWER + 1024
"""An answer has the number of its question before it."""

MOST_CONNECTIONS = 64
PING_S = 20.0
STOP_S = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Listens in a thread of its own, from `start` to `stop`."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.sessions: list[BrowserSession] = []
        self.port = 0
        self.scheme = "https" if listening.certificate else "http"
        self._hosts: frozenset[str] = frozenset()
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._connections = 0

    def start(self) -> None:
        """Raises `DeviceError` if the address is in use or may not be used, and `UsageError`."""
        context = _tls(self.listening)
        thread = threading.Thread(target=self._loop.run_forever, name="browser server", daemon=True)
        thread.start()
        try:
            self._call(self._listen(context)).result()
        except OSError as error:
            self._loop.call_soon_threadsafe(self._loop.stop)
            where = f"{self.listening.host}:{self.listening.port}"
            raise DeviceError(
                f"cannot listen on {where}: {error.strerror or error}",
                "choose another address with: edgebench serve --listen ADDRESS:PORT",
            ) from error
        names = {"localhost", "127.0.0.1", "[::1]", *self.listening.names}
        names.add(in_url(self.listening.host))
        self._hosts = frozenset(f"{name.lower()}:{self.port}" for name in names)

    def stop(self) -> None:
        for session in self.sessions:
            if session.link is not None:
                session.link.close(OVER, "edgebench has ended. You can close this page.")
        with suppress(TimeoutError):  # It is a daemon's: nothing waits for what is left of it.
            self._call(self._close()).result(STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _call(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self, context: ssl.SSLContext | None) -> None:
        application = web.Application(middlewares=[self._guarded], client_max_size=1024)
        application.router.add_get("/", pages.index)
        application.router.add_get("/page/{name}", pages.page)
        application.router.add_get("/litert/{name}", pages.litert)
        application.router.add_get("/files/{name}", self._file)
        application.router.add_get("/session", self._session)
        # What a request has not sent when it is answered is not waited for.
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=1.0, lingering_time=0
        )
        await self._runner.setup()
        host, port = self.listening.host, self.listening.port
        site = web.TCPSite(self._runner, host, port, ssl_context=context, backlog=64)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        await asyncio.sleep(0.05)  # Closing messages go out first.
        if self._runner is not None:
            await self._runner.cleanup()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what does not come from our own page, and say what pages may do."""
        host = request.headers.get("Host", "").lower()
        origin = request.headers.get("Origin")
        if host not in self._hosts:
            return web.Response(status=421, text="This is not an address of edgebench.\n")
        if origin is not None and origin.lower() != f"{self.scheme}://{host}":
            return web.Response(status=403, text="Only edgebench's own page may ask this.\n")
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            answer = web.Response(status=error.status, text=f"{error.reason}.\n")
        if not answer.prepared:
            pages.secure(answer, f"{'wss' if self.scheme == 'https' else 'ws'}://{host}")
        return answer

    def _of_token(self, token: str) -> BrowserSession | None:
        found = None
        for session in self.sessions:  # All of them: the time must not tell which was nearly right.
            if hmac.compare_digest(session.token.encode(), token.encode("utf-8", "replace")):
                found = session
        return found

    async def _file(self, request: web.Request) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = self._of_token(token) if scheme == "Bearer" else None
        if session is None:
            return web.Response(status=401, text="This needs the token of a run.\n")
        found = session.files.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404, text="This run has no such file.\n")
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        if isinstance(found, bytes):
            return web.Response(body=found, headers=kept)
        return web.FileResponse(found, headers={**kept, "Content-Type": "application/octet-stream"})

    async def _session(self, request: web.Request) -> web.StreamResponse:
        offered = [
            one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        ]
        if request.headers.get("Origin") is None or offered[:1] != [PROTOCOL]:
            return web.Response(status=400, text="Only edgebench's own page may ask this.\n")
        if self._connections >= MOST_CONNECTIONS:
            return web.Response(status=503, text="Too many connections.\n")
        session = self._of_token(offered[1] if len(offered) > 1 else "")
        # Pings find out when a network is gone. What is not for a session is never read.
        limit = LARGEST_MESSAGE if session else 1024
        socket = web.WebSocketResponse(
            protocols=[PROTOCOL], max_msg_size=limit, heartbeat=PING_S, compress=False
        )
        await socket.prepare(request)
        self._connections += 1
        try:
            if session is None:
                reason = b"This address is of another run. Open the one that edgebench shows now."
                await socket.close(code=WRONG_TOKEN, message=reason)
            elif not await self._free(session):
                reason = b"The address is open in another tab or browser. Close that, then reload."
                await socket.close(code=IN_USE, message=reason)
            else:
                await self._talk(session, socket)
        finally:
            self._connections -= 1
        return socket

    async def _free(self, session: BrowserSession) -> bool:
        """Whether nobody else is in a session: a page that is gone may still seem to be there."""
        link = session.link
        if not isinstance(link, SocketLink):
            return True
        return not await link.alive()

    async def _talk(self, session: BrowserSession, socket: web.WebSocketResponse) -> None:
        link = SocketLink(socket, self._loop)
        if session.link is not None:
            session.link.close(IN_USE, "The address was opened in another tab or browser.")
        session.connected(link)
        try:
            async for message in socket:
                link.heard()
                try:
                    if message.type is WSMsgType.BINARY:
                        session.heard(message.data)
                    elif message.type is WSMsgType.TEXT:
                        body = json.loads(message.data, parse_constant=_not_finite)
                        if not link.take_answer(body):
                            session.heard(body)
                except (ValueError, AttributeError, TypeError):
                    code, reason = WSCloseCode.POLICY_VIOLATION, b"It sent what makes no sense."
                    await socket.close(code=code, message=reason)
        finally:
            session.disconnected(link)


def _not_finite(constant: str) -> None:
    """Python's JSON knows NaN, and no result does."""
    raise ValueError(constant)


def _tls(listening: Listening) -> ssl.SSLContext | None:
    if listening.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(listening.certificate, listening.key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{listening.certificate} is not a certificate with its key: {error.strerror or error}",
            "give a PEM file with both, or the key with --key",
        ) from error
    return context
