"""Rows from a CSV or JSONL file. Paths in it are relative to its folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from inference.jobs import Category
from scripts.batch.rows import MOST_SEED, BatchError, Defaults, Row, named

PRODUCT = "gid://"


class Entry(BaseModel):
    """A line of the table; a cell that is empty is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    person: str = Field(min_length=1)
    garment: str = Field(min_length=1)
    category: Category | None = None
    seed: int | None = Field(None, ge=0, le=MOST_SEED)
    steps: int | None = Field(None, ge=1)
    card: str = ""
    mask: str = ""
    densepose: str = ""
    parse: str = ""
    pose: str = ""
    worn: bool = False

    @field_validator("name", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value


COLUMNS = tuple(Entry.model_fields)
NEEDED = ("person", "garment")


def rows_of_table(path: Path, defaults: Defaults) -> list[Row]:
    """A row for each line; one that cannot be used is a row with a problem.

    Raises:
        BatchError: the file cannot be read, or is no such table.
    """
    try:
        lines = list(_csv(path) if path.suffix.lower() == ".csv" else _jsonl(path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BatchError(f"{path} cannot be read: {error}. Give a CSV or JSONL file in UTF-8.") from error
    if not lines:
        raise BatchError(f"{path} has no rows: each is a person and a garment.")
    folder = path.parent.absolute()
    return named([_row(number, line, folder, defaults) for number, line in enumerate(lines, 1)])


def _csv(path: Path) -> Iterator[dict[str, Any] | str]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, strict=True)
        columns = [str(name).strip() for name in reader.fieldnames or ()]
        if missing := [name for name in NEEDED if name not in columns]:
            raise BatchError(f"{path} has no column {' and no column '.join(missing)}. Its first line names them.")
        if unknown := sorted(set(columns) - set(COLUMNS)):
            raise BatchError(f"{path} has a column {unknown[0]!r}: there are only {', '.join(COLUMNS)}.")
        reader.fieldnames = columns
        for line in reader:
            if None in line:
                yield "This line has more cells than the first line has columns: quote those with commas."
            else:
                yield {name: cell.strip() for name, cell in line.items() if cell and cell.strip()}


def _jsonl(path: Path) -> Iterator[dict[str, Any] | str]:
    with path.open(encoding="utf-8-sig") as stream:
        for text in filter(str.strip, stream):
            try:
                line = json.loads(text)
            except json.JSONDecodeError as error:
                yield f"This line is no JSON: {error.msg} at character {error.colno}."
                continue
            if not isinstance(line, dict):
                yield "This line is no JSON object."
            else:
                yield {name: value for name, value in line.items() if value not in (None, "")}


def _row(number: int, line: dict[str, Any] | str, folder: Path, defaults: Defaults) -> Row:
    bare = Row(number, seed=defaults.seed_of(number), steps=defaults.steps, card=defaults.card)
    if isinstance(line, str):
        return _with_problem(bare, line)
    try:
        entry = Entry.model_validate(line)
    except ValidationError as error:
        return _with_problem(bare, _sentence(error))
    return Row(
        number,
        entry.name,
        category=entry.category or defaults.category,
        seed=bare.seed if entry.seed is None else entry.seed,
        steps=entry.steps or defaults.steps,
        card=_card(folder, entry.card) or defaults.card,
        worn=entry.worn,
        person=_file(folder, entry.person),
        garment=_file(folder, entry.garment),
        mask=_file(folder, entry.mask),
        densepose=_file(folder, entry.densepose),
        parse=_file(folder, entry.parse),
        pose=_file(folder, entry.pose),
    )


def _with_problem(row: Row, problem: str) -> Row:
    return Row(row.number, seed=row.seed, steps=row.steps, card=row.card, problem=problem)


def _card(folder: Path, card: str) -> str:
    return str(folder / card) if card.endswith(".toml") else card


def _file(folder: Path, given: str) -> str:
    if not given or given.startswith(PRODUCT):
        return given
    return str(folder / Path(given).expanduser())


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    column = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"This line has no {column}."
    if first["type"] == "extra_forbidden":
        return f"This line has {column!r}: there are only {', '.join(COLUMNS)}."
    return f"The column {column} holds {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."
