"""Give hostile pictures to the decoders, and to the API over HTTP, and count what must not happen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from api.decoding import AT_ONCE, LONGEST_S, MOST_MEMORY, Decoders
from api.errors import BadPhoto
from api.photos import Photo, garment_picture, person_photo
from inference.children import end, spawn
from inference.redis_server import RedisServer
from scripts.fuzz.corpus import hostile
from scripts.fuzz.memory import MemoryWatch
from scripts.options import FITTING_ROOM

GRACE_S = 10.0  # beyond a decoder's time, and then it hangs
START_S = 60.0
OWN_MEMORY = 512 << 20  # bytes that a process has before a picture comes


@dataclass
class Found:
    """What became of the inputs; `worst` names by its number the first input of each thing that must not happen."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    server_errors: int = 0
    hangs: int = 0
    over_memory: int = 0
    unclear: int = 0  # refusals that do not say in a sentence what to do
    slowest_s: float = 0.0
    peak_memory_mib: int = 0
    worst: dict[str, int] = field(default_factory=dict)
    sentences: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, number: int) -> None:
        setattr(self, what, getattr(self, what) + 1)
        if what not in ("accepted", "refused"):
            self.worst.setdefault(what, number)

    def refuse(self, sentence: str, number: int) -> None:
        self.count("refused", number)
        self.sentences[sentence] += 1
        if not (sentence.endswith(".") and "Please" in sentence):
            self.count("unclear", number)

    @property
    def is_clean(self) -> bool:
        return not (self.server_errors or self.hangs or self.over_memory or self.unclear)


def fuzz(num_inputs: int, seed: int, http_share: float, on_step: Callable[[], object]) -> Found:
    """Inputs are told by `seed` and their number; one in 1 / `http_share` goes over HTTP, through a whole upload."""
    found = Found()
    with _api() if http_share else contextlib.nullcontext("") as url, MemoryWatch(os.getpid()) as memory:
        asyncio.run(_run(found, num_inputs, seed, http_share, url, on_step))
    found.peak_memory_mib = max(memory.peaks.values(), default=0) >> 20
    found.over_memory = sum(peak > MOST_MEMORY + OWN_MEMORY for peak in memory.peaks.values())
    return found


def input_of(seed: int, number: int) -> bytes:
    """The same bytes whatever else is run."""
    return hostile(random.Random(f"{seed}/{number}"))  # noqa: S311


async def _run(
    found: Found, num_inputs: int, seed: int, http_share: float, url: str, on_step: Callable[[], object]
) -> None:
    numbers = iter(range(num_inputs))
    decoders = Decoders()

    async def work() -> None:
        for number in numbers:
            data, began_at = input_of(seed, number), time.monotonic()
            over_http = random.Random(number).random() < http_share  # noqa: S311
            try:
                async with asyncio.timeout(LONGEST_S + GRACE_S):
                    await (
                        _upload(client, data, found, number) if over_http else _decode(decoders, data, found, number)
                    )
            except TimeoutError:
                found.count("hangs", number)
            except Exception:
                found.count("server_errors", number)
            found.inputs += 1
            found.slowest_s = max(found.slowest_s, time.monotonic() - began_at)
            on_step()

    async with _client(url) as client, asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())


@contextlib.asynccontextmanager
async def _client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=None, trust_env=False) as client:  # noqa: S113
        yield client


async def _decode(decoders: Decoders, data: bytes, found: Found, number: int) -> None:
    work: Callable[[bytes], Photo] = garment_picture if number % 3 == 0 else person_photo
    try:
        await decoders.decode(work, lambda: data)
    except BadPhoto as refusal:
        found.refuse(refusal.message, number)
    else:
        found.count("accepted", number)


async def _upload(client: httpx.AsyncClient, data: bytes, found: Found, number: int) -> None:
    reply = await client.post("/public/upload-image", files={"file": ("me", data)})
    if reply.status_code >= 500:
        found.count("server_errors", number)
    elif reply.is_success:
        found.count("accepted", number)
    else:
        found.refuse(reply.json()["message"], number)


@contextlib.contextmanager
def _api() -> Iterator[str]:
    """The address of an API process on a Redis of its own, as anyone starts it."""
    with tempfile.TemporaryDirectory(prefix="fr-") as folder, RedisServer(Path(folder)) as redis:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log_file = Path(folder) / "api.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FITTING_ROOM_")}
        environment |= {"REDIS_URL": redis.url}
        with log_file.open("wb") as log:
            argv = [*FITTING_ROOM, "api", "--data", folder, "--port", str(port)]
            process = spawn(argv, log, environment=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, log_file)
            yield url
        finally:
            end(process, within_s=15)


def _wait_for(url: str, log_file: Path) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health/live", trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The API did not start: {log_file.read_text()[-500:]}")
