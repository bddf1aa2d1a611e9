"""Files as a card lists them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from models.catalog import WeightFile


def file_of(folder: Path, path: Path) -> WeightFile:
    """`path` in the checkpoint's `folder`, as it is there now."""
    data = path.read_bytes()
    return WeightFile(path.relative_to(folder).as_posix(), len(data), hashlib.sha256(data).hexdigest())
