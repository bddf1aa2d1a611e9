"""A row of a batch: one picture to make. A leaf: standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

MOST_SEED = 2**31 - 1
LONGEST_NAME = 120  # characters; a suffix and a temporary name fit into a file system's 255 bytes
NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")


class BatchError(ValueError):
    """A batch that cannot begin or go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """`number` counts from 1; `name` is its picture's, without the suffix; files are absolute paths, or empty.

    `garment` may be a product's id, and `category` empty, where a running service makes the pictures. `parse`, `pose`:
    a data set's label map and joints, of which a mask is made where the card needs one and there is none. `problem`:
    why it cannot be made, as far as the source of rows knows.
    """

    number: int
    name: str = ""
    person: str = ""
    garment: str = ""
    category: str = ""
    seed: int = 0
    steps: int | None = None
    card: str = ""
    mask: str = ""
    densepose: str = ""
    parse: str = ""
    pose: str = ""
    worn: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a row is that does not say so itself; its seed is `seed` and its number."""

    category: str
    seed: int
    steps: int | None
    card: str

    def seed_of(self, number: int) -> int:
        return (self.seed + number) % (MOST_SEED + 1)


def named(rows: Sequence[Row]) -> list[Row]:
    """The rows, each with a name of its own: the given one, else its number and what it is made of.

    A name that is given twice, or is none, becomes its row's problem.
    """
    taken: set[str] = set()
    width = len(str(len(rows)))
    found = []
    for row in rows:
        problem = row.problem or _problem_of_name(row.name, taken)
        name = row.name if row.name and not problem else default_name(row, width)
        if name.lower() in taken:
            problem, name = f"The name {name!r} is another row's as well: give each its own.", f"{name}-{row.number}"
        taken.add(name.lower())
        found.append(replace(row, name=name, problem=problem))
    return found


def default_name(row: Row, width: int) -> str:
    """`007-person-garment`."""
    parts = (f"{row.number:0{width}d}", _stem(row.person), _stem(row.garment))
    return "-".join(part for part in parts if part)[:LONGEST_NAME]


def _problem_of_name(name: str, taken: set[str]) -> str:
    if name and not NAME.fullmatch(name):
        return f"The name {name!r} is no file's: use at most {LONGEST_NAME} letters, digits, dots, dashes, underscores."
    if name.lower() in taken:
        return f"The name {name!r} is another row's as well: give each its own."
    return ""


def _stem(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "_", Path(path).stem)[: LONGEST_NAME // 3].strip("._")
