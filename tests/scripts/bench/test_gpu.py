"""The suite for a GPU runs whole on a CPU with small weights, and loses nothing of what it has found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from scripts.bench.gpu import run
from scripts.bench.gpu_bars import bars_of, tables_of
from scripts.bench.gpu_parts import proof
from scripts.bench.gpu_suite import CARDS, LEFT, MEASURED, Part, Suite, walk
from scripts.checkpoints import fashn_vton

ROOT = Path(__file__).parents[3]
SUITE = (sys.executable, "-m", "scripts.bench.gpu", "--device", "cpu", "--size", "small", "--steps", "2")
FULL = Suite("cuda:0", "full", Path("data"), Path("results"), tuple(CARDS))


def started(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SUITE, "--data", str(tmp_path / "data"), "--folder", str(tmp_path / "results"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def suite(tmp_path: Path, *words: str, code: int = 0) -> dict[str, Any]:
    process = started(tmp_path, *words)
    said, errors = process.communicate()
    logs = "".join(log.read_text()[-2000:] for log in (tmp_path / "results").glob("*.log"))
    assert process.returncode == code, errors + logs
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


def on_disk(tmp_path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((tmp_path / "results" / "suite.json").read_text())
    return told


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("card", CARDS)
def test_every_part_of_a_card_runs(card: str, tmp_path: Path) -> None:
    told = suite(tmp_path, "--card", card)
    assert set(told["parts"].values()) == {MEASURED}, told["parts"]
    results = told["results"]
    assert results[f"engine-{card}"]["same_pictures"] is True
    assert results[f"proof-{card}"]["forward_error"] < 1e-5
    assert results[f"worker-{card}"]["batch_s"]
    assert results[f"worker-{card}"]["knew_batches"] is False
    assert results[f"again-{card}"]["knew_batches"] is True
    kinds = {what.removeprefix(f"{card}: "): verdict for what, verdict in told["bars"].items()}
    assert kinds.pop("a loop in which nothing waits for the GPU") == "not measured"  # there is none
    assert set(kinds.values()) <= {"met", "not met", "measured"}
    assert (tmp_path / "results" / "suite.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_suite_that_is_stopped_tells_what_it_has_and_the_next_call_goes_on(tmp_path: Path) -> None:
    words = ("--card", "flux2-klein-4b")  # the smallest
    process = started(tmp_path, *words)
    proof_log = tmp_path / "results" / "proof-flux2-klein-4b.log"
    while not proof_log.is_file():
        assert process.poll() is None
        time.sleep(0.05)
    assert on_disk(tmp_path)["parts"]["engine-flux2-klein-4b"] == MEASURED
    process.send_signal(signal.SIGTERM)
    told = json.loads(process.communicate()[0].splitlines()[-1])
    assert process.returncode == 130
    assert told["parts"]["proof-flux2-klein-4b"] == "stopped"
    assert told["parts"]["attention"] == LEFT
    assert told["results"]["engine-flux2-klein-4b"]["garment_known_loop_ratio"] > 0
    again = suite(tmp_path, *words, "--minutes", "0", code=1)
    assert again["parts"] == told["parts"]
    assert again["results"] == told["results"]


def test_a_forward_s_error_is_that_of_its_precision(tmp_path: Path) -> None:
    card = replace(fashn_vton.small_card(tmp_path), precision="float64")
    kept: list[dict[str, Any]] = []
    proof(card, torch.device("cpu"), tmp_path / "cache", tmp_path, kept.append)
    assert "forward_error" not in kept[0], "the picture is kept before more is tried"
    assert kept[0]["picture_s"] > 0
    assert kept[1]["precision"] == "float64"
    assert 1e-8 < kept[1]["forward_error"] < 1e-5
    assert (tmp_path / f"picture-{card.name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--device", "cuda:0"), "There is no CUDA device for 'cuda:0'"),
        (("--device", "cpu", "--card", "paperdoll"), "paperdoll needs no random weights"),
        (("--device", "cpu", "--card", "nope"), "There is no model card 'nope'"),
        (("--device", "cpu", "--folder", "/proc/none"), "Nothing can be written into /proc/none"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence_before_anything_starts(
    words: Sequence[str], sentence: str, tmp_path: Path
) -> None:
    told = called(tmp_path, *words)
    assert told.exit_code == 2
    assert sentence in " ".join(told.stderr.replace("│", " ").split())
    assert told.stdout == ""


def called(tmp_path: Path, *words: str) -> Result:
    """In this process."""
    app = typer.Typer()
    app.command()(run)
    before = signal.getsignal(signal.SIGTERM)
    try:
        return CliRunner().invoke(app, ["--folder", str(tmp_path), *words])
    finally:
        signal.signal(signal.SIGTERM, before)


def scripted(name: str, code: str, *, needs_s: float = 0, limit_s: float = 60) -> Part:
    return Part(name, [sys.executable, "-c", code], needs_s, limit_s)


def writing(tmp_path: Path, name: str) -> str:
    return f"open({str(tmp_path / name)!r} + '.json', 'w').write('{{}}')"


def test_a_part_that_fails_or_outlasts_its_limit_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    child = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    parts = [
        scripted("failing", "raise SystemExit('no such kernel')"),
        scripted("silent", "pass"),
        scripted("hanging", child + writing(tmp_path, "hanging") + "; time.sleep(600)", limit_s=3),
        scripted("good", writing(tmp_path, "good")),
        scripted("long", writing(tmp_path, "long"), needs_s=1e6),
        scripted("last", writing(tmp_path, "last")),
    ]
    states: dict[str, str] = {}
    seen = [(part.name, states[part.name]) for part in walk(parts, states, tmp_path, time.monotonic() + 1000)]
    assert seen[:2] == [("failing", "running"), ("failing", "failed with 1: no such kernel")]
    assert states["silent"] == "failed with 0: it said nothing"
    assert states["hanging"] == "given up after 3 s"
    assert (tmp_path / "hanging.json").is_file(), "what it knew stays"
    assert (states["good"], states["long"], states["last"]) == (MEASURED, LEFT, MEASURED)
    again = list(walk(parts, states, tmp_path, time.monotonic() + 1))
    assert {part.name for part in again} == {"failing", "silent", "hanging"}, "what is measured is not measured again"


def test_what_is_known_is_on_the_disk_at_each_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = f"import shutil; shutil.copy({str(tmp_path / 'suite.json')!r}, {str(tmp_path / 'seen.json')!r}); "
    stop = "import os, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"
    parts = [
        scripted("good", writing(tmp_path, "good")),
        scripted("failing", "raise SystemExit(1)"),
        scripted("stopping", look + stop),
        scripted("last", "pass"),
    ]
    monkeypatch.setattr(Suite, "parts", property(lambda _: parts))
    told = called(tmp_path, "--device", "cpu", "--size", "small")
    assert told.exit_code == 130
    seen = json.loads((tmp_path / "seen.json").read_text())
    failed = "failed with 1: it said nothing"
    assert seen["parts"] == {"good": MEASURED, "failing": failed, "stopping": "running"}
    last = json.loads(told.stdout.splitlines()[-1])
    assert last["parts"] == {"good": MEASURED, "failing": failed, "stopping": "stopped", "last": LEFT}
    assert last["results"] == {"good": {}}
    assert set(last["bars"].values()) == {"not measured"}
    assert "1 part(s) are left: the same command again" in told.stdout
    parts[:] = [scripted("good", "raise SystemExit('once is enough')"), scripted("last", writing(tmp_path, "last"))]
    again = called(tmp_path, "--device", "cpu", "--size", "small")
    assert again.exit_code == 0, again.output
    assert "are left" not in again.stdout
    parts_known = json.loads(again.stdout.splitlines()[-1])["parts"]
    assert parts_known == last["parts"] | {"last": MEASURED}, "a call for some forgets nothing of the others"
    other = called(tmp_path, "--device", "cpu", "--size", "small", "--steps", "3", "--minutes", "0")
    assert json.loads(other.stdout.splitlines()[-1])["results"] == {}, "other steps are another question"


def test_what_there_is_no_time_for_is_left(tmp_path: Path) -> None:
    states: dict[str, str] = {}
    assert list(walk(FULL.parts, states, tmp_path, time.monotonic() + 5)) == []
    assert set(states.values()) == {LEFT}


def engine_told(ratio: float, share: float) -> dict[str, Any]:
    return {
        "garment_known_ratio": ratio,
        "garment_known_loop_ratio": ratio,
        "matmul_peak_tflops": 790.0,
        "rounds": 3,
        "by_batch": {"1": {"pictures_per_s": 1.0, "peak_share": share}},
        "spread": {"garment_known_ratio": [1, 3], "garment_known_loop_ratio": [1, 3]},
    }


def test_each_bar_is_met_or_not_met_or_not_measured() -> None:
    fashn, leffa = "fashn-vton-1.5", "leffa-vitonhd"
    results = {
        f"engine-{fashn}": engine_told(1.9, 0.61),
        f"engine-{leffa}": engine_told(1.2, 0.3),
        f"proof-{fashn}": {"loop_without_synchronisation": True},
        f"again-{fashn}": {"ready_s": 15.0, "weights_s": 2.0, "knew_batches": True},
        f"worker-{fashn}": {"ready_s": 20.0, "weights_s": 2.0, "knew_batches": False, "batch_s": {"1": 2.0}},
        f"worker-{leffa}": {"ready_s": 9.0, "weights_s": 2.0, "knew_batches": True, "batch_s": {"1": 2.0, "2": 1.9}},
        "attention": {"leffa": {"MATH": None}},
    }
    verdicts = {bar.what: bar.verdict(results)[1] for bar in bars_of((fashn, leffa))}
    assert verdicts == {
        f"{fashn}: loop, times as fast as published": "not met",
        f"{fashn}: loop's share of the matmul peak of the same run": "met",
        f"{fashn}: a loop in which nothing waits for the GPU": "met",
        f"{fashn}: seconds a picture in batches of so many sizes": "not met",
        f"{fashn}: second start, times reading the weights": "not met",
        f"{leffa}: loop, times as fast as published": "measured",
        f"{leffa}: loop's share of the matmul peak of the same run": "measured",
        f"{leffa}: a loop in which nothing waits for the GPU": "not measured",
        f"{leffa}: seconds a picture in batches of so many sizes": "met",
        "attention kernels, at shapes of so many families": "measured",
    }
    assert [row[3] for row in tables_of((fashn, leffa), {}, results)[-1].rows] == list(verdicts.values())


def test_a_start_says_what_it_knew_and_one_that_knew_nothing_is_no_second() -> None:
    fashn = "fashn-vton-1.5"
    again = {"ready_s": 20.0, "weights_s": 2.0, "knew_batches": False, "batch_s": {"1": 2.0}}
    results = {f"worker-{fashn}": again | {"knew_batches": True}, f"again-{fashn}": again}
    verdicts = {bar.what: bar.verdict(results)[1] for bar in bars_of((fashn,))}
    assert verdicts[f"{fashn}: second start, times reading the weights"] == "not measured"
    (starts,) = (table for table in tables_of((fashn,), {}, results) if table.title == "Starts of a worker")
    assert [row[-1] for row in starts.rows] == ["known", "timed"]


def test_what_the_bars_need_comes_first_and_can_begin_within_two_calls_of_ten_minutes() -> None:
    parts = FULL.parts
    assert [part.name for part in parts[: len(CARDS)]] == [f"engine-{card}" for card in CARDS]
    assert parts[0].limit_s <= 5 * 60
    assert all(part.needs_s < part.limit_s for part in parts)
    assert len({part.name for part in parts}) == len(parts)
    needed = [part for part in parts if not part.name.startswith("worker-")]
    assert sum(part.needs_s for part in needed) <= 12 * 60
