"""The service bench says what happened: tiny, with workers whose model is a sleep."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scripts.bench import service_reports
from scripts.bench.live import box, tiny
from scripts.bench.live.figures import Stretch
from scripts.bench.live.load import open_loop
from scripts.bench.live.service import Service
from scripts.bench.live.shopper import Outcome, Storefront
from scripts.bench.live.stack import Stack
from scripts.bench.live.traffic import Mix, Visit
from scripts.bench.machine import this_machine
from scripts.bench.service_load import Loads

ROOT = Path(__file__).parents[3]


def bench_service(*words: str) -> dict:
    said = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "bench", "service", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout.splitlines()[-1])


def test_arrivals_are_the_same_for_a_seed_and_the_first_garment_is_wanted_most() -> None:
    mix = Mix(num_persons=3, num_garments=4)
    visits = mix.poisson(np.random.default_rng(7), rate=100, seconds=20)
    assert visits == mix.poisson(np.random.default_rng(7), rate=100, seconds=20)
    assert visits != mix.poisson(np.random.default_rng(8), rate=100, seconds=20)
    assert 1800 < len(visits) < 2200
    assert all(earlier.at_s < later.at_s < 20 for earlier, later in itertools.pairwise(visits))
    wanted = [sum(visit.garment == garment for visit in visits) for garment in range(4)]
    assert wanted == sorted(wanted, reverse=True)
    assert {visit.person for visit in visits} == {0, 1, 2}


async def test_a_stall_is_charged_to_everybody_who_was_due_meanwhile() -> None:
    class Stalled(Storefront):
        async def visit(self, visit: Visit, due_at: float) -> Outcome:
            time.sleep(0.3)  # the whole loop stands still
            return Outcome(due_at, "gen", picture_s=time.time() - due_at)

    async with Stalled("http://127.0.0.1:1") as storefront:
        outcomes = await open_loop(storefront, [Visit(0.1 * k, 0, 0) for k in range(3)], lambda outcome: None)
    gaps = np.diff([outcome.due_at for outcome in outcomes])
    assert gaps == pytest.approx([0.1, 0.1], abs=1e-6)
    waits = [outcome.picture_s for outcome in outcomes]
    assert waits[0] < waits[1] < waits[2]
    assert waits[2] > 0.6


@pytest.mark.timeout(240)
def test_every_visit_to_a_live_service_is_told_with_its_picture_and_its_wait(tmp_path: Path) -> None:
    loads = asyncio.run(visited(tmp_path))
    told = service_reports.load(loads, "paperdoll", "", this_machine()).told()
    assert (told["submitted"], told["pictures"], told["lost"]) == (
        11 + len(loads.by_rate[0.5].outcomes),
        told["submitted"],
        0,
    )
    assert set(told["pickup_ms"]) == {"p50", "p95", "p99"}
    for stretch in (told["full"], told["loads"]["0.5"]):
        assert stretch["pictures"] == stretch["submitted"] > 0
        assert 0 < stretch["queue_ms"]["p50"] < stretch["picture_ms"]["p50"] <= stretch["picture_ms"]["p99"]
        assert stretch["problems"] == []
    for stretch in (loads.lone, loads.full, *loads.by_rate.values()):
        check_against_redis(stretch)


async def visited(folder: Path) -> Loads:
    settings = {"card": "paperdoll", "products": str(tiny.products(folder / "products"))}
    with Stack(folder / "s", settings) as stack:
        stack.add_box(box.argv(0.05, 2), 2)
        ready_s = stack.wait_for_workers(2, 60)
        async with Storefront(stack.url) as storefront:
            await storefront.open([tiny.picture()])
            service = Service(stack, storefront, Mix(1, storefront.num_garments), np.random.default_rng(0))
            lone = await service.lone(3, lambda outcome: None)
            full = await service.full(8, lambda outcome: None, num_shoppers=4)
            return Loads(ready_s, lone, full, {0.5: await service.arrivals(10, 1.0, lambda outcome: None)})


def check_against_redis(stretch: Stretch) -> None:
    """What the shoppers saw is what the records say."""
    assert [record.status for record in stretch.records] == ["finished"] * len(stretch.outcomes)
    assert len({record.generation_id for record in stretch.records}) == len(stretch.outcomes)
    for outcome, record in zip(stretch.outcomes, stretch.records, strict=True):
        assert record.submitted_at <= record.started_at <= record.ended_at <= outcome.due_at + outcome.picture_s


@pytest.mark.timeout(240)
def test_simulated_gpus_lose_nothing_and_every_job_is_accounted_for(tmp_path: Path) -> None:
    sizes = ("--workers", "2", "--waiting", "8,40", "--seconds", "0.5", "--rounds", "1")
    page = tmp_path / "page.html"
    told = bench_service("--simulate", "0.05", *sizes, "--page", str(page))
    assert told["lost"] == 0
    assert sum(told["jobs"].values()) == told["submitted"]
    assert told["jobs"]["picture"] > 0
    assert told["jobs"]["waiting"] > 30  # the last that were taken are pictures
    kinds = {"submit", "status", "cancel", "pickup", "finish", "sweep"}
    assert set(told["costs"]) == {"8", "40"}
    assert all(set(costs) == kinds for costs in told["costs"].values())
    assert set(told["growth"]) == kinds
    assert [(cell["gpus"], cell["waiting"]) for cell in told["gpus"]] == [(1, 8), (2, 8), (1, 40), (2, 40)]
    assert told["scaling_efficiency"] == min(cell["efficiency"] for cell in told["gpus"] if cell["gpus"] == 2)
    assert [idle["gpus"] for idle in told["idle"]] == [1, 2]
    assert "<svg" in page.read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("words", [("--rates", "1", "--seconds", "4"), ("--compare", "serial", "--rounds", "1")])
def test_the_model_that_ships_makes_every_picture_that_is_asked_for(words: tuple[str, ...], tmp_path: Path) -> None:
    told = bench_service(
        *("--card", "paperdoll", "--device", "cpu", "--visits", "3", "--page", str(tmp_path / "page.html")), *words
    )
    assert told["lost"] == 0
    assert told["pictures"] == told["submitted"] >= 3
