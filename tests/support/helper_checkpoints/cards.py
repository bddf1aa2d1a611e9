"""Cards for small helpers whose files were just written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from models.catalog import Licence, ModelCard, WeightFile


def card_of(folder: Path, family: str, **fields: Any) -> ModelCard:
    """A card for all files in the folder, named as its family."""
    files = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        files.append(WeightFile(path.name, len(data), hashlib.sha256(data).hexdigest()))
    return ModelCard(
        name=f"small-{family}",
        title=f"A small {family}",
        family=family,
        description="Random weights.",
        licence=Licence(code="Apache-2.0", weights="Apache-2.0", commercial="yes", reason="Random numbers."),
        files=tuple(files),
        folder=folder,
        repository="tests/helpers",
        **fields,
    )
