"""The Lua scripts: every transition of a job is one of them, so that it happens wholly or not at all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rq.defaults import RQ_KEY_PREFIX

FOLDER = Path(__file__).parent / "lua"

CHANGED = "fitting-room:changed:"  # + generation id: a pub/sub channel
BELL = "fitting-room:bell:"  # + queue: a list on which each job that comes rings once
ERASED = "fitting-room:erased"  # a word that is another after each erasure: workers then forget whom they remember
UNWANTED = "fitting-room:unwanted"  # pictures that may still be stored of erased generations -> until when
IDEMPOTENCY = "fitting-room:idempotency:"  # + shop:key -> what was asked, and the generation it made

BUCKETS = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "20", "30", "60", "120", "300", "600")
"""Upper bounds, in seconds, of the histograms that Redis keeps."""


@cache
def source(name: str) -> str:
    """The script `name` with what all of them share."""
    known = f"local RQ = '{RQ_KEY_PREFIX}'\nlocal BUCKETS = {{ {', '.join(BUCKETS)} }}\n"
    return known + "".join((FOLDER / f"{part}.lua").read_text() for part in ("common", "line", "endings", name))
