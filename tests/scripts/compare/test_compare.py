"""`fitting-room compare`: what is said of a difference, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from judged_runs import DataSet, draw, make_run
from typer.testing import CliRunner

from models.catalog import CardError
from scripts.cli import made
from scripts.compare.statistics import differences, holm, paired
from scripts.evaluation.judges import Judges
from scripts.evaluation.result import made as result_of
from scripts.evaluation.run_folder import read_run
from scripts.evaluation.scoring import score
from scripts.evaluation.sources import Sources


def fitting_room(*words: object) -> str:
    arguments = [str(word) for word in words]
    said = CliRunner().invoke(made(arguments), arguments)
    if isinstance(said.exception, CardError):
        raise said.exception
    assert said.exit_code == 0, said.output
    return said.stdout


def judged(folder: Path, data: DataSet, noise: int, *words: object) -> Path:
    run = make_run(folder, data, noise)
    fitting_room("evaluate", run, "--reference", data.truths, "--masks", data.masks, "--data", folder / "data", *words)
    return run


def test_a_clear_difference_is_told_by_its_direction_and_an_unclear_one_as_such(tmp_path: Path) -> None:
    data = draw(tmp_path / "set")
    clean, noisy = judged(tmp_path / "clean", data, 5), judged(tmp_path / "noisy", data, 20)
    told = json.loads(fitting_room("compare", clean, noisy, "-o", tmp_path / "page.html").splitlines()[-1])
    found = told["differences"]["noisy"]
    assert {found[name]["verdict"] for name in ("ssim", "psnr", "psnr_garment", "identity_psnr")} == {"worse"}
    assert found["psnr"]["high"] < 0
    told = json.loads(fitting_room("compare", noisy, noisy, "-o", tmp_path / "page.html").splitlines()[-1])
    assert {found["verdict"] for found in told["differences"]["noisy"].values()} == {"unclear"}


def test_noise_alone_is_seldom_called_a_difference_and_a_shift_is() -> None:
    rng = np.random.default_rng(0)
    clear = 0
    for _ in range(100):
        ones, others = rng.normal(size=(2, 30))
        clear += differences([paired(ones.tolist(), others.tolist(), higher_is_better=True)])[0].verdict != "unclear"
    assert clear <= 10
    ones = rng.normal(size=40)
    pair = ones.tolist(), (ones + 0.1).tolist()
    better, worse = differences([paired(*pair, higher_is_better=higher) for higher in (True, False)])
    assert (better.verdict, worse.verdict) == ("better", "worse")


def test_distances_of_sets_are_compared_in_pairs_as_long_as_their_features_are_there(tmp_path: Path) -> None:
    """A small stand-in of the network: the mean and the spread of each channel."""

    def network(images: list[np.ndarray]) -> np.ndarray:
        pixels = [image.reshape(-1, 3) / 255 for image in images]
        return np.stack([np.concatenate([one.mean(0), one.std(0)]) for one in pixels])

    data = draw(tmp_path / "set", 30)
    runs = [make_run(tmp_path / name, data, noise) for name, noise in (("near", 5), ("far", 90))]
    for folder in runs:
        run = read_run(folder)
        sources = Sources.of(run, data.truths, data.masks, None)
        judges = Judges(loaded={"fid-inception": network}, sha256={"fid-inception": "0" * 64})
        result_of(run, sources, judges, score(run, sources, judges, lambda *_: None)).write(folder)
    found = json.loads(fitting_room("compare", *runs, "-o", tmp_path / "page.html").splitlines()[-1])
    told = found["differences"]["far"]
    assert (told["fid"]["verdict"], told["kid"]["verdict"]) == ("worse", "worse")
    assert told["fid"]["num"] == 30
    for folder in runs:
        assert json.loads((folder / "evaluation.json").read_text())["features"]
    (runs[1] / "features.npz").write_bytes(b"another run's")
    without = json.loads(fitting_room("compare", *runs, "-o", tmp_path / "page.html").splitlines()[-1])
    assert set(told) - set(without["differences"]["far"]) == {"fid", "kid"}


def test_holm_corrects_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_runs_of_different_protocols_are_refused_with_what_differs(tmp_path: Path) -> None:
    data = draw(tmp_path / "set", 3)
    one, other = judged(tmp_path / "one", data, 5), judged(tmp_path / "other", data, 5, "--size", "32x24")
    with pytest.raises(CardError, match="differ in size") as refused:
        fitting_room("compare", one, other, "-o", tmp_path / "page.html")
    assert "fitting-room evaluate" in str(refused.value)
    with pytest.raises(CardError, match="was not judged yet"):
        fitting_room("compare", one, make_run(tmp_path / "new", data, 5), "-o", tmp_path / "page.html")
    with pytest.raises(CardError, match="two run folders"):
        fitting_room("compare", one, "-o", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_the_page_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    data = draw(tmp_path / "set", 3)
    runs = [judged(tmp_path / f"run{noise}", data, noise) for noise in (5, 20)]
    fitting_room("compare", *runs, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert not re.search(r"https?://|@import|<link|<iframe|\bfetch\(", page)
    assert str(tmp_path) not in page
