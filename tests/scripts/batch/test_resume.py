"""A run that is killed and begun again leaves what an unbroken one leaves."""

from __future__ import annotations

import csv
import json
import signal
from itertools import islice, product
from pathlib import Path
from typing import Any

import psutil
import pytest
from batch_runs import (
    ROOT,
    batch,
    is_alive,
    kept,
    killed_after,
    manifest,
    small_samples,
    started,
    wait_until,
    write_table,
)

PAPERDOLL = ("--card", "paperdoll", "--device", "cpu")
FAILING = 3


def table_of(num_rows: int, folder: Path) -> Path:
    """Rows of one and two steps, mixed, of which three fail: in the table, on the disk, in the model."""
    figures, garments = small_samples(folder)
    pairs = islice(product(range(1 + num_rows), figures, garments), num_rows)
    rows: list[dict[str, Any]] = [
        {"person": person, "garment": garment, "category": "upper", "steps": 1 + number % 3 // 2}
        for number, (_, person, garment) in enumerate(pairs)
    ]
    rows[4]["category"] = "hat"
    rows[7]["garment"] = folder / "nothing.png"
    rows[8]["category"] = "lower"
    return write_table(folder / "pairs.csv", rows)


def check_kills(num_rows: int, kills: tuple[int, ...], folder: Path) -> None:
    table = table_of(num_rows, folder / "inputs")
    options = (table, *PAPERDOLL, "--batch-size", "2")
    code, told, said = batch("-o", folder / "unbroken", *options)
    assert (code, told["made"], told["failed"], told["left"]) == (1, num_rows - FAILING, FAILING, 0), said
    for num_pictures in kills:
        killed_after(num_pictures, folder / "killed", *options)
    code, told, said = batch("-o", folder / "killed", *options)
    assert (code, told["made"], told["failed"], told["left"]) == (1, num_rows - FAILING, FAILING, 0), said
    assert kills[-2] <= told["before"] < num_rows
    assert kept(folder / "killed") == kept(folder / "unbroken")
    lines = manifest(folder / "killed")
    assert [line["row"] for line in lines] == [str(number) for number in range(1, num_rows + 1)]
    pictures = {f"pictures/{path.name}" for path in (folder / "killed" / "pictures").iterdir()}
    assert pictures == {line["output"] for line in lines if line["output"]}
    with (folder / "killed" / "timings.csv").open(newline="") as stream:
        timings = list(csv.DictReader(stream))
    assert [line["row"] for line in timings] == [line["row"] for line in lines]
    torch_alone = 100 * 2**20  # bytes
    made = {line["row"] for line in lines if line["output"]}
    assert all(int(line["peak_bytes"]) > torch_alone for line in timings if line["row"] in made)


@pytest.mark.timeout(900)
def test_after_three_kills_the_manifest_and_the_files_equal_those_of_an_unbroken_run(tmp_path: Path) -> None:
    check_kills(24, (3, 9, 15), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_five_hundred_rows_survive_three_kills(tmp_path: Path) -> None:
    check_kills(500, (90, 250, 410), tmp_path)


@pytest.mark.timeout(600)
def test_a_stopped_run_ends_what_it_began_and_says_what_is_left(tmp_path: Path) -> None:
    table = table_of(24, tmp_path / "inputs")
    running, output = started("-o", tmp_path / "run", table, *PAPERDOLL), tmp_path / "run"
    wait_until(lambda: running.poll() is not None or any(output.glob("pictures/*.png")), within_s=300)
    children = psutil.Process(running.pid).children(recursive=True)
    code, told, said = batch("-o", output, table, *PAPERDOLL)
    assert code == 2
    assert "Another fitting-room batch is at work" in said
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=120)
    told = json.loads(out.splitlines()[-1])
    assert running.returncode == 130
    assert told["left"] > 0
    assert len(manifest(output)) == 24 - told["left"]
    wait_until(lambda: not any(map(is_alive, children)), within_s=60)
    code, _, said = batch("-o", output, table, *PAPERDOLL, "--steps", "4")
    assert code == 2
    assert "holds another run; this one has steps 4 instead of the card's in row 5. Give the same" in said


@pytest.mark.timeout(600)
def test_rows_that_failed_are_made_again_with_their_batch_mates_when_asked_to(tmp_path: Path) -> None:
    figures, garments = small_samples(tmp_path)
    late = tmp_path / "late.png"
    rows = [{"person": figures[0], "garment": garment, "steps": 1} for garment in (garments[0], late, garments[2])]
    options = (write_table(tmp_path / "pairs.csv", rows), *PAPERDOLL, "--batch-size", "2")
    code, _, _ = batch("-o", tmp_path / "run", *options)
    assert code == 1
    assert [bool(line["error"]) for line in manifest(tmp_path / "run")] == [False, True, False]
    late.write_bytes(garments[1].read_bytes())
    code, told, said = batch("-o", tmp_path / "run", *options)
    assert (code, told["before"]) == (1, 3), said
    code, told, said = batch("-o", tmp_path / "run", *options, "--retry-failed")
    assert (code, told["before"], told["failed"]) == (0, 1, 0), said
    batch("-o", tmp_path / "whole", *options)
    assert kept(tmp_path / "run") == kept(tmp_path / "whole")
    made_by = [json.loads(line["optimisations"] or "[]") for line in manifest(tmp_path / "run")]
    assert [any(one["name"] == "batch of 2" for one in names) for names in made_by] == [True, True, False]


@pytest.mark.timeout(300)
def test_a_card_that_cannot_be_loaded_ends_the_run_with_the_command_that_mends_it(tmp_path: Path) -> None:
    table = write_table(tmp_path / "pairs.csv", [{"person": "a.png", "garment": "b.png"}])
    card = tmp_path / "copied.toml"
    text = (ROOT / "models" / "cards" / "paperdoll.toml").read_text()
    card.write_text(text.replace('folder = "../paperdoll/weights"\n', ""))
    code, _, said = batch("-o", tmp_path / "run", table, "--card", card, "--device", "cpu")
    assert code == 2
    assert "Traceback" not in said
    assert "fitting-room fetch" in said
