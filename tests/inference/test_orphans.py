from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.blobs import BlobStore
from inference.orphans import purge_orphans

if TYPE_CHECKING:
    from pathlib import Path

    import redis


@pytest.mark.parametrize(
    ("status", "is_kept"),
    [
        ("queued", True),
        ("started", True),
        ("finished", True),
        ("failed", False),
        ("stopped", False),
        ("canceled", False),
        (None, True),  # of whom Redis knows nothing, the term decides
    ],
)
def test_pictures_are_kept_unless_their_job_ended_without(
    client: redis.Redis, tmp_path: Path, status: str | None, is_kept: bool
) -> None:
    blobs = BlobStore.open(tmp_path.as_uri())
    blobs.put("results/shop/gen_a.png", b"a picture")
    if status:
        client.hset("rq:job:gen_a", "status", status)
    assert purge_orphans(blobs, client, older_than_s=3600) == 0
    assert purge_orphans(blobs, client, older_than_s=0) == (not is_kept)
    assert blobs.exists("results/shop/gen_a.png") is is_kept
