"""What else can fail while a picture is made: each time, what the shopper is told and what is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from rq.job import Job
from s3_server import make_bucket, s3_server

from inference.blobs import BlobStore
from inference.jobs import ErrorCode, Status

if TYPE_CHECKING:
    import redis

SHOP = "shop.example"
STRIKES = 3
Workshop = Any  # of conftest.py


@pytest.mark.parametrize("mishap", ["kills", "hangs"])
async def test_what_kills_or_hangs_its_worker_three_times_fails_with_a_reason_and_harms_nobody(
    workshop: Workshop, client: redis.Redis, supervise: Callable[..., object], mishap: str
) -> None:
    before, fatal, behind = await workshop.submit(), await workshop.submit(mishap), await workshop.submit()
    if mishap == "hangs":
        for job in (before, fatal, behind):
            client.hset(f"rq:job:{job}", "timeout", 4)  # the watchdog's deadline
    supervise(1, num_steps=1, lease_s=30)
    states = await workshop.until_final(before, fatal, behind, within_s=90)
    assert [state.status for state in states] == [Status.COMPLETED, Status.FAILED, Status.COMPLETED]
    assert states[1].error_code is ErrorCode.WORKER_LOST
    assert "try again" in (states[1].error_message or "")
    fatal_runs = [run for run in workshop.runs() if run.what == "begin" and 2 in run.seeds]
    assert len(fatal_runs) == len({run.pid for run in fatal_runs}) == STRIKES
    assert workshop.taken() == (2, 2), "the failed one is given back"


async def test_a_picture_that_the_disk_has_no_room_for_fails_alone_and_leaves_nothing(workshop: Workshop) -> None:
    too_large, small = await workshop.submit(person="large"), await workshop.submit()
    workshop.start(largest_file=100_000)
    failed, done = await workshop.until_final(too_large, small)
    assert (failed.status, failed.error_code) == (Status.FAILED, ErrorCode.INTERNAL)
    assert "try again" in (failed.error_message or "")
    assert done.status is Status.COMPLETED
    results = [path for path in (workshop.folder / "blobs" / "results").rglob("*") if path.is_file()]
    assert [path.name for path in results] == [f"{small}.png"]
    assert workshop.taken() == (1, 1)
    assert workshop.workers[0].poll() is None


class FailingStore(ThreadingHTTPServer):
    """Stands before a store at `port`; answers the next PUTs of results with the statuses in `answers`."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind = port
        self.answers: list[int] = []
        self.num_failed = 0


class Passing(BaseHTTPRequestHandler):
    server: FailingStore

    def do_PUT(self) -> None:
        body = self._body()
        if "/results/" in self.path and self.server.answers:
            self.server.num_failed += 1
            self._answer(self.server.answers.pop(0), b"", {})
        else:
            self._pass_on(body)

    def do_GET(self) -> None:
        self._pass_on(self._body())

    do_DELETE = do_HEAD = do_POST = do_GET  # noqa: N815

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _pass_on(self, body: bytes) -> None:
        store = HTTPConnection("127.0.0.1", self.server.behind)
        store.request(self.command, self.path, body, dict(self.headers))
        answer = store.getresponse()
        self._answer(answer.status, answer.read(), dict(answer.headers))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def store(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingStore]:
    """An S3 store that can fail, with the workshop's photographs in it."""
    with s3_server() as behind:
        port = urlsplit(behind).port
        assert port is not None
        store = FailingStore(port)
        threading.Thread(target=store.serve_forever, daemon=True).start()
        make_bucket(f"http://127.0.0.1:{store.server_port}", "bucket", monkeypatch)
        blobs = BlobStore.open("s3://bucket")
        for key in ("photos/person.png", "garments/0.png"):
            blobs.put(key, workshop.blobs.get(key))
        yield store
        store.shutdown()


async def test_a_store_that_fails_for_a_moment_is_asked_again(workshop: Workshop, store: FailingStore) -> None:
    store.answers = [503, 500]
    job = await workshop.submit()
    workshop.start(storage="s3://bucket")
    assert (await workshop.until_final(job))[0].status is Status.COMPLETED
    assert store.num_failed == 2
    assert BlobStore.open("s3://bucket").exists(f"results/{SHOP}/{job}.png")
    assert len(workshop.runs()) == 2, "it was made once"


async def test_a_store_that_refuses_a_picture_fails_its_job_and_gives_back_what_it_took(
    workshop: Workshop, store: FailingStore
) -> None:
    store.answers = [403]
    refused = await workshop.submit()
    workshop.start(storage="s3://bucket")
    (failed,) = await workshop.until_final(refused)
    assert (failed.status, failed.error_code) == (Status.FAILED, ErrorCode.INTERNAL)
    assert workshop.taken() == (0, 0)
    assert (await workshop.until_final(await workshop.submit()))[0].status is Status.COMPLETED


@pytest.mark.parametrize("by_s", [86400.0, -86400.0])
async def test_a_worker_whose_wall_clock_jumps_keeps_its_lease_and_its_job_ends_once(
    workshop: Workshop, client: redis.Redis, by_s: float
) -> None:
    job = await workshop.submit()
    workshop.start(num_steps=20, step_s=0.1, lease_s=0.6, clock_jumps_by=by_s)
    await workshop.until(job, Status.PROCESSING)
    workshop.start(lease_s=0.6)  # who would take it if the lease ran out
    (done,) = await workshop.until_final(job)
    assert done.status is Status.COMPLETED
    assert len({run.pid for run in workshop.runs()}) == 1
    record = Job.fetch(job, connection=client)
    assert len(record.results()) == 1
    assert record.enqueued_at is not None
    assert record.ended_at is not None
    assert 0 <= (record.ended_at - record.enqueued_at).total_seconds() < 60, "by Redis's clock"
    assert workshop.taken() == (1, 1)
    assert workshop.workers[0].poll() is None
