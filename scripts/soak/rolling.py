"""The stage `rolling restart`: every part is replaced under load, and nobody who asks again sees it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from subprocess import Popen

from inference.queue import RETRIES, count_ready_workers
from scripts.bench.live.stack import DRAIN_S
from scripts.soak import books
from scripts.soak.accounts import accepted_of, named, tell_books, tell_load
from scripts.soak.client import Crowd
from scripts.soak.estate import READY_WITHIN_S, Estate
from scripts.soak.findings import Findings
from scripts.soak.leaks import look_for_marks
from scripts.soak.plan import Site
from scripts.soak.visits import People

AT_ONCE = 12  # shoppers
JOBS_A_ROUND = 500  # of the plan
SETTLED_WITHIN_S = 20.0
IN_ORDER = (0, -signal.SIGTERM)  # uvicorn ends by the signal that it was sent, once it has answered everybody


def run(site: Site) -> Findings:
    """Carry it out."""
    return asyncio.run(_run(site))


async def _run(site: Site) -> Findings:
    plan, findings = site.plan, Findings("rolling restart")
    num_rounds = max(1, plan.jobs // JOBS_A_ROUND)
    with Estate(
        site.folder, site.marks, num_apis=plan.num_apis, num_workers=plan.num_workers, picture_s=plan.picture_s
    ) as estate:
        await estate.until_ready()
        async with Crowd(estate.urls, site.marks) as crowd:
            people = People(crowd, site.marks, random.Random(plan.seed))  # noqa: S311
            await people.arrive()
            began_at, restarts = time.time(), Restarts(estate)
            visiting = asyncio.create_task(people.visits(restarts.turns(), AT_ONCE, lambda _: None))
            task = site.progress.add_task("rolling restarts", total=num_rounds)
            for _ in range(num_rounds):
                await restarts.all_parts()
                site.progress.advance(task)
            restarts.stop()
            visits = await visiting
            await estate.until(lambda: not books.read(estate).open, SETTLED_WITHIN_S)
            tell_load(findings, visits, crowd, time.time() - began_at)
            found = books.read(estate)
            _tell_restarts(findings, restarts, found)
            tell_books(findings, found, accepted_of(visits))
            await look_for_marks(findings, site, estate)
    return findings


class Restarts:
    """Replaces one part after the other. `codes`: how each ended."""

    def __init__(self, estate: Estate) -> None:
        self.codes: list[int] = []
        self.num_rounds = 0
        self._estate = estate
        self._is_done = False

    def turns(self) -> Iterator[object]:
        """One after the other until all is done."""
        while not self._is_done:
            yield None

    async def all_parts(self) -> None:
        """Each API process in turn, the workers and their supervisor by others that are ready first, and Redis."""
        estate = self._estate
        for port, url in zip(estate.ports, estate.urls, strict=True):
            await self._end(estate.apis[port])
            estate.start_api(port)
            await estate.until_answers(url, "/health/live")
        before = estate.box
        estate.start_box()
        both = 2 * estate.num_workers
        await estate.until(lambda: count_ready_workers(estate.redis) >= both, READY_WITHIN_S)
        await self._end(before)
        await self._end(estate.server.process)
        estate.start_redis()
        await estate.until_ready()
        self.num_rounds += 1

    def stop(self) -> None:
        self._is_done = True

    async def _end(self, process: Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        self.codes.append(await asyncio.to_thread(process.wait, DRAIN_S))


def _tell_restarts(findings: Findings, restarts: Restarts, found: books.Books) -> None:
    bad = [str(code) for code in restarts.codes if code not in IN_ORDER]
    dear = [each.generation_id for each in found.entries.values() if each.retries_left != RETRIES]
    findings.tell(
        "restarted",
        f"{len(restarts.codes)} parts in {restarts.num_rounds} rounds: each API process, the box of workers, Redis",
        restarts=len(restarts.codes),
    )
    findings.tell("parts that did not end in order", named(bad), kept=not bad)
    findings.tell("generations that an end cost a retry", named(dear), kept=not dear, interrupted=len(dear))
