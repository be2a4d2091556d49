"""The page's server, attacked: it says one sentence, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from toy_models import MakeRun

from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.runner.messages import Reporter, RunnerError
from edgebench.deploy.runner.scheduler import Scheduler
from edgebench.deploy.transports.browser import assets
from edgebench.deploy.transports.browser.listening import Listening
from edgebench.deploy.transports.browser.server import (
    IN_USE,
    LARGEST_MESSAGE,
    PROTOCOL,
    WRONG_TOKEN,
    Server,
)
from edgebench.deploy.transports.browser.session import (
    LARGEST_ANSWER,
    BrowserSession,
    Died,
    Interrupted,
    Refused,
)
from edgebench.deploy.transports.browser.tensors import Tensors
from edgebench.deploy.transports.browser.worker import BrowserWorker
from edgebench.documents import load
from edgebench.errors import DeviceError, UsageError

SECRET = "what no page may read"
READY = {"page": {"started": True, "visible": True, "about": {}}}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(Listening())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def session(server: Server, tmp_path: Path) -> BrowserSession:
    made = BrowserSession("browser")
    (tmp_path / "model").write_bytes(b"weights")
    (tmp_path / "secret").write_text(SECRET)
    made.files = {"a" * 64: tmp_path / "model", "b" * 64: b"inputs"}
    server.sessions.append(made)
    return made


class Visitor:
    """Somebody at the server, who says to be at its own page unless told otherwise."""

    def __init__(self, server: Server, client: ClientSession) -> None:
        self.origin = f"http://127.0.0.1:{server.port}"
        self.client = client

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self.client.get(self.origin + path, headers=headers) as answer:
            return answer.status, await answer.text(errors="replace"), dict(answer.headers)

    async def page(self, token: str, origin: str | None = None) -> ClientWebSocketResponse:
        return await self.client.ws_connect(
            f"{self.origin}/session", protocols=(PROTOCOL, token), origin=origin or self.origin
        )


def visit(server: Server, work: Callable[[Visitor], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        async with ClientSession() as client:
            await work(Visitor(server, client))

    asyncio.run(all_of_it())


def raw(server: Server, request: bytes) -> bytes:
    """What comes back for some bytes, until the server closes or has no more to say."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as one:
        one.sendall(request)
        found = b""
        try:
            while piece := one.recv(65536):
                found += piece
        except TimeoutError:
            pass
        return found


def test_the_page_is_isolated_and_may_load_nothing_from_elsewhere(
    server: Server, session: BrowserSession
) -> None:
    async def work(visitor: Visitor) -> None:
        for path in ("/", "/page/main.js", "/page/worker.js", "/nothing"):
            _, _, headers = await visitor.get(path)
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe-inline" not in policy
            assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
            assert "*" not in policy and "frame-ancestors 'none'" in policy
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert headers["X-Content-Type-Options"] == "nosniff"
        status, text, _ = await visitor.get("/")
        assert status == 200 and "http" not in text.replace("http-equiv", "")
        assert session.token not in text

    visit(server, work)


def test_files_are_served_by_hash_and_to_who_has_the_token(
    server: Server, session: BrowserSession
) -> None:
    async def work(visitor: Visitor) -> None:
        ours = {"Authorization": f"Bearer {session.token}"}
        assert (await visitor.get("/files/" + "a" * 64, **ours))[:2] == (200, "weights")
        assert (await visitor.get("/files/" + "b" * 64, **ours))[:2] == (200, "inputs")
        assert (await visitor.get("/files/" + "c" * 64, **ours))[0] == 404
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": session.token}):
            status, text, _ = await visitor.get("/files/" + "a" * 64, **header)
            assert status == 401 and "token of a run" in text and "weights" not in text
        address = f"/files/{'a' * 64}?token={session.token}"
        assert (await visitor.get(address))[0] == 401

    visit(server, work)


@pytest.mark.parametrize(
    "path",
    [
        "/files/../secret",
        "/files/..%2fsecret",
        "/files/%2e%2e%2fsecret",
        "/files//etc/passwd",
        "/page/../server.py",
        "/page/..%2fserver.py",
        "/page/%2e%2e/server.py",
        "/page/__init__.py",
        "/page/..%5cserver.py",
        "/litert/../../../etc/passwd",
        "/litert/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/.git/config",
        "/page/",
        "/files/",
    ],
)
def test_no_path_leads_to_the_file_system(
    server: Server, session: BrowserSession, path: str
) -> None:
    host = f"Host: 127.0.0.1:{server.port}"
    lines = (f"GET {path} HTTP/1.1", host, f"Authorization: Bearer {session.token}")
    found = raw(server, ("\r\n".join((*lines, "Connection: close", "", ""))).encode())
    status = found.split(b" ")[1]
    assert status in (b"404", b"400", b"405"), found
    assert SECRET.encode() not in found and b"import " not in found and b"root:" not in found


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "", "[::1"])
def test_a_name_that_is_made_to_point_here_is_refused(
    server: Server, session: BrowserSession, host: str
) -> None:
    name = host.format(port=server.port)
    for path in ("/", "/files/" + "a" * 64, "/session"):
        lines = (f"GET {path} HTTP/1.1", f"Host: {name}", f"Authorization: Bearer {session.token}")
        found = raw(server, ("\r\n".join((*lines, "Connection: close", "", ""))).encode())
        assert found.split(b" ")[1] in (b"421", b"400"), found
        assert b"weights" not in found


