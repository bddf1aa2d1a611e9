from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.errors import TooLarge
from api.small_body import LARGEST_KB, SmallBody


async def test_a_short_length_that_is_announced_beside_chunks_is_not_believed() -> None:
    """Of both headers some servers heed the second alone."""
    router = APIRouter(route_class=SmallBody)

    @router.post("/")
    async def told(text: dict[str, str]) -> int:
        return len(text)

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"a": "'
        for _ in range(LARGEST_KB):
            yield b"a" * 1024
        yield b'"}'

    app = FastAPI(routes=router.routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
        with pytest.raises(TooLarge):
            await client.post("/", content=chunks(), headers={"content-length": "10", "transfer-encoding": "chunked"})
