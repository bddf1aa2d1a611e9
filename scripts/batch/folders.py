"""Rows from a folder of people and a folder of garments."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from scripts.batch.rows import BatchError, Defaults, Row, named

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})


def rows_of_folders(people: Path, garments: Path, defaults: Defaults, *, zipped: bool) -> list[Row]:
    """Everybody in everything, person by person; or, `zipped`, the first in the first, the second in the second...

    Raises:
        BatchError: a folder has no pictures, or they are not as many where they are zipped.
    """
    persons, clothes = pictures_in(people), pictures_in(garments)
    if zipped and len(persons) != len(clothes):
        raise BatchError(
            f"--zip wants as many people as garments: {people} has {len(persons)} pictures, {garments} {len(clothes)}."
        )
    pairs = zip(persons, clothes, strict=True) if zipped else product(persons, clothes)
    return named(
        [
            Row(
                number,
                person=str(person),
                garment=str(garment),
                category=defaults.category,
                seed=defaults.seed_of(number),
                steps=defaults.steps,
                card=defaults.card,
            )
            for number, (person, garment) in enumerate(pairs, 1)
        ]
    )


def pictures_in(folder: Path) -> list[Path]:
    """By name, absolute.

    Raises:
        BatchError: there are none.
    """
    inside = folder.absolute().iterdir() if folder.is_dir() else ()
    found = sorted(path for path in inside if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    if not found:
        raise BatchError(f"{folder} is no folder with pictures: {', '.join(sorted(SUFFIXES))}.")
    return found
