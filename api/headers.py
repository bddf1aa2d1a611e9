"""Security headers on every reply: a browser may frame it, run it or sniff it only as far as its route says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
ALWAYS = {
    "Content-Security-Policy": NOTHING,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


def page_headers(policy: str, *, camera: str = "") -> dict[str, str]:
    """Of an HTML page, whose Content-Security-Policy adds `policy` to nothing at all; `camera`: whose scripts may ask
    for it, as `self`."""
    return {
        "Content-Security-Policy": f"{NOTHING}; {policy}",
        "Permissions-Policy": f"camera=({camera}), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


class SecurityHeaders:
    """Adds those that a reply does not have; with `https`, also that browsers shall come by nothing else."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        wanted = ALWAYS | (HTTPS_ONLY if https else {})
        self._wanted = [(name.lower().encode(), value.encode()) for name, value in wanted.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                added = [header for header in self._wanted if header[0] not in given]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        return await self._app(scope, receive, send_with_headers)
