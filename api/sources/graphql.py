"""A shop's GraphQL API, asked patiently: what is throttled or fails for a moment is asked again."""

from __future__ import annotations

import random
import time
from asyncio import sleep
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_before_delay, wait_random_exponential

from api.sources.errors import AccessDenied, AskAgain, ShopifyError

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from api.sources.tokens import Token

PATIENCE_S = 60.0  # with one call, its repetitions included
TIMEOUT_S = 10.0  # of one attempt
JITTER_S = 0.5
MOST_TOLD_S = 30.0  # to wait, whatever the shop says
BACKOFF = wait_random_exponential(multiplier=0.5, max=8)
AGAIN = (408, 425, 429, 500, 502, 503, 504)
REFUSED = (
    "Shopify refuses the access token of {shop}. Check its shopify_token_env (a token may have expired) and the app's "
    "scopes."
)


@dataclass(slots=True)
class _Bucket:
    """Points to spend, as the shop told last: `left` of `size` at `at` (monotonic), `rate` more each second."""

    size: float = 0.0
    left: float = 0.0
    rate: float = 0.0
    at: float = 0.0

    def wait_s(self, cost: float) -> float:
        """Seconds until a call of this cost is likely to be let in."""
        if self.rate <= 0:
            return 0.0
        now_left = min(self.size, self.left + self.rate * (time.monotonic() - self.at))
        return max(0.0, (min(cost, self.size) - now_left) / self.rate)

    def told(self, status: dict[str, Any]) -> None:
        self.size, self.left = float(status["maximumAvailable"]), float(status["currentlyAvailable"])
        self.rate, self.at = float(status["restoreRate"]), time.monotonic()


class ShopApi:
    """The API of `shop` at `url`. Calls wait for points that others in this process have spent."""

    def __init__(self, http: httpx.AsyncClient, shop: str, url: str, header: str, token: Token) -> None:
        self._http, self._shop, self._url, self._header, self._token = http, shop, url, header, token
        self._bucket = _Bucket()
        self._costs: dict[str, float] = {}  # query -> the most that it was said to cost

    async def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer's `data`.

        Raises:
            AccessDenied: the app has no leave for it.
            ShopifyError: it does not answer, or refuses.
        """
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(AskAgain),
            wait=_pause_s,
            stop=stop_before_delay(PATIENCE_S),
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                await sleep(self._bucket.wait_s(self._costs.get(query, 0.0)))
                return await self._attempt(query, variables)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body, token = {"query": query, "variables": variables}, await self._token.value()
        try:
            reply = await self._http.post(self._url, json=body, headers={self._header: token}, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise AskAgain(f"{self._shop} does not answer: {type(error).__name__}.") from None
        if reply.status_code in (401, 403):
            if self._token.is_worth_renewing(token):
                raise AskAgain(f"The access token of {self._shop} is too old.", 0.0)
            raise ShopifyError(REFUSED.format(shop=self._shop))
        answer = _json(reply)
        self._learn(query, answer)
        if reply.status_code in AGAIN or _is_throttled(answer):
            wait_s = _told_s(reply, answer)
            raise AskAgain(f"{self._shop} answered {reply.status_code}, and asks to be asked later.", wait_s)
        return self._data(reply, answer)

    def _learn(self, query: str, answer: dict[str, Any]) -> None:
        cost = _cost(answer)
        if status := cost.get("throttleStatus"):
            self._bucket.told(status)
        if requested := cost.get("requestedQueryCost"):
            self._costs[query] = max(float(requested), self._costs.get(query, 0.0))

    def _data(self, reply: httpx.Response, answer: dict[str, Any]) -> dict[str, Any]:
        if errors := answer.get("errors"):
            said = "; ".join(str(one.get("message")) for one in errors) if isinstance(errors, list) else str(errors)
            refusal = AccessDenied if "ACCESS_DENIED" in _codes(answer) else ShopifyError
            raise refusal(f"{self._shop} refuses the query: {said[:300]}")
        if not reply.is_success or not isinstance(data := answer.get("data"), dict):
            raise ShopifyError(f"{self._shop} answered {reply.status_code} without data.")
        return data


def _pause_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AskAgain) and error.after_s is not None:
        return min(error.after_s, MOST_TOLD_S) + random.uniform(0, JITTER_S)  # noqa: S311
    return float(BACKOFF(state))


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        answer = reply.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _cost(answer: dict[str, Any]) -> dict[str, Any]:
    return (answer.get("extensions") or {}).get("cost") or {}


def _is_throttled(answer: dict[str, Any]) -> bool:
    errors = answer.get("errors")
    said = [str(one.get("message")) for one in errors] if isinstance(errors, list) else []
    return "THROTTLED" in _codes(answer) or "Throttled" in said


def _codes(answer: dict[str, Any]) -> list[str | None]:
    errors = answer.get("errors")
    return [(one.get("extensions") or {}).get("code") for one in errors] if isinstance(errors, list) else []


def _told_s(reply: httpx.Response, answer: dict[str, Any]) -> float | None:
    """Seconds to wait: of the header Retry-After, else until the missing points are there."""
    if (told := reply.headers.get("retry-after", "")).replace(".", "", 1).isdigit():
        return float(told)
    cost, status = _cost(answer), _cost(answer).get("throttleStatus")
    if not status or not status["restoreRate"]:
        return None
    missing = float(cost.get("requestedQueryCost") or 0) - float(status["currentlyAvailable"])
    return max(0.0, missing / float(status["restoreRate"]))
