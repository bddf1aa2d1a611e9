"""A running service, as a patient client asks it: it comes back when told to, and when nobody answers."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx

from inference.jobs import Status
from scripts.batch.reading import RowError
from scripts.batch.rows import BatchError

ANSWER_WITHIN_S = 60.0
LONGEST_WAIT_S = 600.0  # that a service may ask for, and for which it may be away; beyond, the run stops
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
POLL_EVERY_S = 2.0
AWAY = frozenset({502, 504})
FINAL = frozenset({Status.COMPLETED.value, Status.FAILED.value})
SHOPPER = "fitting-room-batch"
NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


class GoneError(Exception):
    """The service does not have any more what it had."""


class Service:
    """At `url`, by the published contract; an async context manager. `api_key`: where it wants one."""

    def __init__(self, url: str, api_key: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"x-api-key": api_key} if api_key else {}
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=ANSWER_WITHIN_S, limits=NO_LIMITS, trust_env=False
        )

    async def products(self) -> dict[str, Any]:
        """What can be tried on, and the model; nothing where the service does not tell."""
        try:
            told: dict[str, Any] = (await self._asked("GET", "/products.json")).json()
        except GoneError:
            return {}
        return told

    async def upload(self, data: bytes) -> str:
        """The id under which the service has the photograph.

        Raises:
            RowError: it refuses it.
        """
        place = (await self._asked("POST", "/public/prepare-upload")).json()
        await self._asked("PUT", place["uploadUrl"], content=data)
        done = await self._asked("POST", "/public/upload-complete", json={"uploadKey": place["uploadKey"]})
        return str(done.json()["fileId"])

    async def submit(self, body: dict[str, Any], key: str) -> str:
        """The id of the generation: of the one that `key` made before, when it did.

        Raises:
            RowError: the service refuses it.
            GoneError: it has the photograph no more.
        """
        headers = {"Idempotency-Key": key, "X-Shopper-Id": SHOPPER}
        reply = await self._asked("POST", "/public/fitting-room", json=body, headers=headers)
        return str(reply.json()["jobId"])

    async def ended(self, generation_id: str) -> dict[str, Any]:
        """How a generation ended, by its events, or asked again and again where those break off.

        Raises:
            GoneError: the service does not know it.
        """
        path = f"/public/generation/{generation_id}"
        while True:
            if ended := await self._followed(f"{path}/events"):
                return ended
            told: dict[str, Any] = (await self._asked("GET", path)).json()
            if told["status"] in FINAL:
                return told
            await asyncio.sleep(POLL_EVERY_S)

    async def download(self, url: str) -> bytes:
        """
        Raises:
            GoneError: it is there no more.
        """
        return (await self._asked("GET", url)).content

    async def _followed(self, path: str) -> dict[str, Any] | None:
        """The last event, if the stream came so far."""
        try:
            async with self._http.stream("GET", path, timeout=httpx.Timeout(ANSWER_WITHIN_S, read=None)) as events:
                async for line in events.aiter_lines():
                    told: dict[str, Any] = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                    if told.get("status") in FINAL:
                        return told
        except (httpx.HTTPError, json.JSONDecodeError):
            return None
        return None

    async def _asked(self, method: str, url: str, **what: Any) -> httpx.Response:
        """The answer, after as many tries as it takes.

        Raises:
            BatchError: the service is away for too long, or wants to be left alone for longer.
            GoneError: it does not have it (404).
            RowError: it refuses.
        """
        give_up_at, pause_s = time.monotonic() + LONGEST_WAIT_S, FIRST_PAUSE_S
        while True:
            try:
                reply = await self._http.request(method, url, **what)
            except httpx.TransportError as error:
                reply, why = None, f"{type(error).__name__} {error}".strip()
            if reply is not None and reply.status_code not in AWAY and "retry-after" not in reply.headers:
                return self._checked(reply)
            if reply is not None:
                why = _message(reply)
            wait_s = float(reply.headers.get("retry-after", pause_s)) if reply is not None else pause_s
            if time.monotonic() + wait_s > give_up_at:
                raise BatchError(f"{self.url}: {why} What is done is kept: run the same command again later.")
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            await asyncio.sleep(wait_s)

    def _checked(self, reply: httpx.Response) -> httpx.Response:
        if reply.status_code == 404:
            raise GoneError(_message(reply))
        if reply.status_code == 401:
            raise BatchError(f"{self.url}: {_message(reply)} Name the variable that holds it with --api-key-env.")
        if reply.is_client_error and reply.status_code != 402:
            raise RowError(_message(reply))
        if not reply.is_success or _is_blocked(reply):
            raise BatchError(f"{self.url}: {_message(reply)} What is done is kept: run the same command again later.")
        return reply

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()


def _is_blocked(reply: httpx.Response) -> bool:
    """A generation that was not created is a 200 by the contract, with a code."""
    if "json" not in reply.headers.get("content-type", ""):
        return False
    told = reply.json()
    return isinstance(told, dict) and bool(told.get("code")) and not told.get("jobId")


def _message(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"It answers {reply.status_code} {reply.reason_phrase}."
