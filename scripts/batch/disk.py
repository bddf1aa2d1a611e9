"""Files that are there whole or not at all, whatever ends the process that writes them."""

from __future__ import annotations

import os
from pathlib import Path

PART = ".part"


def write_whole(path: Path, data: bytes) -> None:
    """On the disk, under its name, when this returns."""
    part = path.with_name(f".{path.name}{PART}")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def clear_parts(folder: Path) -> None:
    """Away with what a killed process had not written whole."""
    for part in folder.glob(f".*{PART}"):
        part.unlink()