def test_another_origin_gets_nothing(server: Server, session: BrowserSession) -> None:
    async def work(visitor: Visitor) -> None:
        ours = {"Authorization": f"Bearer {session.token}"}
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{server.port}"):
            status, text, _ = await visitor.get("/files/" + "a" * 64, **ours, Origin=origin)
            assert status == 403 and text == "Only edgebench's own page may ask this.\n"
            with pytest.raises(WSServerHandshakeError) as refused:
                await visitor.page(session.token, origin)
            assert refused.value.status == 403

    visit(server, work)


async def closed(page: ClientWebSocketResponse) -> tuple[int | None, str]:
    """The code and the reason with which the server closes, whatever it says before."""
    while True:
        message = await page.receive(timeout=15)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            return page.close_code, str(message.extra or "")


def test_a_wrong_token_and_one_of_an_earlier_run_get_a_sentence(
    server: Server, session: BrowserSession
) -> None:
    async def work(visitor: Visitor) -> None:
        for token in ("wrong", session.token[:-1], BrowserSession("earlier").token):
            code, reason = await closed(await visitor.page(token))
            assert code == WRONG_TOKEN and reason.startswith("This address is of another run.")
        assert session.link is None

    visit(server, work)


def test_one_client_a_token_but_one_that_is_gone_makes_room(
    server: Server, session: BrowserSession
) -> None:
    async def work(visitor: Visitor) -> None:
        first = await visitor.page(session.token)
        assert json.loads((await first.receive()).data)["welcome"]
        await first.send_json(READY)

        async def live() -> None:
            async for message in first:
                if message.type is WSMsgType.TEXT and "there" in json.loads(message.data):
                    await first.send_json({"here": True})

        living = asyncio.create_task(live())
        code, reason = await closed(await visitor.page(session.token))
        assert code == IN_USE and "another tab" in reason
        assert session.usable
        living.cancel()  # It is there, and does not answer any more.
        third = await visitor.page(session.token)
        assert json.loads((await third.receive(timeout=15)).data)["welcome"]
        await third.send_json(READY)
        await first.close()
        while not session.usable:
            await asyncio.sleep(0.01)
        await third.close()

    visit(server, work)


