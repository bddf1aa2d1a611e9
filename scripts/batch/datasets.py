"""Rows from VITON-HD and DressCode as they are published: their pairs, and of each person what lies beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from inference.jobs import Category
from scripts.batch.rows import BatchError, Defaults, Row, named

CATEGORIES: dict[str, Category] = {"upper_body": "upper", "lower_body": "lower", "dresses": "overall"}
"""DressCode's folders, in the order of its labels 0, 1, 2."""

BESIDE = {"mask": "masks", "densepose": "DensePoses", "parse": "label maps", "pose": "joints"}
"""What may lie beside a person, by column."""


class Pairs(StrEnum):
    """Which garment a person is to wear: their own, whose picture is then the truth, or another."""

    PAIRED = "paired"
    UNPAIRED = "unpaired"


def rows_of_viton_hd(root: Path, pairs: Pairs, defaults: Defaults) -> list[Row]:
    """The test pairs of VITON-HD: `test_pairs.txt` and `test/{image,cloth,...}` below `root`.

    Raises:
        BatchError: they are not there.
    """
    root = root.absolute()
    names = ("test_pairs_unpaired.txt", "test_pairs.txt") if pairs is Pairs.UNPAIRED else ("test_pairs.txt",)
    listed = _listed([root / name for name in names])
    test = root / "test"
    _check_there(test / "image", test / "cloth")
    rows = []
    for number, (person, garment, *_) in enumerate(listed, 1):
        stem = Path(person).stem
        rows.append(
            _row(
                number,
                test / "image" / person,
                test / "cloth" / (person if pairs is Pairs.PAIRED else garment),
                defaults,
                "upper",
                mask=_first(test / "agnostic-mask", f"{stem}_mask.png", f"{stem}.png", person),
                densepose=_first(test / "image-densepose", person, f"{stem}.png"),
                parse=_first(test / "image-parse-v3", f"{stem}.png"),
                pose=_first(test / "openpose_json", f"{stem}_keypoints.json"),
            )
        )
    return named(rows)


def rows_of_dresscode(root: Path, pairs: Pairs, defaults: Defaults) -> list[Row]:
    """The test pairs of DressCode: `{upper_body,lower_body,dresses}/test_pairs_*.txt`, else that below `root`.

    Raises:
        BatchError: they are not there.
    """
    root = root.absolute()
    rows = []
    listed = list(_of_dresscode(root, f"test_pairs_{pairs}.txt"))
    _check_there(*(root / folder / "images" for folder in dict.fromkeys(folder for folder, _, _ in listed)))
    for number, (folder, person, garment) in enumerate(listed, 1):
        category, stem = root / folder, Path(person).stem
        figure = stem.removesuffix("_0")
        rows.append(
            _row(
                number,
                category / "images" / person,
                category / "images" / garment,
                defaults,
                CATEGORIES[folder],
                mask=_first(category / "agnostic_masks", f"{stem}.png")
                or _first(category / "agnostic-mask", f"{stem}_mask.png", f"{stem}.png", person),
                densepose=_first(category / "dense", f"{figure}_5.png"),
                parse=_first(category / "label_maps", f"{figure}_4.png"),
                pose=_first(category / "keypoints", f"{figure}_2.json"),
            )
        )
    return named(rows)


def beside_of(rows: Sequence[Row]) -> str:
    """What the data set has of its people beside their photographs, and what it lacks, in a sentence."""
    found = {what: sum(bool(getattr(row, column)) for row in rows) for column, what in BESIDE.items()}
    there = ", ".join(f"{what} {num}" for what, num in found.items() if num)
    absent = ", ".join(what for what, num in found.items() if not num)
    parts = [f"{name} {what}" for name, what in (("found:", there), ("not there:", absent)) if what]
    return f"{len(rows)} pairs; beside the people, {'; '.join(parts)}."


def _of_dresscode(root: Path, name: str) -> Iterator[tuple[str, str, str]]:
    """Folder, person and garment of each pair."""
    folders = [folder for folder in CATEGORIES if (root / folder / name).is_file()]
    if folders:
        for folder in folders:
            for person, garment, *_ in _listed([root / folder / name]):
                yield folder, person, garment
        return
    for person, garment, *label in _listed([root / name]):
        if label not in (["0"], ["1"], ["2"]):
            raise BatchError(f"{root / name} must say 0, 1 or 2 at the end of each line: upper, lower or dress.")
        yield tuple(CATEGORIES)[int(label[0])], person, garment


def _check_there(*folders: Path) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise BatchError(f"There is no folder {folder}, in which the data set's pictures lie: unpack it whole.")


def _listed(paths: Iterable[Path]) -> list[list[str]]:
    """The words of each line of the first of the files that is there."""
    paths = list(paths)
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise BatchError(f"There is no {paths[-1]}: name the folder into which the data set was unpacked.")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines or any(len(line) < 2 for line in lines):
        raise BatchError(f"{path} must name a person's and a garment's file on each line.")
    return lines


def _row(
    number: int,
    person: Path,
    garment: Path,
    defaults: Defaults,
    category: Category,
    *,
    mask: str,
    densepose: str,
    parse: str,
    pose: str,
) -> Row:
    return Row(
        number,
        person=str(person),
        garment=str(garment),
        category=category,
        seed=defaults.seed_of(number),
        steps=defaults.steps,
        card=defaults.card,
        mask=mask,
        densepose=densepose,
        parse=parse,
        pose=pose,
    )


def _first(folder: Path, *names: str) -> str:
    """The first of these files that is there; nothing when none is."""
    return next((str(folder / name) for name in names if (folder / name).is_file()), "")
