"""A name for each request, which its lines in the log and its answer carry."""

from __future__ import annotations

import itertools
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = b"x-request-id"
WELL_FORMED = re.compile(rb"[0-9a-fA-F-]{16,64}")  # as proxies make them; nothing that somebody could write into a log

_process = secrets.token_hex(8)
_numbers = itertools.count(1)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's own where it is well-formed, without dashes, as the log hides UUIDs; else a new one."""
    for name, value in headers:
        if name == HEADER and WELL_FORMED.fullmatch(value):
            return value.decode().replace("-", "")
    return f"{_process}{next(_numbers):08x}"
