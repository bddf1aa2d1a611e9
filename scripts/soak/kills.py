"""The stage `kills`: load on the whole service while its parts are killed, and then the books."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

from inference.blobs import UPLOADS, Terms, purge_personal
from inference.orphans import purge_orphans
from scripts.soak import books, windows
from scripts.soak.accounts import accepted_of, counts, named, tell_books, tell_load, tell_webhooks
from scripts.soak.client import Crowd
from scripts.soak.estate import Estate
from scripts.soak.findings import Findings, distribution, shown
from scripts.soak.killer import Killer
from scripts.soak.leaks import look_for_marks
from scripts.soak.plan import Site
from scripts.soak.receiver import Receiver
from scripts.soak.runs import read as read_runs
from scripts.soak.runs import recoveries_s
from scripts.soak.visits import People, Visit

AT_ONCE = 24  # shoppers
TOLD_WITHIN_S = 60.0  # webhooks: one that a dead sender had taken is due again after half a minute
ENDED_WITHIN_S = 60.0  # jobs that nobody follows to their end
TERM_S = 7 * 86400.0


def run(site: Site) -> Findings:
    """Carry it out."""
    return asyncio.run(_run(site))


async def _run(site: Site) -> Findings:
    chance = random.Random(site.plan.seed)  # noqa: S311
    findings = Findings("kills")
    with Receiver() as receiver, _estate(site, receiver) as estate:
        await estate.until_ready()
        async with Crowd(estate.urls, site.marks) as crowd:
            people = People(crowd, site.marks, chance)
            await people.arrive()
            began_at = time.time()
            visits, killer = await _under_fire(site, estate, people, chance)
            took_s = time.time() - began_at
            await estate.until(lambda: not books.read(estate).open, ENDED_WITHIN_S)
            await estate.until(lambda: _all_told(estate), TOLD_WITHIN_S)
            tell_load(findings, visits, crowd, took_s)
            _tell_kills(findings, estate, killer)
            _tell_files(findings, estate)
            tell_books(findings, books.read(estate), accepted_of(visits))
            tell_webhooks(findings, receiver, accepted_of(visits))
            await look_for_marks(findings, site, estate)
    return findings


def _estate(site: Site, receiver: Receiver) -> Estate:
    plan = site.plan
    return Estate(
        site.folder,
        site.marks,
        num_apis=plan.num_apis,
        num_workers=plan.num_workers,
        picture_s=plan.picture_s,
        webhook_url=receiver.url,
    )


async def _under_fire(site: Site, estate: Estate, people: People, chance: random.Random) -> tuple[list[Visit], Killer]:
    """The load and the kills, which are spread over it evenly."""
    plan, num_done = site.plan, 0
    of_jobs = site.progress.add_task("jobs", total=plan.jobs)
    of_kills = site.progress.add_task("kills", total=plan.kills)
    killer = Killer(estate, chance)

    def told(_: Visit) -> None:
        nonlocal num_done
        num_done += 1
        site.progress.advance(of_jobs)

    striking = asyncio.create_task(
        killer.strike(
            windows.blows(plan.kills, chance),
            lambda number: num_done * (plan.kills + 1) >= number * plan.jobs,
            lambda: site.progress.advance(of_kills),
        )
    )
    visits = await people.visits(range(plan.jobs), min(AT_ONCE, plan.jobs), told)
    await striking
    return visits, killer


def _all_told(estate: Estate) -> bool:
    return not any(estate.redis.scan_iter("fitting-room:webhooks:*"))


def _tell_kills(findings: Findings, estate: Estate, killer: Killer) -> None:
    deaths = estate.traps.deaths()
    for victim, num in sorted(Counter(death.victim for death in deaths).items()):
        in_windows = Counter(death.window or "at a random moment" for death in deaths if death.victim == victim)
        findings.tell(f"killed: {victim}", f"{num}: {counts(in_windows)}")
    recovered = recoveries_s(read_runs(estate.folder), [death for death in deaths if death.victim == "worker"])
    lacked = {victim: distribution(times) for victim, times in sorted(killer.lacked_s.items())}
    told = distribution(recovered)
    findings.tell(
        f"{len(recovered)} interrupted jobs ran again after",
        shown(told),
        kills=len(deaths),
        interrupted=len(recovered),
        recovery_p95_s=told.get("p95"),
        recovery_s=told,
        lacked_s=lacked,
    )
    for victim, times in lacked.items():
        findings.tell(f"{victim} served again after", shown(times))


def _tell_files(findings: Findings, estate: Estate) -> None:
    """What kills left half written, and that the purge takes it once its term is over."""
    blobs_folder = estate.folder / "blobs"
    left = _left(blobs_folder)
    for path in left:
        os.utime(path, times=(time.time() - 2 * TERM_S,) * 2)
    purge_personal(estate.blobs, Terms(TERM_S, TERM_S))
    remaining = _left(blobs_folder)
    num_orphans = purge_orphans(estate.blobs, estate.redis, older_than_s=0)
    findings.tell("pictures whose job ended without one, erased by the purge", num_orphans)
    findings.tell("files left half written, erased by the purge", len(left) - len(remaining))
    findings.tell("files that the purge leaves", named(map(str, remaining)), kept=not remaining, orphans=len(remaining))


def _left(blobs_folder: Path) -> list[Path]:
    """Uploads nobody completed, and files half written."""
    files = [path for path in blobs_folder.rglob("*") if path.is_file()]
    return [path for path in files if path.parts[len(blobs_folder.parts)] == UPLOADS or "#" in path.name]
