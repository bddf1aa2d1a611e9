"""A file that has arrived becomes one of a checkpoint's: checked, converted, written down, and renamed into place."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from rich.filesize import decimal

from models.catalog import ModelCard, WeightFile
from models.files.checking import remember_sha256, sha256_of
from models.files.hub import FetchError
from models.files.records import Record, write_record
from models.files.standins import problem_of_kind

PARTIAL = ".partial"  # folder beside the files, for what is not whole


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file on this machine that is not in place yet.

    `record`: where it came from; its size and SHA-256 are those it should have, when known (else 0 and empty).
    """

    path: Path
    record: Record
    is_source: bool = True  # as it lies on the hub, not yet converted
    is_ours: bool = True  # to be moved or deleted, not someone else's


def partial_path(card: ModelCard, name: str) -> Path:
    """Where a file of a card grows until it is whole; never under its own name."""
    folder = card.folder / PARTIAL
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name.replace("/", "--")


def place(card: ModelCard, file: WeightFile, arrival: Arrival) -> None:
    """Put a file in place. Written down first: when the power fails in between, it is fetched from its partial.

    Raises:
        FetchError: it is another file than it should be, or none of a checkpoint's.
        WeightsError: it cannot be converted.
    """
    sha256 = _checked(card, file, arrival)
    whole = arrival.path
    if arrival.is_source and file.is_converted:
        whole = _converted(card, file, arrival)
        sha256 = sha256_of(whole)
    _flush(whole)
    write_record(card.folder, file.path, replace(arrival.record, size=whole.stat().st_size, sha256=sha256))
    target = card.path(file.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    whole.replace(target)
    remember_sha256(card.folder, file.path, sha256)
    if arrival.is_ours:
        arrival.path.unlink(missing_ok=True)


def _checked(card: ModelCard, file: WeightFile, arrival: Arrival) -> str:
    """The SHA-256 of what arrived, when it is that of the card and of where it came from."""
    if problem := problem_of_kind(arrival.path):
        if arrival.is_ours:
            arrival.path.unlink()
        raise FetchError(f"{arrival.record.source or file.path} of {card.name} {problem}.")
    sha256, size = sha256_of(arrival.path), arrival.path.stat().st_size
    is_cards = not file.sha256 or not arrival.is_source or (size, sha256) == (file.size, file.sha256)
    is_origins = not arrival.record.sha256 or sha256 == arrival.record.sha256
    if is_cards and is_origins:
        return sha256
    if arrival.is_ours:
        arrival.path.unlink()
    said_by = "where it came from" if is_cards else "the card"
    raise FetchError(
        f"{arrival.record.source or file.path} of {card.name} has {size} bytes and the SHA-256 {sha256}; "
        f"{said_by} says otherwise. It is not used. Run the same command again, and if this repeats, correct the card."
    )


def _converted(card: ModelCard, file: WeightFile, arrival: Arrival) -> Path:
    from models.files.conversion import convert  # only here: it imports torch, and most files are safetensors already

    path = partial_path(card, file.path)
    try:
        convert(arrival.path, path, arrival.record.source)
    except ValueError:
        if arrival.is_ours:
            arrival.path.unlink()
        raise
    return path


def _flush(path: Path) -> None:
    """To the disk: a file must not have its name before its content."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def check_space(card: ModelCard, num_bytes: int) -> None:
    """Before anything is written.

    Raises:
        FetchError: the card's folder has no room for so many bytes.
    """
    free = shutil.disk_usage(card.folder).free
    if num_bytes > free:
        raise FetchError(
            f"{card.name} needs {decimal(num_bytes)} more in {card.folder}, where {decimal(free)} are free. "
            "Free some space, or choose another folder by the setting `weights`."
        )


def take(path: Path, to: Path) -> None:
    """Put the file there as a hard link where the file system can, else as a copy."""
    to.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        to.hardlink_to(path.resolve())
        return
    shutil.copyfile(path, to)
