"""A folder keeps one run, and says of another what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.batch import plan as plans
from scripts.batch.folder import RunFolder
from scripts.batch.plan import Plan
from scripts.batch.rows import BatchError, Row, named

ROWS = tuple(
    named(
        [Row(number, person=f"/{number}.png", garment="/tee.png", seed=number, card="paperdoll") for number in (1, 2)]
    )
)
PLAN = Plan(ROWS, {"paperdoll": "a" * 64}, "cpu")


def entered(folder: Path, plan: Plan) -> None:
    with RunFolder(folder, plan, lambda results: None):
        pass


def with_rows(*rows: Row) -> Plan:
    return replace(PLAN, rows=tuple(named([replace(row, name="") for row in rows])))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (with_rows(*(replace(row, steps=4) for row in ROWS)), "steps 4 instead of the card's in every row"),
        (
            with_rows(*(replace(row, seed=row.seed + 5) for row in ROWS)),
            "seed 6 instead of 1 in row 1 and others in 1 more",
        ),
        (with_rows(ROWS[0], replace(ROWS[1], garment="/hat.png")), "garment /hat.png instead of /tee.png in row 2"),
        (with_rows(*ROWS, replace(ROWS[0], number=3)), "3 rows instead of 2"),
        (replace(PLAN, rows=(replace(ROWS[0], name="mine"), ROWS[1])), "name mine instead of 1-1-tee in row 1"),
        (
            replace(PLAN, where="cuda H100", batch_size=4),
            "cuda H100 instead of cpu, --batch-size 4 instead of none given",
        ),
        (replace(PLAN, uses_masks=False), "--no-masks"),
        (replace(PLAN, cards={"paperdoll": "b" * 64}), "other files or settings of the card paperdoll"),
    ],
)
def test_another_run_is_refused_with_what_differs_and_nothing_else(other: Plan, sentence: str, tmp_path: Path) -> None:
    entered(tmp_path / "run", PLAN)
    entered(tmp_path / "run", PLAN)
    with pytest.raises(BatchError) as refused:
        entered(tmp_path / "run", other)
    assert f"holds another run; this one has {sentence}. Give the same rows" in str(refused.value)


def test_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered(tmp_path / "run", PLAN)
    now = plans.versions() | {"torch": "9.9"}
    monkeypatch.setattr(plans, "versions", lambda: now)
    with pytest.raises(BatchError, match=r"this one has torch 9\.9 instead of \d"):
        entered(tmp_path / "run", PLAN)


def test_a_folder_of_inputs_is_not_written_into(tmp_path: Path) -> None:
    for name in ("people", "garments"):
        (tmp_path / "set" / name).mkdir(parents=True)
    with pytest.raises(BatchError, match=r"holds what goes into a run \(people, garments\).* another folder with -o"):
        entered(tmp_path / "set", PLAN)
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["garments", "people"]
    entered(tmp_path / "set" / "run", PLAN)
