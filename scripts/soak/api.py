"""An API process with trapdoors in the windows of a submit and of an upload; all else is the service's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import typer

from api.server import run_api
from inference.blobs import BlobStore
from inference.queue import GenerationQueue
from scripts.options import settings_with
from scripts.soak import windows
from scripts.soak.traps import Traps, after_awaiting, before, of_this_process


def main(port: Annotated[int, typer.Option()]) -> None:
    """Serve until SIGTERM."""
    traps = of_this_process()
    before(traps, GenerationQueue, "submit", "api", windows.ASKED)
    after_awaiting(traps, GenerationQueue, "submit", "api", windows.ANSWERED)
    before(traps, BlobStore, "put_async", "api", windows.TAKEN)
    after_awaiting(traps, BlobStore, "put_async", "api", windows.KEPT)
    _lay_in_uploads(traps)
    run_api(settings_with(port=port))


def _lay_in_uploads(traps: Traps) -> None:
    plain = BlobStore.put_stream

    async def put_stream(blobs: BlobStore, key: str, chunks: AsyncIterator[bytes]) -> None:
        async def half() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
                traps.spring("api", windows.HALF_SENT)

        await plain(blobs, key, half())

    setattr(BlobStore, "put_stream", put_stream)  # noqa: B010


if __name__ == "__main__":
    typer.run(main)
