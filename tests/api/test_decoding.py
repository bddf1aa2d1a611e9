"""Pictures are decoded in processes with limits: what breaks one costs its own picture and nobody else's."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from functools import partial

import psutil
import pytest
from PIL import Image

from api import decoding
from api.decoding import DAMAGED, TOO_MANY, TOO_SLOW, Decoders, decode_all
from api.errors import BadPhoto, Unavailable
from api.photos import Photo, person_photo


def png(colour: str = "teal", size: tuple[int, int] = (160, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


# What a decoder may do, given bytes; each runs in a child.


def sleeps(_: bytes) -> Photo:
    time.sleep(60)
    raise AssertionError


def grows(data: bytes) -> Photo:
    return Photo(bytes(2 * decoding.MOST_MEMORY), "png", 1, len(data))


def dies(_: bytes) -> Photo:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def tells_its_process(_: bytes) -> Photo:
    return Photo(b"", "png", os.getpid(), 1)


@pytest.fixture
def decoders() -> Decoders:
    return Decoders()


async def test_a_photograph_comes_back_from_a_child_and_the_child_is_kept_for_the_next(decoders: Decoders) -> None:
    photo = await decoders.decode(person_photo, png)
    assert (photo.width, photo.height) == (160, 200)
    pids = [(await decoders.decode(tells_its_process, png)).width for _ in range(3)]
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


async def test_a_refusal_s_own_sentence_comes_back(decoders: Decoders) -> None:
    with pytest.raises(BadPhoto, match="SVG"):
        await decoders.decode(person_photo, lambda: b"<svg/>")


async def test_a_decoder_that_hangs_is_ended_at_its_time_and_costs_nobody_else(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await decoders.decode(person_photo, png)  # so that a process is there
    monkeypatch.setattr(decoding, "LONGEST_S", 4.0)
    started = time.monotonic()
    slow, *others = await asyncio.gather(
        decoders.decode(sleeps, png),
        *(decoders.decode(person_photo, png) for _ in range(4)),
        return_exceptions=True,
    )
    assert isinstance(slow, BadPhoto)
    assert slow.message == TOO_SLOW
    assert all(isinstance(other, Photo) for other in others)
    assert 3.9 < time.monotonic() - started < 30
    assert (await decoders.decode(person_photo, png)).width == 160


async def test_a_decoder_that_wants_too_much_memory_is_refused_it(decoders: Decoders) -> None:
    with pytest.raises(BadPhoto, match="smaller"):
        await decoders.decode(grows, png)
    assert (await decoders.decode(person_photo, png)).width == 160


async def test_a_decoder_that_dies_costs_its_own_picture_only(decoders: Decoders) -> None:
    outcomes = await asyncio.gather(
        *(decoders.decode(work, png) for work in (person_photo, dies, person_photo, dies, person_photo)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Photo, BadPhoto, Photo, BadPhoto, Photo]
    assert str(outcomes[1]) == DAMAGED


async def test_few_pictures_are_in_memory_at_a_time_and_too_many_are_told_to_come_back(decoders: Decoders) -> None:
    reading = most = 0

    def read() -> bytes:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        return png()

    async def decode() -> Photo:
        nonlocal reading
        try:
            return await decoders.decode(person_photo, read)
        finally:
            reading -= 1

    allowed = decoding.AT_ONCE + decoding.MOST_WAITING
    outcomes = await asyncio.gather(*(decode() for _ in range(allowed + 3)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert [refusal.message for refusal in refused] == [TOO_MANY] * 3
    assert all(refusal.headers["Retry-After"] for refusal in refused)
    assert sum(isinstance(outcome, Photo) for outcome in outcomes) == allowed
    assert most <= decoding.AT_ONCE


async def test_no_child_is_left_when_the_loop_ends() -> None:
    def children() -> set[int]:
        return {child.pid for child in psutil.Process().children() if "anyio" in " ".join(child.cmdline())}

    before = children()
    await asyncio.to_thread(partial(decode_all, person_photo, {"a": png()}))
    assert children() <= before


async def test_the_event_loop_keeps_running_while_pictures_are_decoded(decoders: Decoders) -> None:
    big = png(size=(2000, 2500))
    work = asyncio.gather(*(decoders.decode(person_photo, lambda: big) for _ in range(2)))
    longest, before = 0.0, time.monotonic()
    while not work.done():
        await asyncio.sleep(0.005)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    assert len(await work) == 2
    assert longest < 0.5


def test_many_are_decoded_without_a_loop_each_with_its_own_outcome() -> None:
    made = decode_all(person_photo, {"good": png(), "bad": b"GIF89a", "other": png("red")})
    assert [type(made[name]) for name in ("good", "bad", "other")] == [Photo, BadPhoto, Photo]
