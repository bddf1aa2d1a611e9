"""How often a request is repeated, and when it is given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_exponential, wait_random

from scripts.client.errors import ClientError, Refused, Unreachable

T = TypeVar("T")

AWAY = frozenset({502, 504})  # a proxy without its service


def passes(error: Refused) -> bool:
    """Whether the refusal says when to come back, or there is only a proxy that answers."""
    return error.status in AWAY or error.retry_after_s is not None


def nobody(_: ClientError) -> None:
    """Is told."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`total_s`: of one request with all its repetitions, 0 for none. Pauses double, unless `heeds` Retry-After.

    `passes`: which refusals are worth another try, beside there being no answer; `told` of each that got one.
    """

    total_s: float
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    heeds: bool = True
    passes: Callable[[Refused], bool] = passes
    told: Callable[[ClientError], None] = nobody

    @property
    def repeats(self) -> bool:
        return self.total_s > 0

    async def repeated(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives in the end.

        Raises:
            ClientError: of the last try, once another would come too late or not be worth it.
        """
        if not self.repeats:
            return await ask()
        tries = AsyncRetrying(
            retry=retry_if_exception(self._is_worth_another),
            wait=self._pause_s,
            stop=stop_before_delay(self.total_s),
            before_sleep=lambda state: self.told(_error_of(state)),
            reraise=True,
        )
        async for attempt in tries:
            with attempt:
                return await ask()
        raise AssertionError("the last try returns or raises")

    def _is_worth_another(self, error: BaseException) -> bool:
        return isinstance(error, Unreachable) or (isinstance(error, Refused) and self.passes(error))

    def _pause_s(self, state: RetryCallState) -> float:
        error = _error_of(state)
        if self.heeds and isinstance(error, Refused) and error.retry_after_s is not None:
            return error.retry_after_s
        doubling = wait_exponential(self.first_pause_s, self.longest_pause_s)
        return (doubling + wait_random(0, self.first_pause_s / 2))(state)


def _error_of(state: RetryCallState) -> ClientError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ClientError), "only those are repeated"
    return error


ONCE = Patience(0)
PATIENT = Patience(60)
