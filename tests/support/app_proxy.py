"""A stand-in of a shop's storefront over real HTTP: its pages, and Shopify's app proxy, which signs and forwards.

Method, body and query go on; cookies do not, neither way.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import httpx
import uvicorn
from served import Served
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from storefront import signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
KEPT_FROM_THE_SERVICE = {"host", "cookie", "connection", "content-length", "transfer-encoding", "x-forwarded-for"}
KEPT_FROM_THE_PAGE = {"set-cookie", "connection", "content-length", "transfer-encoding", "date", "server"}
ANSWERS_WITHIN_S = 60.0
SHOPPERS_ADDRESS = "203.0.113.7"


@dataclass
class AppProxy(Served):
    """The storefront of `shop`, a context manager. `service`: the address that `prefix` leads to.

    `pages`: by their paths; `customer`: who is logged in; `asked`: `POST /public/fitting-room 200` of each request.
    """

    shop: str
    secret: str = field(repr=False)
    service: str = ""
    prefix: str = "/apps/fitting-room"
    customer: str = ""
    pages: dict[str, Path] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        routes = [
            Route(f"{self.prefix}/{{path:path}}", self._forward, methods=METHODS),
            Route("/{path:path}", self._page, methods=["GET", "POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes, lifespan=self._lifespan), port=0, log_level="warning")
        self._server = uvicorn.Server(config)

    @property
    def origin(self) -> str:
        """Of the pages: another host and another port than the service's, so that browsers ask it by CORS."""
        return f"http://localhost:{self.port}"

    @property
    def address(self) -> str:
        """Where pages ask for the service's routes."""
        return self.origin + self.prefix

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_S, trust_env=False) as self._http:
            yield

    async def _page(self, request: Request) -> Response:
        page = self.pages.get(request.url.path)
        return FileResponse(page) if page else HTMLResponse("<h1>Page not found</h1>", 404)

    async def _forward(self, request: Request) -> Response:
        path = request.url.path.removeprefix(self.prefix)
        query = dict(parse_qsl(request.url.query, keep_blank_values=True))
        headers = {name: value for name, value in request.headers.items() if name not in KEPT_FROM_THE_SERVICE}
        headers |= {"x-forwarded-for": SHOPPERS_ADDRESS, "x-forwarded-host": self.shop}
        url = f"{self.service}{path}?{signed(self.shop, self.secret, customer=self.customer, **query)}"
        async with AsyncExitStack() as stack:
            try:
                body = await request.body()
                answer = await stack.enter_async_context(
                    self._http.stream(request.method, url, headers=headers, content=body)
                )
            except httpx.TransportError:
                return HTMLResponse("<h1>There was a problem loading this website</h1>", 502)
            self.asked.append(f"{request.method} {path} {answer.status_code}")
            kept = {name: value for name, value in answer.headers.items() if name not in KEPT_FROM_THE_PAGE}
            close = stack.pop_all().aclose
            return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(close))
