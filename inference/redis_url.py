"""Addresses of Redis: of the socket in a data folder, and as they may be shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

SOCKET = "redis.sock"


def socket_url(folder: Path) -> str:
    """The address of the server that runs in `folder`, whose path may hold any character."""
    return f"unix://{quote(str(folder / SOCKET))}"


def without_secrets(url: str) -> str:
    """`url` without user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
