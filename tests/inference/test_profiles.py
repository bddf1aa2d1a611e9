from __future__ import annotations

import time
from pathlib import Path

import pytest

from inference.profiles import SIZES, Profile, Profiles, Timing, measured, with_most


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({1: 1.0, 2: 0.5, 4: 0.25, 8: 0.2}, 8),
        ({1: 1.0, 2: 0.5, 4: 0.49, 8: 0.48}, 2),  # within 5% of the best
        ({1: 1.0, 2: 1.1}, 1),
        ({1: 1.0}, 1),
        ({}, 1),
    ],
)
def test_the_smallest_batch_that_is_nearly_the_fastest_is_kept(seconds: dict[int, float], expected: int) -> None:
    assert Profile(seconds, {}).max_jobs == expected


def test_what_memory_turned_out_not_to_hold_is_not_chosen() -> None:
    profile = Profile({1: 1.0, 2: 0.9, 4: 0.5, 8: 0.2}, {})
    assert [with_most(profile, most).max_jobs for most in (8, 4, 3, 1)] == [8, 4, 2, 1]


class Device:
    def __init__(
        self, batch_s: dict[int, float], bytes_a_job: int = 0, holds: int = 8, compiling_s: float = 0.0
    ) -> None:
        self.batch_s, self.bytes_a_job, self.holds, self.compiling_s = batch_s, bytes_a_job, holds, compiling_s
        self.sizes: list[int] = []

    def __call__(self, size: int) -> Timing:
        if size > self.holds:
            raise MemoryError
        self.sizes.append(size)
        time.sleep(self.batch_s[size] + self.compiling_s)
        return Timing(self.batch_s[size], 100 + size * self.bytes_a_job, self.compiling_s)


FLAT = dict.fromkeys(SIZES, 0.005)


def test_measuring_ends_when_throughput_falls_memory_would_not_do_or_time_is_up() -> None:
    slower = Device({1: 0.01, 2: 0.06, 4: 0.01, 8: 0.01})
    measured(slower)
    assert slower.sizes == [1, 2]
    larger = Device(FLAT, bytes_a_job=100)
    measured(larger, memory_bytes=600)  # a batch of 4 holds 500, one of 8 would hold 900
    assert larger.sizes == [1, 2, 4]
    small = Device(FLAT, holds=2)
    assert measured(small).max_jobs == 2
    slow = Device(dict.fromkeys(SIZES, 0.1))
    measured(slow, budget_s=0.35)
    assert slow.sizes == [1, 2]
    compiled = Device(FLAT, compiling_s=0.1)
    measured(compiled, budget_s=0.2)
    assert compiled.sizes == list(SIZES), "compiling is not charged"


def test_a_profile_is_found_again_in_the_same_circumstance_alone(tmp_path: Path) -> None:
    profile = Profile({1: 1.0, 2: 0.5}, {1: 10, 2: 20}, 2)
    Profiles(tmp_path, {"card": "a"}).save(profile)
    assert Profiles(tmp_path, {"card": "a"}).load() == profile
    assert Profiles(tmp_path, {"card": "b"}).load() is None
    assert Profiles(None, {"card": "a"}).load() is None


def test_a_broken_file_is_measured_again(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, {"card": "a"})
    profiles.save(Profile({1: 1.0}, {1: 0}))
    (path,) = (tmp_path / "profiles").iterdir()
    path.write_text("{")
    assert profiles.load() is None


def test_where_nothing_can_be_kept_it_is_measured_each_time(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("a file where the folder would be")
    profiles = Profiles(tmp_path, {"card": "a"})
    profiles.save(Profile({1: 1.0}, {1: 0}))
    assert profiles.load() is None
