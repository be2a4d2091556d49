"""A page's WebSocket, as the threads of runs use it."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from edgebench.deploy.runner.messages import Json

ALIVE_S = 3.0
"""How long a page may take to say that it is there."""


class SocketLink:
    """A page's WebSocket, for threads."""

    def __init__(self, socket: web.WebSocketResponse, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = socket
        self._loop = loop
        self._said = asyncio.Event()

    def send(self, message: Json | bytes) -> None:
        asyncio.run_coroutine_threadsafe(self._send(message), self._loop)

    def close(self, code: int, reason: str) -> None:
        close = self._socket.close(code=code, message=reason.encode())
        asyncio.run_coroutine_threadsafe(close, self._loop)

    async def _send(self, message: Json | bytes) -> None:
        try:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(json.dumps(message, allow_nan=False))
        except (ConnectionError, RuntimeError):
            pass  # It is gone; the session hears of it in another way.

    def heard(self) -> None:
        self._said.set()

    def take_answer(self, body: object) -> bool:
        """Whether a message is no more than the answer to "are you there?"."""
        return isinstance(body, dict) and "here" in body

    async def alive(self) -> bool:
        """Whether the page answers at all."""
        if self._socket.closed:
            return False
        self._said.clear()
        await self._send({"there": True})
        try:
            await asyncio.wait_for(self._said.wait(), ALIVE_S)
        except TimeoutError:
            return False
        return not self._socket.closed
