"""An S3 server of this process, and buckets in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def s3_server() -> Iterator[str]:
    """Its endpoint; the test is skipped where the stand-in is not installed."""
    moto = pytest.importorskip("moto.server", reason="the S3 stand-in is a dev dependency: moto")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def make_bucket(endpoint: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket at `endpoint`, which this process and its children then take for S3."""
    for variable, value in {
        "AWS_ENDPOINT": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(variable, value)
    httpx.put(f"{endpoint}/{name}").raise_for_status()
