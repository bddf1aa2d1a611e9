"""The stations of a card, one a device, and the batches that they are given."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Self

from scripts.batch.plan import Batch
from scripts.batch.results import Result
from scripts.batch.rows import BatchError
from scripts.batch.station import Ready, Refused, Station, work

AHEAD = 2  # batches that a station has: one on the device, one being made ready
LOOK_EVERY_S = 0.2
MOST_TRIES = 3  # of a batch whose station dies
DIED = "The process for {} died while it loaded: see what it said."
LOST = f"The process that made it died {MOST_TRIES} times: see what it said, and try these rows alone."

SPAWN = multiprocessing.get_context("spawn")  # a forked CUDA context is dead


@dataclass(slots=True)
class Member:
    """A station's process. `given`: batches it has, in the order in which their results come."""

    station: Station
    process: BaseProcess
    connection: Connection
    is_ready: bool = False
    given: deque[Batch] = field(default_factory=deque)


class Crew:
    """Stations at work on batches; every batch is made once, whatever station dies.

    `done` is told the results of each batch, on the thread of `run`.
    """

    def __init__(self, members: Sequence[Member], done: Callable[[Sequence[Result]], object]) -> None:
        self._members = list(members)
        self._done = done
        self._left: deque[Batch] = deque()
        self._tries: dict[int, int] = {}  # first row of a batch -> how often its station died

    @classmethod
    def started(
        cls,
        stations: Callable[[int], Sequence[Station]],
        batch_size: int,
        done: Callable[[Sequence[Result]], object],
        stop: threading.Event,
    ) -> tuple[Self, int]:
        """A crew of `stations` of the batch size, and that size; where it is 0, what the first station finds best.

        Raises:
            BatchError: that station cannot be loaded.
        """
        if batch_size:
            return cls([_started(station) for station in stations(batch_size)], done), batch_size
        first = _started(stations(0)[0])
        try:
            size = _size_told(first, stop)
        except BatchError:
            _end(first)
            raise
        return cls([first, *(_started(station) for station in stations(size)[1:])], done), size

    def run(self, batches: Sequence[Batch], stop: threading.Event) -> None:
        """Until all are done, or, after `stop`, until those that were begun are.

        Raises:
            BatchError: a station cannot be loaded.
        """
        self._left = deque(batches)
        while self._left or any(member.given for member in self._members):
            if stop.is_set():
                self._left.clear()
                if not any(member.given for member in self._members):
                    return
            for member in self._members:
                self._give(member)
            for ready in wait([member.connection for member in self._members], LOOK_EVERY_S):
                self._hear(next(member for member in self._members if member.connection is ready))

    def _give(self, member: Member) -> None:
        while member.is_ready and self._left and len(member.given) < AHEAD:
            batch = self._left.popleft()
            member.given.append(batch)
            with contextlib.suppress(OSError):  # it has died, as is heard next
                member.connection.send(batch)

    def _hear(self, member: Member) -> None:
        try:
            told = member.connection.recv()
        except (EOFError, OSError):
            self._replace(member)
            return
        if isinstance(told, Refused):
            raise BatchError(told.sentence)
        if isinstance(told, Ready):
            member.is_ready = True
            return
        member.given.popleft()
        self._done(told)

    def _replace(self, member: Member) -> None:
        """Another process in the place of one that died; what it had is made again."""
        if not member.is_ready:
            raise BatchError(DIED.format(member.station.device))
        _end(member)
        for batch in reversed(member.given):
            self._left.appendleft(batch)
        if member.given:
            self._count(member.given[0])
        self._members[self._members.index(member)] = _started(member.station)

    def _count(self, batch: Batch) -> None:
        first = batch.rows[0].number
        self._tries[first] = self._tries.get(first, 0) + 1
        if self._tries[first] == MOST_TRIES:
            self._left.remove(batch)
            self._done([Result(row.number, error=LOST) for row in batch.rows])

    def end(self) -> None:
        """Let go of all processes."""
        for member in self._members:
            _end(member)


def _size_told(member: Member, stop: threading.Event) -> int:
    """What the loaded station finds best; 1, of a batch that is never made, when it was stopped before."""
    try:
        while not member.connection.poll(LOOK_EVERY_S):
            if stop.is_set():
                return 1
        told = member.connection.recv()
    except (EOFError, OSError):
        raise BatchError(DIED.format(member.station.device)) from None
    if isinstance(told, Refused):
        raise BatchError(told.sentence)
    member.is_ready = True
    return int(told.batch_size)


def _started(station: Station) -> Member:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=work, args=(station, theirs), daemon=True)
    with _environment(station):
        process.start()
    theirs.close()  # so that its death is heard as the end of the connection
    return Member(station, process, ours)


@contextlib.contextmanager
def _environment(station: Station) -> Iterator[None]:
    """On a CPU, the station's number of threads, on which the order of sums depends, and so the picture."""
    if station.device != "cpu":
        yield
        return
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    num_threads = str(station.num_threads)
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, num_threads))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end(member: Member) -> None:
    if not member.is_ready:
        member.process.kill()
    with contextlib.suppress(OSError):
        member.connection.send(None)
    member.connection.close()
    member.process.join(5)
    if member.process.is_alive():
        member.process.kill()
        member.process.join()
