"""Visits: a photograph uploaded now and then, a generation asked for, followed, sometimes cancelled, and seen."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from scripts.soak.client import Client, GaveUp, shop_of
from scripts.soak.marks import Marks
from scripts.soak.people import NUM_PEOPLE, photograph, whose_file

FOLLOW_EVERY_S = 0.3
ENDS_WITHIN_S = 180.0
UPLOADS = 0.2  # share of visits that bring a new photograph
CANCELS = 0.05  # share of visits that change their mind
PRODUCT = "gid://shopify/Product/1"
TRY_ON = "/public/fitting-room"
FINAL = ("COMPLETED", "FAILED")


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

    def __init__(self, client: Client, marks: Marks, chance: random.Random) -> None:
        self._client, self._marks, self._chance = client, marks, chance
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
        except (GaveUp, TimeoutError) as error:
            visit.problem = str(error) or "it did not end"
        visit.took_s = time.time() - visit.asked_at
        return visit

    async def _through(self, visit: Visit) -> None:
        visit.generation_id = await self.submit(visit.person)
        if self._chance.random() < CANCELS:
            visit.cancelled = True
            await asyncio.sleep(self._chance.random() * FOLLOW_EVERY_S)
            await self._client.ask("DELETE", f"/public/generation/{visit.generation_id}", visit.person)
        while visit.status not in FINAL:
            await asyncio.sleep(FOLLOW_EVERY_S)
            answer = await self._client.ask("GET", f"/public/generation/{visit.generation_id}", visit.person)
            if not answer.is_success:
                visit.problem = f"its state is answered with {answer.status_code}"
                return
            told = answer.json()
            visit.status, visit.error_code = told["status"], told.get("errorCode", "")
        if visit.status == "COMPLETED":
            await self._look_at(visit, told["resultImageUrl"])

    async def _look_at(self, visit: Visit, url: str) -> None:
        path = urlsplit(url).path
        self._marks.give(path.rpartition("/")[2])
        picture = await self._client.ask("GET", path, visit.person)
        if not picture.is_success:
            visit.problem = f"its picture is answered with {picture.status_code}"
        elif whose_file(picture.content) != visit.person:
            visit.problem = "its picture is somebody else's"

    async def submit(self, person: int) -> str:
        """The id of the generation, however often it has to be asked for."""
        key, body = self._key(), self._body(person)
        answer = await self._client.ask("POST", TRY_ON, person, headers=key, json=body)
        generation_id = answer.json().get("jobId")
        if not generation_id:
            raise GaveUp(f"a generation is refused with {answer.status_code}")
        return str(generation_id)

    def wanted(self, person: int) -> tuple[str, dict[str, str], dict[str, str]]:
        """The signed path, the headers and the body of a POST, for whoever sends it alone."""
        path = f"{TRY_ON}?{self._marks.signed(shop_of(person), person)}"
        return path, self._marks.headers() | self._key(), self._body(person)

    def _key(self) -> dict[str, str]:
        return {"Idempotency-Key": f"{self._marks.planted['idempotency key']}-{secrets.token_hex(8)}"}

    def _body(self, person: int) -> dict[str, str]:
        return {"userImageId": self._photos[person], "productId": PRODUCT}

    async def upload(self, person: int) -> str:
        """The photograph's id; from the start again when the upload was lost on the way."""
        data = photograph(person, self._marks.planted["name"])
        while True:
            place = (await self._client.ask("POST", "/public/prepare-upload", person)).json()
            path = urlsplit(place["uploadUrl"]).path
            self._marks.give(path.rpartition("/")[2], place["uploadKey"].rpartition("/")[2])
            sent = await self._client.ask("PUT", path, person, content=data)
            body = {"uploadKey": place["uploadKey"]}
            done = await self._client.ask("POST", "/public/upload-complete", person, json=body)
            if sent.is_success and done.is_success:
                self._marks.give(urlsplit(done.json()["fileUrl"]).path.rpartition("/")[2])
                return str(done.json()["fileId"])
            if done.status_code != 404:
                raise GaveUp(f"a photograph is refused with {done.status_code}")
