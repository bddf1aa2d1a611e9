"""Visits: a photograph uploaded now and then, a generation asked for, followed, sometimes cancelled, and seen."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from inference.jobs import Status
from scripts.client.errors import ClientError
from scripts.client.models import TryOn
from scripts.client.patience import Patience
from scripts.soak.client import Crowd
from scripts.soak.marks import Marks
from scripts.soak.people import NUM_PEOPLE, photograph, whose_file

FOLLOW_EVERY_S = 0.3
ENDS_WITHIN_S = 180.0
UPLOADS = 0.2  # share of visits that bring a new photograph
CANCELS = 0.05  # share of visits that change their mind
PRODUCT = "gid://shopify/Product/1"


@dataclass
class Visit:
    """What became of one; `generation_id` is empty until it was accepted, `problem` where the promise was broken."""

    person: int
    generation_id: str = ""
    status: str = ""
    error_code: str = ""
    cancelled: bool = False
    asked_at: float = 0.0
    took_s: float = 0.0
    problem: str = ""


class People:
    """Shoppers with a photograph each, who visit; `chance` decides what they do."""

    def __init__(self, crowd: Crowd, marks: Marks, chance: random.Random) -> None:
        self._crowd, self._marks, self._chance = crowd, marks, chance
        self._photos: list[str] = []

    async def arrive(self) -> None:
        """Everybody uploads a photograph."""
        self._photos = list(await asyncio.gather(*(self.upload(person) for person in range(NUM_PEOPLE))))

    async def visits(self, turns: Iterable[object], at_once: int, told: Callable[[Visit], object]) -> list[Visit]:
        """One a turn, by `at_once` shoppers who come again as soon as they are done."""
        left, done = iter(turns), list[Visit]()

        async def come_again_and_again() -> None:
            for _ in left:
                visit = await self.visit()
                done.append(visit)
                told(visit)

        await asyncio.gather(*(come_again_and_again() for _ in range(at_once)))
        return done

    async def visit(self) -> Visit:
        """One; raises nothing."""
        visit = Visit(self._chance.randrange(NUM_PEOPLE), asked_at=time.time())
        try:
            if self._chance.random() < UPLOADS:
                self._photos[visit.person] = await self.upload(visit.person)
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._through(visit)
        except (ClientError, TimeoutError) as error:
            visit.problem = str(error) or "it did not end"
        visit.took_s = time.time() - visit.asked_at
        return visit

    async def _through(self, visit: Visit) -> None:
        client = self._crowd.client(visit.person)
        visit.generation_id = await self.submit(visit.person)
        if self._chance.random() < CANCELS:
            visit.cancelled = True
            await asyncio.sleep(self._chance.random() * FOLLOW_EVERY_S)
            await client.cancel(visit.generation_id)
        picture = ""
        while visit.status not in (Status.COMPLETED, Status.FAILED):
            await asyncio.sleep(FOLLOW_EVERY_S)
            state = await client.status(visit.generation_id)
            visit.status, visit.error_code = state.status, state.error_code or ""
            picture = state.result_image_url or ""
        if visit.status == Status.COMPLETED and whose_file(await client.download(picture)) != visit.person:
            visit.problem = "its picture is somebody else's"

    async def submit(self, person: int, patience: Patience | None = None) -> str:
        """The id of the generation, however often it has to be asked for.

        Raises:
            scripts.client.errors.ClientError: it was asked for as often as `patience` lets.
        """
        key = f"{self._marks.planted['idempotency key']}-{secrets.token_hex(8)}"
        wanted = TryOn(user_image_id=self._photos[person], product_id=PRODUCT)
        return await self._crowd.client(person, patience).create(wanted, key=key)

    async def upload(self, person: int) -> str:
        """The photograph's id."""
        return (await self._crowd.client(person).upload(photograph(person, self._marks.planted["name"]))).file_id
