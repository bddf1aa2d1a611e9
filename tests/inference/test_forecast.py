from __future__ import annotations

import pytest

from inference.forecast import CAUTION, SLACK_S, Forecast

PREPARATION_S = 0.1
EARLY_S = CAUTION * PREPARATION_S + SLACK_S


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("inference.forecast.time", made)
    return made


def _run(clock: Clock, forecast: Forecast, *, begin_s: float, step_s: float, num_steps: int) -> list[float]:
    """A batch; how far from its end each moment was at which it was time to claim."""
    end = clock.now + begin_s + step_s * num_steps
    marks = [clock.now + begin_s + step_s * (step + 1) for step in range(num_steps)]
    forecast.began()
    times = []
    while clock.now < end - 0.005:
        clock.now += 0.01
        while marks and clock.now >= marks[0] - 1e-9:
            forecast.progress(1 - (len(marks) - 1) / num_steps)
            marks.pop(0)
        if forecast.early_by_s() == 0:
            times.append(end - clock.now)
    forecast.ended()
    return times


@pytest.mark.parametrize(
    ("begin_s", "step_s", "num_steps"),
    [(0.0, 0.1, 20), (1.0, 0.1, 4), (0.1, 0.5, 4), (0.05, 0.02, 50), (2.0, 0.01, 1)],
)
def test_the_next_batch_is_ready_when_the_device_is_free(
    clock: Clock, begin_s: float, step_s: float, num_steps: int
) -> None:
    forecast = Forecast()
    forecast.prepared(PREPARATION_S)
    _run(clock, forecast, begin_s=begin_s, step_s=step_s, num_steps=num_steps)
    times = _run(clock, forecast, begin_s=begin_s, step_s=step_s, num_steps=num_steps)
    assert times, "it was never time"
    assert max(times) == pytest.approx(EARLY_S, abs=0.025)


def test_a_batch_that_takes_longer_than_the_last_is_not_waited_for(clock: Clock) -> None:
    forecast = Forecast()
    forecast.prepared(PREPARATION_S)
    _run(clock, forecast, begin_s=0.1, step_s=0.1, num_steps=4)
    assert _run(clock, forecast, begin_s=0.5, step_s=0.5, num_steps=4)


def test_while_nothing_runs_it_is_time(clock: Clock) -> None:
    assert Forecast().early_by_s() == 0
