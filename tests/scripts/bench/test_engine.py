"""`bench engine` measures what it says, and compares pictures of the same inputs."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.catalog import read_card
from scripts.bench import engine_rounds
from scripts.bench.limits import least_s, limits_of
from scripts.bench.making import Made, Maker
from scripts.bench.subjects import difference, garment_for, people
from scripts.cli import made

WORDS = ("--card", "fashn-vton-1.5", "--random-weights", "small", "--against", "published", "--device", "cpu")
QUICK = ("--people", "2", "--batch", "1,2", "--steps", "1", "--rounds", "1")


@pytest.fixture
def one_core() -> Iterator[None]:
    """Threads that wait for each other cost more than they bring on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_core")
def test_a_run_against_the_published_way_tells_ratios_of_the_same_pictures(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run = CliRunner().invoke(
        made(["bench"]), ["bench", "engine", *WORDS, *QUICK, "--data", str(tmp_path), "--page", str(page)]
    )
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["same_pictures"] is True
    assert (told["people"], told["rounds"], told["num_inference_steps"]) == (2, 1, 1)
    assert set(told["by_batch"]) == {"1", "2"}
    one, published = told["by_batch"]["1"], told["published"]
    assert told["garment_known_ratio"] == pytest.approx(
        told["by_batch"]["2"]["pictures_per_s"] / published["pictures_per_s"], rel=0.01
    )
    assert one["peak_share"] == pytest.approx(one["tflops"] / told["matmul_peak_tflops"])
    assert 0 < one["loop_share"] < 1
    assert told["cold_start_s"] > told["ready_s"] > 0
    assert page.read_text().count("<svg") == 3
    assert (tmp_path / "page.json").is_file()


@pytest.mark.usefixtures("one_core")
def test_what_was_measured_before_ctrl_c_is_told_and_lay_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, once = tmp_path / "page.html", engine_rounds._once

    def stopping(plan: engine_rounds.Plan, name: str, maker: Maker, number: int, *others: Any) -> Made:
        if number == 2:
            assert json.loads(page.with_suffix(".json").read_text())["rounds"] == 1
            raise KeyboardInterrupt
        return once(plan, name, maker, number, *others)

    monkeypatch.setattr(engine_rounds, "_once", stopping)
    words = ["--card", "paperdoll", "--device", "cpu", "--people", "1", "--batch", "1", "--steps", "1", "--rounds", "9"]
    run = CliRunner().invoke(made(["bench"]), ["bench", "engine", *words, "--data", str(tmp_path), "--page", str(page)])
    assert run.exit_code == 130, run.output
    assert json.loads(run.stdout.splitlines()[-1])["rounds"] == 1
    assert "It was stopped before all of its rounds." in page.read_text()


@pytest.mark.parametrize("name", ["engine", "service", "api", "start", "approximations"])
def test_a_page_that_cannot_be_written_is_a_sentence_before_anything_is_measured(name: str) -> None:
    run = CliRunner().invoke(made(["bench"]), ["bench", name, "--page", "/proc/none/page.html"])
    assert run.exit_code == 2
    assert "Nothing can be written into /proc/none" in " ".join(run.output.replace("│", " ").split())


@pytest.mark.parametrize("name", ["start", "approximations"])
def test_a_gpu_that_is_not_there_is_a_sentence_before_anything_is_started(name: str) -> None:
    run = CliRunner().invoke(made(["bench"]), ["bench", name, "--card", "paperdoll", "--device", "cuda:99"])
    assert run.exit_code == 2
    assert "There is no CUDA device for 'cuda:99'" in " ".join(run.output.replace("│", " ").split())


@pytest.mark.parametrize("sizes", ["0", "1,two", ""])
def test_sizes_of_batches_that_are_none_are_refused_in_a_sentence(sizes: str) -> None:
    run = CliRunner().invoke(
        made(["bench"]), ["bench", "engine", "--card", "paperdoll", "--device", "cpu", "--batch", sizes]
    )
    assert run.exit_code == 2
    assert "--batch takes numbers" in run.output.replace("\n", " ")


def test_people_differ_from_each_other_and_from_those_of_another_visit() -> None:
    card = read_card("leffa-vitonhd")
    garment = garment_for(card, 0)
    jobs = [job for visit in (1, 2) for job in people(card, 8, visit, garment)]
    assert len({job.person.tobytes() for job in jobs}) == 16
    assert all(job.mask is not None and job.densepose is not None for job in jobs)
    assert not np.array_equal(garment, garment_for(card, 1))


def test_a_difference_is_a_share_of_the_range_and_that_of_the_worst_picture() -> None:
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 51, np.uint8)
    assert difference([black, grey], [black, black]) == pytest.approx(0.2)


def test_the_limits_are_what_the_device_does() -> None:
    limits = limits_of(torch.device("cpu"), torch.float32)
    assert 1e-4 < limits.tflops < 100
    assert 0.1 < limits.gbytes < 10_000


class Busy:
    """A device that works through what it was given; each launch, and each wait for its end, costs the caller time.

    `slow_waits`: those during which somebody else had it.
    """

    def __init__(self, work_s: float, slow_waits: Container[int]) -> None:
        self.work_s, self.slow_waits = work_s, slow_waits
        self.now = self.free_at = 0.0
        self.num_waits = 0

    def launch(self) -> None:
        self.now += 5e-6
        self.free_at = max(self.free_at, self.now) + self.work_s

    def wait(self) -> None:
        self.num_waits += 1
        self.now = max(self.now, self.free_at) + 3e-4 + 0.2 * (self.num_waits in self.slow_waits)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("work_s", "slow_waits"), [(2e-5, range(30, 38)), (1.4e-3, range(16, 24)), (0.3, range(6, 14))]
)
def test_a_device_s_peak_counts_neither_launches_nor_waits_nor_what_others_took(
    work_s: float, slow_waits: range
) -> None:
    device = Busy(work_s, slow_waits)
    assert least_s(device.launch, device.wait, device.clock) == pytest.approx(work_s, rel=0.01)
    assert device.num_waits > slow_waits.stop
    assert device.now - 0.2 * len(slow_waits) < 10 * max(work_s, 0.12), "enough to measure, and no more"
