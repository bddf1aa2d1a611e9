"""Requests, admissions and queues for the tests of `inference`."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import redis
import redis.asyncio

from inference import pictures
from inference.blobs import BlobStore
from inference.children import spawn
from inference.jobs import Admission, Generation, GenerationRequest, SlidingLimit, Status, new_generation_id
from inference.queue import GenerationQueue

MISHAPS = {1: "raises", 2: "unusable", 3: "device lost", 4: "hangs", 5: "kills"}  # as fake_worker.py knows them
WEEK_S = 7 * 24 * 3600
SHOP = "shop.example"

MakeRequest = Callable[..., GenerationRequest]


@pytest.fixture
def client(empty_redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(empty_redis_url) as client:
        yield client


@pytest.fixture
async def async_client(empty_redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis.from_url(empty_redis_url) as client:
        yield client


@pytest.fixture
def queue(async_client: redis.asyncio.Redis) -> GenerationQueue:
    return GenerationQueue(async_client, max_length=1000, retention_s=WEEK_S)


@pytest.fixture
def make_request() -> MakeRequest:
    seeds = itertools.count()

    def make(shop: str = SHOP, card: str = "paperdoll", steps: int | None = None) -> GenerationRequest:
        seed = next(seeds)
        return GenerationRequest(
            generation_id=new_generation_id(),
            shop=shop,
            shopper="shopper",
            person_key=f"photos/{shop}/person.png",
            garment_key=f"products/{shop}/garment.png",
            category="upper",
            card=card,
            seed=seed,
            num_inference_steps=steps,
        )

    return make


def admission(shop: str = SHOP, *, shopper: str = "shopper", limit: int = 10, quota: int = 1000) -> Admission:
    return Admission(shop, (SlidingLimit(shopper, limit, WEEK_S),), quota)


@pytest.fixture
def admit() -> Callable[..., Admission]:
    return admission


class Workshop:
    """Real worker processes with a fake engine, the pictures they need, and what they noted."""

    def __init__(self, url: str, folder: Path, client: redis.Redis, queue: GenerationQueue) -> None:
        self.url = url
        self.folder = folder
        self.client = client
        self.queue = queue
        self.log = folder / "runs.log"
        self.blobs = BlobStore.open((folder / "blobs").as_uri())
        self.workers: list[subprocess.Popen[bytes]] = []
        for mishap in range(len(MISHAPS) + 1):
            self.blobs.put(f"garments/{mishap}.png", pictures.encode(np.full((4, 4, 3), mishap, np.uint8)))
        self.blobs.put("photos/person.png", pictures.encode(np.full((6, 5, 3), 9, np.uint8)))
        self.blobs.put("photos/mask.png", pictures.encode(np.full((6, 5, 3), 250, np.uint8)))
        self.blobs.put("photos/broken.png", b"not a picture")
        noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
        self.blobs.put("photos/large.png", pictures.encode(noise))  # 270 kB
        self._seeds = itertools.count(1)
        self._names = itertools.count()

    def argv(self, **options: object) -> list[str]:
        named = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        files = ["--blobs", str(self.folder / "blobs"), "--log", str(self.log)]
        return [sys.executable, str(Path(__file__).parent / "fake_worker.py"), "--redis", self.url, *files, *named]

    def start(self, **options: object) -> str:
        """Start a worker; its name."""
        name = f"worker-{next(self._names)}"
        with (self.folder / "workers.log").open("ab") as log:
            self.workers.append(spawn([*self.argv(**options), "--name", name], log, when_orphaned=signal.SIGKILL))
        return name

    async def submit(
        self,
        mishap: str = "",
        *,
        person: str = "person",
        shop: str = SHOP,
        card: str = "paperdoll",
        steps: int | None = None,
        mask: str | None = None,
        webhook: bool = False,
    ) -> str:
        """Queue a generation with what shall go wrong in it; its id."""
        numbers = {name: number for number, name in MISHAPS.items()}
        request = GenerationRequest(
            generation_id=new_generation_id(),
            shop=shop,
            shopper="shopper",
            person_key=f"photos/{person}.png",
            garment_key=f"garments/{numbers.get(mishap, 0)}.png",
            category="upper",
            card=card,
            seed=next(self._seeds),
            num_inference_steps=steps,
            mask_key=mask and f"photos/{mask}.png",
            webhook=webhook,
        )
        submission = await self.queue.submit(request, admission(shop, limit=10_000, quota=10_000))
        assert submission.refusal is None
        return submission.generation_id

    async def find(self, generation_id: str, shop: str = SHOP) -> Generation:
        found = await self.queue.find(generation_id, shop)
        assert found is not None
        return found

    async def until(self, generation_id: str, *statuses: Status, within_s: float = 20, shop: str = SHOP) -> Generation:
        """The generation as soon as it has one of these statuses."""
        give_up_at = time.monotonic() + within_s
        while (found := await self.find(generation_id, shop)).status not in statuses:
            assert time.monotonic() < give_up_at, f"{found} is not {statuses} within {within_s} s; {self.said()}"
            await asyncio.sleep(0.01)
        return found

    async def until_final(self, *generation_ids: str, within_s: float = 20, shop: str = SHOP) -> list[Generation]:
        finals = (Status.COMPLETED, Status.FAILED)
        return [await self.until(each, *finals, within_s=within_s, shop=shop) for each in generation_ids]

    def runs(self) -> list[Run]:
        """What the workers noted, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return [
            Run(what, int(pid), float(at), tuple(int(seed) for seed in rest[0].split(",")) if rest else ())
            for what, pid, at, *rest in lines
        ]

    def said(self) -> str:
        said = self.folder / "workers.log"
        return said.read_text()[-3000:] if said.exists() else ""

    def taken(self, shop: str = SHOP, shopper: str = "shopper") -> tuple[int, int]:
        """Generations taken of the weekly limit, and of the months' quotas."""
        quota = sum(int(self.client.get(key) or 0) for key in self.client.keys(f"fitting-room:quota:{shop}:*"))
        return self.client.zcard(f"fitting-room:limit:{shop}:{shopper}"), quota

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@dataclass(frozen=True)
class Run:
    """A line of the workers' log: `what` is begin or end, `seeds` those of the batch."""

    what: str
    pid: int
    at: float
    seeds: tuple[int, ...]


@pytest.fixture
def workshop(empty_redis_url: str, tmp_path: Path, client: redis.Redis, queue: GenerationQueue) -> Iterator[Workshop]:
    workshop = Workshop(empty_redis_url, tmp_path, client, queue)
    yield workshop
    workshop.close()


@pytest.fixture
def supervise(workshop: Workshop, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a supervisor process over `num_workers` fake workers; all are gone after the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(
        num_workers: int = 2, queues: str = "paperdoll", folder: str = "data", **options: object
    ) -> subprocess.Popen[bytes]:
        program = [sys.executable, str(Path(__file__).parent / "supervise.py")]
        argv = workshop.argv(queues=queues, **options)
        with (tmp_path / "supervisor.log").open("ab") as log:
            where = [workshop.url, str(tmp_path / folder), str(num_workers), queues, "--"]
            processes.append(spawn([*program, *where, *argv], log, when_orphaned=signal.SIGKILL))
        return processes[-1]

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(20)
