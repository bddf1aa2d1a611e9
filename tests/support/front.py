"""A TLS proxy of one's own before a service, over real HTTP, that can be made to do its work badly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import trustme
import uvicorn
from served import Served
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
OURS = {"host", "connection", "content-length", "transfer-encoding", "date", "server"}
Answer = tuple[int, str]


@dataclass
class Front(Served):
    """A context manager. `service`: where it leads; `answers`: what it says itself to `GET /path`, by such beginnings;
    `drops`: headers that it loses. `authority`: the file by which its certificate is trusted."""

    folder: Path
    service: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        authority = trustme.CA()
        certificate, self.authority = self.folder / "front.pem", self.folder / "authority.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        authority.cert_pem.write_to_path(self.authority)
        app = Starlette(routes=[Route("/{path:path}", self._forward, methods=METHODS)])
        config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ssl_certfile=certificate)
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def _forward(self, request: Request) -> Response:
        asked = f"{request.method} {request.url.path}"
        for beginning, (status, said) in self.answers.items():
            if asked.startswith(beginning):
                return Response(said, status, media_type="application/json")
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name: value for name, value in request.headers.items() if name not in OURS | self.drops}
        async with httpx.AsyncClient(timeout=30) as http:
            url, body = f"{self.service}{request.url.path}{query}", await request.body()
            reply = await http.request(request.method, url, content=body, headers=headers)
        kept = {name: value for name, value in reply.headers.items() if name not in OURS}
        return Response(reply.content, reply.status_code, kept)
