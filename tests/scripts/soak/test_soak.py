"""The soak itself: bounded here, and its books can tell that something was lost, doubled or counted wrong."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.soak.books import Books, Entry
from scripts.soak.marks import Marks
from scripts.soak.people import NUM_PEOPLE, photograph, whose_file
from scripts.soak.runs import Run, recoveries_s
from scripts.soak.stages import STAGES
from scripts.soak.traps import Death
from scripts.soak.windows import RANDOM, WINDOWS, blows

ROOT = Path(__file__).parents[3]
DONE = Entry("gen_a", "finished", "", "results/s/gen_a.png", ("limit",), "quota", 3, 1)
REFUNDED = Entry("gen_b", "failed", "INTERNAL", "", ("limit",), "quota", 3, 1)


def soak(*words: str) -> tuple[int, dict, str]:
    """Its exit code, its last line, and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "soak", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.timeout(400)  # half a minute where nothing else runs
def test_ten_kills_lose_nothing_double_nothing_and_miscount_nothing() -> None:
    code, told, said = soak("--jobs", "100", "--kills", "10", "--seed", "1", "--stage", "kills")
    assert code == 0, said
    assert told["accepted"] == told["jobs"] == 100
    assert told["kills"] >= 10
    assert [told[name] for name in ("lost", "doubled", "counter_drift", "untold", "broken", "leaks")] == [0] * 6
    assert told["recovery_p95_s"] is None or told["recovery_p95_s"] > 0


@pytest.mark.timeout(400)  # a minute where nothing else runs
def test_a_rolling_restart_is_seen_by_nobody_and_a_flood_is_refused_with_a_time_to_come_back() -> None:
    code, told, said = soak("--jobs", "100", "--seed", "1", "--stage", "rolling restart", "--stage", "overload")
    assert code == 0, said
    for stage in ("rolling restart", "overload"):
        assert [told[stage][name] for name in ("lost", "doubled", "counter_drift", "leaks")] == [0] * 4
    assert told["rolling restart"]["restarts"] == 4
    assert told["rolling restart"]["broken"] == told["rolling restart"]["interrupted"] == 0
    assert told["overload"]["refused"] > 0


def test_a_stage_that_there_is_not_is_named_with_those_that_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "soak", "--stage", "none"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert all(name in done.stderr for name in STAGES)


def books(*entries: Entry, pictures: frozenset[str] = frozenset({"results/s/gen_a.png"}), quota: int = 1) -> Books:
    return Books(
        {each.generation_id: each for each in entries}, set(pictures), Counter(quota=quota), {"limit": {"gen_a"}}
    )


def test_books_in_order_show_nothing() -> None:
    found = books(DONE, REFUNDED)
    assert (found.open, found.doubled, found.without_reason, found.without_picture) == ([], [], [], [])
    assert (found.pictures_without_job, found.counter_drift) == (set(), 0)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (books(replace(DONE, rq_status="started"), REFUNDED), "open"),
        (books(replace(DONE, num_endings=2), REFUNDED), "doubled"),
        (books(DONE, replace(REFUNDED, error_code="")), "without_reason"),
        (books(DONE, REFUNDED, pictures=frozenset()), "without_picture"),
        (books(REFUNDED), "pictures_without_job"),
        (books(DONE, REFUNDED, quota=2), "counter_drift"),
        (books(DONE, replace(REFUNDED, rq_status="finished", result_key=DONE.result_key)), "counter_drift"),
    ],
)
def test_books_out_of_order_show_what_is_wrong(broken: Books, what: str) -> None:
    assert getattr(broken, what)


def test_blows_fall_in_every_window_and_are_the_same_for_a_seed() -> None:
    many = blows(100, random.Random(3))
    assert many == blows(100, random.Random(3))
    assert set(many) == {*WINDOWS, *RANDOM}
    assert len(blows(10, random.Random(3))) == 10


def test_recovery_is_told_of_each_job_that_a_death_interrupted_and_of_no_other() -> None:
    runs = [
        Run(1.0, "claimed", 7, "gen_a"),
        Run(1.0, "claimed", 7, "gen_b"),
        Run(1.5, "ended", 7, "gen_b"),
        Run(2.5, "claimed", 8, "gen_a"),
        Run(3.0, "claimed", 8, "gen_b"),
    ]
    assert recoveries_s(runs, [Death(2.0, "worker", "", 7)]) == [0.5]


def test_every_person_is_told_apart_and_their_name_is_in_the_photograph_alone() -> None:
    assert [whose_file(photograph(person, "A Name")) for person in range(NUM_PEOPLE)] == list(range(NUM_PEOPLE))
    assert b"A Name" in photograph(0, "A Name")


def test_a_signed_query_that_was_logged_is_a_leak(tmp_path: Path) -> None:
    marks = Marks()
    query = marks.signed("first.myshopify.com", 3)
    log = tmp_path / "api.log"
    log.write_text("GET /public/check-credits 200\n")
    assert marks.leaks_in([log], are_for_people=True) == []
    log.write_text(f"GET /public/check-credits?signature={query.rpartition('=')[2]} 200\n")
    assert len(marks.leaks_in([log], are_for_people=True)) == 1
    log.write_text(f"hello {marks.planted['name']}\n")
    assert marks.leaks_in([log], are_for_people=False) == ["name in api.log:1"]
