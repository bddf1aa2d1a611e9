"""A folder of try-ons: what `fitting-room batch` leaves, or pictures alone."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.catalog import CardError

MANIFEST, TIMINGS = "manifest.csv", "timings.csv"
STAGES = ("read_s", "prepare_s", "denoise_s", "finish_s", "service_s")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


class RunError(CardError):
    """A run that cannot be judged or compared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One try-on. `name`: its picture's, without the suffix; what the manifest does not say is empty or None."""

    name: str
    output: Path
    person: Path | None = None
    garment: Path | None = None
    mask: Path | None = None
    category: str = ""
    card: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` have a picture each, by name; `failed` have an error instead."""

    folder: Path
    rows: tuple[Row, ...]
    failed: tuple[Row, ...] = ()

    @property
    def card(self) -> str:
        """Those that made it, with their steps where the batch was given some."""
        return "; ".join(sorted({row.card for row in self.rows} - {""}))

    @property
    def asked(self) -> str:
        """SHA-256 of which garment was to be put on which person under which name, whatever became of it."""
        lines = [_asked(row) for row in (*self.rows, *self.failed)]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def read_run(folder: Path) -> Run:
    """A run from its manifest, or from its pictures when it has none.

    Raises:
        RunError: there is no such folder, nothing in it, or a picture of the manifest is missing.
    """
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder}. Make one with: fitting-room batch")
    rows = _from_manifest(folder) if (folder / MANIFEST).is_file() else _from_pictures(folder)
    made = tuple(sorted((row for row in rows if not row.error), key=lambda row: row.name))
    if not made:
        raise RunError(f"{folder} has no pictures to judge.")
    if lost := [row.output.name for row in made if not row.output.is_file()]:
        raise RunError(
            f"{folder} lacks {len(lost)} pictures of its manifest, {lost[0]} first. "
            "Run the same fitting-room batch again."
        )
    if twice := _twice([row.name for row in made]):
        raise RunError(f"{folder} has several pictures with the name {twice}. Rename them.")
    return Run(folder, made, tuple(row for row in rows if row.error))


def pictures_in(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name, without the suffix.

    Raises:
        RunError: there are none, or two have one name.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise RunError(f"{folder} has no pictures (.png, .jpg, .jpeg or .webp).")
    if twice := _twice([path.stem for path in paths]):
        raise RunError(f"{folder} has several pictures with the name {twice}. Rename them.")
    return {path.stem: path for path in paths}


@dataclass(frozen=True, slots=True)
class Cost:
    """`seconds` of each row, all stages together; `peak_bytes` of `memory_of`; as far as `batch` wrote them down."""

    seconds: tuple[float, ...] = ()
    peak_bytes: int | None = None
    memory_of: str = ""


def cost_of(folder: Path) -> Cost:
    """What a run took."""
    if not (folder / TIMINGS).is_file():
        return Cost()
    with (folder / TIMINGS).open(newline="", encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    stages = [[float(line[name]) for name in STAGES if line.get(name)] for line in lines]
    peaks = [int(line["peak_bytes"]) for line in lines if line.get("peak_bytes")]
    made_by = {line.get("made_by") or "" for line in lines if line.get("peak_bytes")}
    memory_of = "GPU" if any(name.startswith("cuda") for name in made_by) else "process" if peaks else ""
    return Cost(tuple(sum(seconds) for seconds in stages if seconds), max(peaks, default=None), memory_of)


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 over what the files hold, in the order of their names."""
    whole = hashlib.sha256()
    for path in sorted(paths, key=lambda path: (path.name, str(path))):
        with path.open("rb") as stream:
            whole.update(f"{path.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _from_manifest(folder: Path) -> list[Row]:
    with (folder / MANIFEST).open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if missing := {"output", "error"} - set(reader.fieldnames or ()):
            raise RunError(f"{folder / MANIFEST} has no column {' or '.join(sorted(missing))}.")
        return [_row(folder, line) for line in reader]


def _row(folder: Path, line: dict[str, str | None]) -> Row:
    told = {name: (value or "").strip() for name, value in line.items() if isinstance(name, str)}
    output = told["output"]
    return Row(
        Path(output).stem or told.get("name", "") or told.get("row", ""),
        folder / output,
        _input(folder, told.get("person", "")),
        _input(folder, told.get("garment", "")),
        _input(folder, told.get("mask", "")),
        told.get("category", ""),
        f"{told['card']}, {told['steps']} steps" if told.get("steps") and told.get("card") else told.get("card", ""),
        told["error"] or ("" if output else "no picture"),
    )


def _input(folder: Path, path: str) -> Path | None:
    """As it was given: from where the batch was run, or from the run's folder."""
    if not path:
        return None
    return next((there for there in (Path(path), folder / path) if there.is_file()), Path(path))


def _from_pictures(folder: Path) -> list[Row]:
    return [Row(name, path) for name, path in pictures_in(folder).items()]


def _asked(row: Row) -> str:
    person, garment = (path.name if path else "" for path in (row.person, row.garment))
    return "\t".join((row.name, person, garment, row.category))


def _twice(names: Sequence[str]) -> str:
    return next((name for name in names if names.count(name) > 1), "") if len(set(names)) < len(names) else ""
