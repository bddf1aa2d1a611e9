"""What `fetch` wrote down of a checkpoint's files, beside them: the truth where the card has no SHA-256."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.card import RECORDS


@dataclass(frozen=True, slots=True)
class Record:
    """A file as it was when it was first fetched. `size` in bytes; the rest says where on the hub it came from."""

    size: int
    sha256: str
    repository: str = ""
    revision: str = ""  # as the card asked for it
    commit: str = ""  # what that was
    source: str = ""


def read_records(folder: Path) -> dict[str, Record]:
    """The files of a folder, by path, as they were fetched; none where nothing was, or the records are damaged."""
    try:
        return {path: Record(**record) for path, record in read_json(folder / RECORDS).items()}
    except TypeError:
        return {}


def write_record(folder: Path, path: str, record: Record) -> None:
    """Add a file's record to those of its folder."""
    write_json(folder / RECORDS, {**read_json(folder / RECORDS), path: asdict(record)})


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file; an empty one when it is missing or damaged, as nothing is then known."""
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Put `content` in the place of a file at once, so that nobody ever reads half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        json.dump(content, stream, indent=1, sort_keys=True)
    Path(stream.name).chmod(0o644)
    Path(stream.name).replace(path)
