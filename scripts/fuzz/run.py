"""Give hostile pictures to the decoders, and to the API over HTTP, and count what must not happen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from api.decoding import AT_ONCE, LONGEST_S, MOST_MEMORY, Decoders
from api.errors import BadPhoto
from api.photos import Photo, garment_picture, person_photo
from scripts.bench.live.stack import Stack
from scripts.client.client import Client, opened
from scripts.client.errors import Refused
from scripts.client.patience import ONCE
from scripts.fuzz.corpus import hostile
from scripts.fuzz.memory import MemoryWatch

GRACE_S = 10.0  # beyond a decoder's time, and then it hangs
CARD = "paperdoll"  # which nobody loads
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

    longer_s = 2 * (LONGEST_S + GRACE_S)
    async with opened(url, patience=ONCE, answer_within_s=longer_s) as client, asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())


async def _decode(decoders: Decoders, data: bytes, found: Found, number: int) -> None:
    work: Callable[[bytes], Photo] = garment_picture if number % 3 == 0 else person_photo
    try:
        await decoders.decode(work, lambda: data)
    except BadPhoto as refusal:
        found.refuse(refusal.message, number)
    else:
        found.count("accepted", number)


async def _upload(client: Client, data: bytes, found: Found, number: int) -> None:
    try:
        await client.upload_image(data)
    except Refused as refusal:
        if refusal.status >= 500:
            found.count("server_errors", number)
        else:
            found.refuse(str(refusal), number)
    else:
        found.count("accepted", number)


@contextlib.contextmanager
def _api() -> Iterator[str]:
    """The address of an API process on a Redis of its own."""
    with tempfile.TemporaryDirectory(prefix="fr-") as folder, Stack(Path(folder), {"card": CARD}) as stack:
        yield stack.url
