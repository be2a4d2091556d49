"""What the server shows to everybody: the page, LiteRT.js, and what browsers may do with them."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from edgebench.deploy.transports.browser import assets

PAGE = Path(__file__).parent / "page"

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
}

HEADERS = {
    # Together these make the page cross-origin isolated: threads, and a clock of 5 us.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src data:; connect-src 'self' {socket}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def secure(answer: web.StreamResponse, socket: str) -> None:
    """Say what the browser may do with an answer; `socket` is the origin of our WebSocket."""
    answer.headers.update(HEADERS)
    answer.headers["Content-Security-Policy"] = POLICY.format(socket=socket)
    answer.headers.setdefault("Cache-Control", "no-store")


async def index(request: web.Request) -> web.StreamResponse:
    return _static(PAGE / "index.html")


async def page(request: web.Request) -> web.StreamResponse:
    names = {path.name: path for path in PAGE.iterdir() if path.suffix in TYPES}
    return _static(names.get(request.match_info["name"]))


def _static(path: Path | None) -> web.Response:
    if path is None:
        return web.Response(status=404, text="There is no such file.\n")
    return web.Response(body=path.read_bytes(), content_type=TYPES[path.suffix], charset="utf-8")


async def litert(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    path = assets.folder() / f"{name}.gz"
    if name not in assets.FILES or not path.exists():
        return web.Response(status=404, text="There is no such file.\n")
    return web.FileResponse(
        path,
        headers={
            "Content-Type": TYPES[Path(name).suffix],
            "Content-Encoding": "gzip",
            "Cache-Control": "max-age=86400",
        },
    )
