"""The stage `overload`: ten times what the workers can make, and a short queue."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from inference.jobs import Status
from scripts.client.errors import ClientError, Refused
from scripts.client.patience import ONCE
from scripts.soak import books
from scripts.soak.accounts import counts, named, tell_books
from scripts.soak.client import Crowd
from scripts.soak.estate import Estate
from scripts.soak.findings import Findings, distribution, shown
from scripts.soak.leaks import look_for_marks
from scripts.soak.memory import Memory
from scripts.soak.people import NUM_PEOPLE, UNUSABLE
from scripts.soak.plan import Site
from scripts.soak.visits import People

TIMES = 10
PICTURE_S = 0.8  # slow, so that ten times as many requests are no load for this client
LONGEST_QUEUE = 20
PROBED = 24  # generations that tell what the workers can make
SHORTEST_S, LONGEST_S, JOBS_A_SECOND = 4.0, 30.0, 100
ENDED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """To one POST; `generation_id` is empty where it was refused."""

    took_s: float
    generation_id: str = ""
    why: str = ""
    says_when: bool = False


def run(site: Site) -> Findings:
    """Carry it out."""
    return asyncio.run(_run(site))


async def _run(site: Site) -> Findings:
    plan, findings = site.plan, Findings("overload")
    seconds = min(LONGEST_S, max(SHORTEST_S, plan.jobs / JOBS_A_SECOND))
    with Estate(
        site.folder,
        site.marks,
        num_apis=plan.num_apis,
        num_workers=plan.num_workers,
        picture_s=PICTURE_S,
        settings={"max_queue_length": LONGEST_QUEUE},
    ) as estate:
        await estate.until_ready()
        async with Crowd(estate.urls, site.marks) as crowd:
            people = People(crowd, site.marks, random.Random(plan.seed))  # noqa: S311
            await people.arrive()
            probed, capacity = await _capacity(people, estate)
            async with Memory(estate) as memory:
                answers = await _flood(site, people, TIMES * capacity, seconds)
                await estate.until(lambda: not books.read(estate).open, ENDED_WITHIN_S)
        accepted = {answer.generation_id for answer in answers if answer.generation_id}
        _tell_answers(findings, answers, capacity, seconds)
        memory.tell(findings)
        found = books.read(estate)
        unmade = [each for each in accepted if found.entries[each].status is not Status.COMPLETED]
        findings.tell("accepted, and not made", named(unmade), kept=not unmade)
        tell_books(findings, found, accepted | probed)
        await look_for_marks(findings, site, estate)
    return findings


async def _capacity(people: People, estate: Estate) -> tuple[set[str], float]:
    """What was made to find out, and pictures a second of busy workers."""
    began_at = time.time()
    submitted = await asyncio.gather(*(people.submit(_person(number)) for number in range(PROBED)))
    await estate.until(lambda: not books.read(estate).open, ENDED_WITHIN_S)
    return set(submitted), PROBED / (time.time() - began_at)


async def _flood(site: Site, people: People, rate: float, seconds: float) -> list[Answer]:
    """`rate` POSTs a second, each at its time, however many are still waited for, and none repeated."""
    num_posts = round(rate * seconds)
    task = site.progress.add_task("overload", total=num_posts)
    start = time.monotonic()

    async def post(number: int) -> Answer:
        await asyncio.sleep(start + number / rate - time.monotonic())
        answer = await _post(people, _person(number))
        site.progress.advance(task)
        return answer

    return list(await asyncio.gather(*(post(number) for number in range(num_posts))))


async def _post(people: People, person: int) -> Answer:
    asked_at = time.monotonic()
    try:
        generation_id = await people.submit(person, ONCE)
    except ClientError as error:
        says_when = isinstance(error, Refused) and error.retry_after_s is not None
        return Answer(time.monotonic() - asked_at, why=error.name, says_when=says_when)
    return Answer(time.monotonic() - asked_at, generation_id)


def _person(number: int) -> int:
    """Anybody of whom a picture can be made."""
    return 1 + UNUSABLE + number % (NUM_PEOPLE - 1)


def _tell_answers(findings: Findings, answers: Sequence[Answer], capacity: float, seconds: float) -> None:
    accepted = [answer for answer in answers if answer.generation_id]
    refused = [answer for answer in answers if not answer.generation_id]
    silent = Counter(answer.why for answer in refused if not answer.says_when)
    took = distribution([answer.took_s for answer in refused])
    findings.tell(
        "offered",
        f"{len(answers)} in {seconds:.0f} s, {TIMES} times the {capacity:.1f} a second that the workers make",
        capacity_per_s=round(capacity, 2),
        offered=len(answers),
    )
    findings.tell("refused", f"{len(refused)}: {counts(Counter(each.why for each in refused))}", refused=len(refused))
    findings.tell("refusals that do not say when to come back", counts(silent), kept=bool(refused) and not silent)
    findings.tell("a refusal took", shown(took), refusal_s=took)
    findings.tell("an acceptance took", shown(distribution([answer.took_s for answer in accepted])))
