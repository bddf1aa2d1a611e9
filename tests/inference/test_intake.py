"""The intake alone, over a line whose jobs and whose failures are the test's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ResponseError

from inference import intake
from inference.batching import BatchPolicy
from inference.deadlines import Deadlines
from inference.forecast import Forecast
from inference.intake import Intake
from inference.leases import Claim, Verdict
from inference.patience import Patience
from inference.stats import Stats

PREPARE_S = 0.1
CLAIM = Claim("paperdoll", "gen_1", "execution", SimpleNamespace(batch_key=None), 600, 0.0)  # type: ignore[arg-type]


class Surroundings:
    """Line, pulse, outlet and generator in one: `claims` come one a call."""

    policy, stats = BatchPolicy(1, 0.0), Stats()

    def __init__(self, *claims: Claim | Exception) -> None:
        self.claims = list(claims)
        self.cancelled = False
        self.on_end: Callable[[], None] = lambda: None

    def claim(self, max_jobs: int, *, ahead: bool) -> list[Claim]:
        time.sleep(0.01)
        claim = self.claims.pop(0) if self.claims else None
        if isinstance(claim, Exception):
            raise claim
        return [claim] if claim else []

    def wait(self, policy: BatchPolicy) -> None:
        time.sleep(0.01)

    def hold(self, claims: list[Claim]) -> None: ...

    def prepare(self, inputs: object, key: object) -> str:
        time.sleep(PREPARE_S)
        return "prepared"

    def verdict(self, claim: Claim) -> Verdict:
        return Verdict.CANCEL if self.cancelled else Verdict.HELD

    def end(self, claim: Claim, ending: object) -> None:
        self.on_end()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Intake]]:
    monkeypatch.setattr(intake, "read_inputs", lambda blobs, request: None)
    running: list[Intake] = []

    def start(around: Any) -> Intake:
        beside = {"num_threads": 1, "on_device_lost": lambda error: None}
        made = Intake(around, around, around, around, around, Deadlines(), Forecast(), Patience(), **beside)
        made.start()
        running.append(made)
        return made

    yield start
    for one in running:
        one.join()


def until(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def test_what_breaks_the_intake_is_raised_where_batches_are_taken(started: Callable[[Any], Intake]) -> None:
    intake = started(Surroundings(ResponseError("MISCONF Redis cannot write to its disk")))
    with pytest.raises(ResponseError, match="MISCONF"):
        until(lambda: intake.take(0.05))


def test_a_batch_that_was_cancelled_before_the_device_took_it_is_not_waited_for(
    started: Callable[[Any], Intake],
) -> None:
    around = Surroundings(CLAIM)
    intake = started(around)
    around.on_end = intake.stop
    assert intake.take(PREPARE_S / 2) == []
    assert intake.owes
    around.cancelled = True
    until(lambda: not intake.owes)
