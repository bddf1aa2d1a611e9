from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inference.jobs import Status
from inference.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

Workshop = Any  # of conftest.py


@pytest.fixture(params=["sp ace", "a#b?c=%41"])
def empty_redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in a folder with an awkward name, in place of the session's."""
    with RedisServer(tmp_path_factory.mktemp("r") / request.param) as server:
        yield server.url


async def test_a_worker_runs_on_a_server_in_any_folder(workshop: Workshop) -> None:
    workshop.start()
    (done,) = await workshop.until_final(await workshop.submit())
    assert done.status is Status.COMPLETED