@pytest.mark.parametrize("length", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
def test_a_body_of_a_gigabyte_is_refused_before_it_is_sent(
    server: Server, session: BrowserSession, length: str
) -> None:
    for path in ("/", "/session", "/files/" + "a" * 64):
        lines = (f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", length)
        found = raw(server, ("\r\n".join((*lines, "Connection: close", "", ""))).encode())
        assert found.split(b" ")[1] == b"405", found


def test_what_is_sent_all_the_same_is_not_taken(server: Server, session: BrowserSession) -> None:
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {1 << 30}\r\n\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as one:
        one.sendall(head.encode())
        with suppress(OSError):
            while sent < 1 << 30:
                sent += one.send(bytes(1 << 20))
    assert sent < 1 << 26


def test_a_message_that_is_too_large_ends_the_connection_and_nothing_else(
    server: Server, session: BrowserSession
) -> None:
    async def work(visitor: Visitor) -> None:
        stranger = await visitor.page("wrong")
        page = await visitor.page(session.token)
        await page.send_json(READY)
        with suppress(ConnectionError):  # It does not wait for the end of it.
            await page.send_bytes(bytes(LARGEST_MESSAGE + 1))
        code, _ = await closed(page)
        assert code in (1009, 1006)
        again = await visitor.page(session.token)
        assert json.loads((await again.receive()).data)["welcome"]
        await stranger.close()
        await again.close()

    visit(server, work)


@pytest.mark.parametrize(
    "nonsense", ["{", "[]", "7", '"page"', "{}", '{"id": "one"}', '{"page": 7}', "\x00"]
)
def test_nonsense_ends_the_connection_with_a_sentence(
    server: Server, session: BrowserSession, nonsense: str
) -> None:
    async def work(visitor: Visitor) -> None:
        page = await visitor.page(session.token)
        await page.send_str(nonsense)
        code, reason = await closed(page)
        assert code == 1008 and reason == "It sent what makes no sense."

    visit(server, work)


def test_a_client_that_is_no_page_is_told_so(server: Server, session: BrowserSession) -> None:
    async def work(visitor: Visitor) -> None:
        assert (await visitor.get("/session"))[:2] == (
            400,
            "Only edgebench's own page may ask this.\n",
        )
        for path in ("/files/" + "a" * 64, "/page/nothing.js", "/litert/package.json"):
            assert (await visitor.get(path))[0] in (401, 404)

    visit(server, work)


def test_outputs_that_are_too_large_to_return_are_refused_before_they_are_computed(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run("plain", "attention", processes=1, blocks=1)
    session = BrowserSession("one")
    session.connected(Impostor(session, FINE))
    session.heard(READY)
    plan = json.loads((folder / "plan.json").read_bytes())
    monkeypatch.setattr(Tensors, "output_bytes", lambda self, places: LARGEST_ANSWER + 1)
    worker = BrowserWorker(session, plan, folder / "files", lambda state: None)
    (answer,) = worker({"kind": "evaluate", "slot": "plain", "folder": str(folder)})
    assert "a page returns at most 64 MiB" in answer["error"]


class Paper:
    """A page that answers when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        self.sent.append((code, reason))


def test_a_question_is_interrupted_by_all_that_takes_the_page_away() -> None:
    for away in (
        lambda s, link: s.disconnected(link),
        lambda s, link: s.connected(Paper()),
        lambda s, link: s.heard({"page": {"started": True, "visible": False}}),
    ):
        session, link = BrowserSession("one"), Paper()
        session.connected(link)
        session.heard(READY)
        link.send = lambda message, s=session, at=link, away=away: away(s, at)  # type: ignore[method-assign]
        with pytest.raises(Interrupted):
            session.ask({"do": "start"})


def test_an_answer_to_an_earlier_question_does_not_count() -> None:
    session, link = BrowserSession("one"), Paper()
    session.connected(link)
    session.heard(READY)

    def answer(message: Any) -> None:
        session.heard({"id": message["id"] - 1, "ok": "stale"})
        session.heard({"id": message["id"], "ok": "mine"})

    link.send = answer  # type: ignore[method-assign]
    assert session.ask({"do": "start"}) == "mine"
    link.send = lambda message: session.heard({"id": message["id"], "error": "no"})  # type: ignore[method-assign]
    with pytest.raises(Refused, match="no"):
        session.ask({"do": "start"})
    link.send = lambda message: session.heard({"died": "out of memory"})  # type: ignore[method-assign]
    with pytest.raises(Died, match="out of memory"):
        session.ask({"do": "start"})


class Impostor:
    """Who has the token, and answers what no page would."""

    def __init__(self, session: BrowserSession, answers: dict[str, Any]) -> None:
        self.session = session
        self.answers = answers

    def send(self, message: Any) -> None:
        if isinstance(message, bytes):
            self.session.heard(message[:4] + bytes(20))
        elif message.get("do") in self.answers:
            answer = self.answers[message["do"]]
            self.session.heard({"id": message["id"], **answer})

    def close(self, code: int, reason: str) -> None:
        """Does nothing."""


FINE = {
    "start": {"ok": {"step_ms": 0.005}},
    "evaluate": {"ok": {"load_s": 0, "first_inference_s": 0}},
}


@pytest.mark.parametrize(
    ("about", "answers"),
    [
        ({}, {"start": {"ok": {"step_ms": "fine"}}}),
        ({}, {"start": {"ok": None}}),
        ({}, {"start": {}}),
        ({"cores": "many"}, FINE),
        ({"cores": [2]}, FINE),
        ({"brands": 7}, FINE),
        ({}, {**FINE, "evaluate": {"ok": []}}),
        ({}, {**FINE, "block": {"ok": {}}}),
        ({}, {**FINE, "block": {"ok": {"before": {}, "after": {}, "warmups": 1, "turns": []}}}),
    ],
)
def test_answers_that_make_no_sense_fail_the_run_with_a_sentence(
    about: Any, answers: dict[str, Any], make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", processes=1, blocks=1)
    session = BrowserSession("one")
    session.connected(Impostor(session, answers))
    session.heard({"page": {"started": True, "visible": True, "about": about}})
    plan = json.loads((folder / "plan.json").read_bytes())
    worker = BrowserWorker(session, plan, folder / "files", lambda state: None)
    scheduler = Scheduler(
        str(folder / "plan.json"), str(folder / "result.json"), worker, Reporter()
    )
    try:
        scheduler.run()
    except RunnerError as error:
        assert "no sense" in str(error)
        return
    result = load(folder / "result.json", RunResult)
    assert not result.complete
    assert all(block.error and "no sense" in block.error for block in result.blocks)


def test_an_address_in_use_and_a_certificate_that_is_none_are_explained(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DeviceError, match=r"cannot listen on 127\.0\.0\.1"):
        Server(Listening(port=server.port)).start()
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(UsageError, match=r"cert.pem is not a certificate"):
        Server(Listening(certificate=tmp_path / "cert.pem")).start()
    with pytest.raises(UsageError, match="is not a certificate"):
        Server(Listening(certificate=tmp_path / "missing.pem")).start()


def test_what_is_not_the_pinned_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path))
    other = tmp_path / "core.tgz"
    other.write_bytes(b"something else")
    monkeypatch.setattr(assets, "_downloaded", lambda target: other)
    with pytest.raises(DeviceError, match="another hash"):
        assets.prepare(lambda step, done, total: None)
    assert not assets.prepared()
