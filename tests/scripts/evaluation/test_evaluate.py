"""`fitting-room evaluate`, over runs and over plain folders."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from judged_runs import DataSet, draw, make_run
from PIL import Image
from typer.testing import CliRunner

from models.catalog import CardError
from scripts.cli import made
from scripts.evaluation.distances import frechet, kernel
from scripts.evaluation.judges import Judges
from scripts.evaluation.result import made as result_of
from scripts.evaluation.run_folder import RunError, read_run
from scripts.evaluation.scoring import score
from scripts.evaluation.sources import Sources


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return draw(tmp_path_factory.mktemp("data"))


def fitting_room(*words: object, folder: Path) -> Result:
    unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith(("FITTING_ROOM", "REDIS"))}
    arguments = [*map(str, words), "--data", str(folder / "data")]
    said = CliRunner().invoke(made(arguments), arguments, env=unset)
    if isinstance(said.exception, CardError):
        raise said.exception
    return said


def evaluated(run: Path, *words: object, folder: Path) -> dict[str, Any]:
    said = fitting_room("evaluate", run, *words, folder=folder)
    assert said.exit_code == 0, said.output
    told: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return told


def test_a_run_is_scored_in_and_outside_the_garment(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10, failed=2)
    told = evaluated(run, "--reference", data.truths, "--masks", data.masks, folder=tmp_path)
    assert (told["num"], told["failed"]) == (10, 2)
    metrics = told["metrics"]
    for name in ("ssim", "psnr", "ssim_garment", "psnr_garment", "ssim_rest", "psnr_rest", "identity_psnr"):
        assert metrics[name]["num"] == 10
        assert metrics[name]["low"] <= metrics[name]["value"] <= metrics[name]["high"]
    assert metrics["psnr"]["value"] == pytest.approx(32.4, abs=0.3)  # of noise that is uniform in -10 to 10, clipped
    assert 50 < metrics["identity_kept"]["value"] < 70  # (17 / 21)³ of it is within 8


def test_what_cannot_be_measured_says_which_command_brings_it(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10)
    said = fitting_room("evaluate", run, folder=tmp_path)
    assert said.exit_code == 0
    absent = {name: found["absent"] for name, found in json.loads(said.stdout.splitlines()[-1])["metrics"].items()}
    assert "fitting-room fetch vgg16" in absent["lpips"]
    assert "fitting-room fetch vgg16" in absent["dists"]
    assert "fitting-room fetch fid-inception" in absent["fid"]
    assert "fitting-room fetch fid-inception" in absent["kid"]
    assert "fitting-room fetch clip-vit-b32" in absent["clip_i"]
    assert "--reference DIR" in absent["ssim"]
    assert "--masks DIR" in absent["ssim_garment"]
    assert "--masks DIR" in absent["identity_kept"]
    assert said.stdout.count("absent   ") == len(absent)


def test_the_same_run_is_judged_the_same_byte_for_byte(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10)
    options = ("--reference", data.truths, "--masks", data.masks)
    evaluated(run, *options, folder=tmp_path)
    first = (run / "evaluation.json").read_bytes()
    evaluated(run, *options, folder=tmp_path)
    assert (run / "evaluation.json").read_bytes() == first


def test_runs_of_one_set_have_one_protocol_and_every_choice_changes_it(data: DataSet, tmp_path: Path) -> None:
    options = ("--reference", data.truths, "--masks", data.masks)
    runs = [make_run(tmp_path / f"run{noise}", data, noise, failed=noise // 20) for noise in (5, 20)]
    one, other = (evaluated(run, *options, folder=tmp_path)["protocol_id"] for run in runs)
    assert one == other
    moved = DataSet(Path(shutil.copytree(data.folder, tmp_path / "moved")))
    elsewhere = ("--reference", moved.truths, "--masks", moved.masks)
    assert evaluated(runs[0], *elsewhere, folder=tmp_path)["protocol_id"] == one
    Image.new("L", (48, 64), 255).save(moved.masks / "00.png")
    others = [elsewhere, options[:2], (*options, "--size", "32x24"), ()]
    assert len({one, *(evaluated(runs[0], *words, folder=tmp_path)["protocol_id"] for words in others)}) == 5


def test_folders_of_pictures_with_equal_names_are_enough(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10)
    told = evaluated(run / "pictures", "--reference", data.truths, folder=tmp_path)
    assert told["metrics"]["ssim"]["num"] == 12
    assert "photographs" in told["metrics"]["identity_kept"]["absent"]


def test_a_paired_row_finds_its_truth_by_the_person(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10)
    manifest = (run / "manifest.csv").read_text()
    for number in range(12):
        (run / f"pictures/{number:02d}.png").rename(run / f"pictures/row-{number:02d}.png")
        manifest = manifest.replace(f"pictures/{number:02d}.png", f"pictures/row-{number:02d}.png")
    (run / "manifest.csv").write_text(manifest)
    unpaired = evaluated(run, "--reference", data.truths, folder=tmp_path)
    assert "absent" in unpaired["metrics"]["ssim"]
    lines = [line.replace("garments/", "cloth/") for line in manifest.splitlines()]
    for number, line in enumerate(lines[1:]):
        for garment in ("shirt", "coat", "vest"):
            line = line.replace(f"cloth/{garment}.png", f"cloth/{number:02d}.png")
        lines[number + 1] = line
    (run / "manifest.csv").write_text("\n".join(lines))
    paired = evaluated(run, "--reference", data.truths, folder=tmp_path)
    assert paired["metrics"]["ssim"]["num"] == 12


def test_pictures_of_another_shape_or_of_several_sizes_are_refused_in_a_sentence(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10)
    with pytest.raises(RunError, match="its sides have another ratio"):
        evaluated(run, "--reference", data.truths, "--size", "64x64", folder=tmp_path)
    Image.new("RGB", (96, 128)).save(run / "pictures/03.png")
    with pytest.raises(RunError, match="Choose one: --size HxW"):
        evaluated(run, "--reference", data.truths, folder=tmp_path)
    assert evaluated(run, "--reference", data.truths, "--size", "64x48", folder=tmp_path)["num"] == 12


def test_a_run_that_lacks_a_picture_or_a_truth_names_it(data: DataSet, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", data, 10)
    fewer = Path(shutil.copytree(data.truths, tmp_path / "fewer"))
    (fewer / "04.png").unlink()
    with pytest.raises(RunError, match="have no reference, 04 first"):
        evaluated(run, "--reference", fewer, folder=tmp_path)
    (run / "pictures/05.png").unlink()
    with pytest.raises(RunError, match=r"05\.png first"):
        evaluated(run, folder=tmp_path)


def test_drawn_pairs_can_be_judged(tmp_path: Path) -> None:
    said = CliRunner().invoke(made(["draw"]), ["draw", str(tmp_path / "set"), "--num", "3", "--height", "64"])
    assert said.exit_code == 0, said.output
    assert (tmp_path / "set/pairs.csv").read_text().splitlines()[1] == "0000,people/0000.png,garments/0000.png,upper"
    drawn = tmp_path / "set"
    options = ("--reference", drawn / "truths", "--masks", drawn / "masks")
    told = evaluated(drawn / "people", *options, folder=tmp_path)
    assert told["metrics"]["psnr_rest"]["value"] > told["metrics"]["psnr_garment"]["value"] + 10


def test_networks_that_are_there_judge_every_picture_and_the_set(data: DataSet, tmp_path: Path) -> None:
    """The distances' own arithmetic is others' business; small stand-ins of the networks suffice here."""

    def features(images: list[np.ndarray]) -> np.ndarray:
        return np.stack([image.reshape(-1, 3).mean(0) / 255 for image in images]).astype(np.float64)

    def unlike(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        return {name: float(np.abs(one.astype(int) - other).mean()) for name in ("lpips", "dists")}

    run = read_run(make_run(tmp_path / "run", data, 10, failed=1))
    sources = Sources.of(run, data.truths, data.masks, None)
    networks = {"fid-inception": features, "vgg16": unlike, "clip-vit-b32": lambda image: features([image])[0]}
    judges = Judges(loaded=networks, sha256=dict.fromkeys(networks, "0" * 64))
    result = result_of(run, sources, judges, score(run, sources, judges, lambda *_: None))
    assert [name for name, found in result.metrics.items() if "absent" in found] == []
    assert {result.metrics[name]["num"] for name in result.metrics} == {11}
    real = features([np.asarray(Image.open(path)) for path in sorted(data.truths.iterdir())])
    made_ = features([np.asarray(Image.open(row.output)) for row in run.rows])
    assert result.metrics["fid"]["value"] == pytest.approx(frechet(made_, real))
    assert result.metrics["kid"]["value"] == pytest.approx(1000 * kernel(made_, real))
    assert result.protocol["real_set"]["num"] == 12
    without = Judges(missing=dict.fromkeys(networks, "needs something"))
    other = result_of(run, sources, without, score(run, sources, without, lambda *_: None))
    assert other.protocol_id != result.protocol_id
