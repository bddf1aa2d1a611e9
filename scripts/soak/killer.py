"""Kills one part after the other with SIGKILL, starts it again, and measures how long the service lacked it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import psutil

from scripts.soak.estate import Estate
from scripts.soak.traps import Death, Victim
from scripts.soak.windows import BEREAVED, RECLAIMED, Blow

SPRUNG_WITHIN_S = 4.0  # else the blow falls at a random moment
LONGEST_DOWN_S = 0.5  # before the dead part is started again
LOOK_EVERY_S = 0.02


class Killer:
    """`lacked_s`: for each death of an API process, of Redis or of the supervisor, until it served again."""

    def __init__(self, estate: Estate, chance: random.Random) -> None:
        self.lacked_s: dict[Victim, list[float]] = defaultdict(list)
        self._estate, self._chance = estate, chance
        self._waiting: set[asyncio.Task[None]] = set()

    async def strike(self, blows: Sequence[Blow], may: Callable[[int], bool], told: Callable[[], object]) -> None:
        """Every blow, each as soon as `may` says so for its number; returns when all parts serve again."""
        for number, blow in enumerate(blows):
            while not may(number):
                await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.sleep(self._chance.random() * LONGEST_DOWN_S)
            await self._strike(blow)
            told()
        await asyncio.gather(*self._waiting)

    async def _strike(self, blow: Blow) -> None:
        num_before = len(self._estate.traps.deaths())
        if blow.window:
            await self._lure(blow)
        if len(self._estate.traps.deaths()) == num_before:
            await self._kill(blow.victim)
        await self._mend()

    async def _lure(self, blow: Blow) -> None:
        """Set the trap and wait until it has sprung; take it away when nobody comes by."""
        traps = self._estate.traps
        traps.set(blow.victim, blow.window)
        if blow.window in (BEREAVED, RECLAIMED):
            await self._kill("worker")
        give_up_at = time.monotonic() + SPRUNG_WITHIN_S
        while time.monotonic() < give_up_at and traps.is_set(blow.victim, blow.window):
            await asyncio.sleep(LOOK_EVERY_S)
        if not traps.take_away(blow.victim, blow.window):
            await asyncio.sleep(LOOK_EVERY_S)  # whoever sprang it is dead by then

    async def _kill(self, victim: Victim) -> None:
        """At this moment, whatever it does."""
        pid = await self._pid(victim)
        self._estate.traps.note(Death(time.time(), victim, "", pid))
        os.kill(pid, signal.SIGKILL)

    async def _pid(self, victim: Victim) -> int:
        estate = self._estate
        if victim == "redis":
            return estate.server.process.pid
        if victim == "supervisor":
            return estate.box.pid
        if victim == "api":
            return estate.apis[self._chance.choice(estate.ports)].pid
        while not (workers := psutil.Process(estate.box.pid).children()):
            await asyncio.sleep(LOOK_EVERY_S)
        return self._chance.choice(workers).pid

    async def _mend(self) -> None:
        """Start again what died, after a while."""
        died_at = time.time()
        await asyncio.sleep(self._chance.random() * LONGEST_DOWN_S)
        estate = self._estate
        if estate.server.process.poll() is not None:
            estate.start_redis()
            self._await_service("redis", estate.urls[0], "/health/ready", died_at)
        for port, process in estate.apis.items():
            if process.poll() is not None:
                estate.start_api(port)
                self._await_service("api", f"http://127.0.0.1:{port}", "/health/live", died_at)
        if estate.box.poll() is not None:
            estate.start_box()
            self._await_service("supervisor", estate.urls[-1], "/health/ready", died_at)

    def _await_service(self, victim: Victim, url: str, path: str, died_at: float) -> None:
        async def wait() -> None:
            await self._estate.until_answers(url, path)
            self.lacked_s[victim].append(time.time() - died_at)

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
