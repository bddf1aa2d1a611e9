from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from redis.exceptions import ConnectionError as RedisConnectionError

from inference.leases import Claim, Leases, Verdict
from inference.pulse import Pulse
from inference.stats import Stats

LEASE_S = 0.6
CLAIM = Claim("paperdoll", "gen_1", "execution", None, 600, 0.0)


class Script(Leases):
    """Leases without a Redis: it is away at the beats numbered in `away`; every call is noted."""

    def __init__(self, away: Sequence[int] = ()) -> None:
        self.lease_s = LEASE_S
        self.away = away
        self.beats: list[float] = []
        self.told: list[float | None] = []
        self.sweeps: list[float] = []

    def pulse(
        self, worker: str, ttl_s: int, running: Mapping[Claim, float | None], stats: str = "{}"
    ) -> tuple[bool, str, dict[Claim, Verdict]]:
        self.beats.append(time.monotonic())
        self.told += running.values()
        if len(self.beats) - 1 in self.away:
            raise RedisConnectionError("away")
        return True, "", dict.fromkeys(running, Verdict.HELD)

    def sweep(self, queues: Sequence[str]) -> list[str]:
        self.sweeps.append(time.monotonic())
        return []


def beat_for(seconds: float, leases: Script) -> None:
    pulse = Pulse(
        leases, "worker", ["paperdoll"], ttl_s=60, on_forgotten=lambda: None, on_erased=lambda: None, stats=Stats()
    )
    pulse.start()
    time.sleep(seconds)
    pulse.stop()


def test_a_new_worker_sweeps_no_sooner_than_a_lease_after_its_start() -> None:
    leases, started_at = Script(), time.monotonic()
    beat_for(2 * LEASE_S, leases)
    assert leases.sweeps
    assert leases.sweeps[0] - started_at >= LEASE_S


def test_after_an_outage_nobody_s_lease_is_swept_until_everybody_could_renew() -> None:
    leases = Script(away=(6, 7))
    beat_for(6 * LEASE_S, leases)
    back_at = leases.beats[8]
    assert any(sweep < leases.beats[6] for sweep in leases.sweeps), "it swept before the outage"
    after = [sweep for sweep in leases.sweeps if sweep > leases.beats[6]]
    assert after[0] - back_at >= LEASE_S - 0.25  # a tick before it was back


def test_progress_is_told_once_and_at_most_five_times_a_second() -> None:
    leases = Script()
    pulse = Pulse(
        leases, "worker", ["paperdoll"], ttl_s=60, on_forgotten=lambda: None, on_erased=lambda: None, stats=Stats()
    )
    pulse.hold([CLAIM])
    pulse.start()
    for step in range(100):
        pulse.progress([CLAIM], step / 100)
        time.sleep(0.01)
    pulse.stop()
    told = [progress for progress in leases.told if progress is not None]
    assert 3 <= len(told) <= 6
    assert told == sorted(set(told))


def test_a_worker_whose_heartbeat_fails_for_good_ends() -> None:
    program = """
import time
from test_pulse import Script
from inference.pulse import Pulse
from inference.stats import Stats
leases = Script()
leases.pulse = lambda *_: 1 / 0
nothing = lambda: None
Pulse(leases, "worker", ["paperdoll"], ttl_s=60, on_forgotten=nothing, on_erased=nothing, stats=Stats()).start()
time.sleep(10)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, timeout=8)
    assert ended.returncode == 1
    assert b"ZeroDivisionError" in ended.stderr


def test_only_what_runs_here_can_be_cancelled() -> None:
    pulse = Pulse(
        Script(), "worker", ["paperdoll"], ttl_s=60, on_forgotten=lambda: None, on_erased=lambda: None, stats=Stats()
    )
    assert not pulse.cancel("gen_1")
    pulse.hold([CLAIM])
    assert pulse.cancel("gen_1")
    assert pulse.verdict(CLAIM) is Verdict.CANCEL
    pulse.release(CLAIM)
    assert pulse.verdict(CLAIM) is Verdict.HELD
