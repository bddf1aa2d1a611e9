"""What a batch is to make, and in which batches: decided by its rows alone, so that a resumed run makes the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from models.catalog import ModelCard
from scripts.batch.rows import Row

PACKAGES = ("fitting-room", "torch", "diffusers", "transformers", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class Plan:
    """`cards`: name of a card as rows give it -> digest of what it is; `where`: the kind of device, or a service's URL.

    `batch_size`: rows made together, 0 for what the engine finds best. `uses_masks`: those that lie beside the people.
    """

    rows: tuple[Row, ...]
    cards: Mapping[str, str]
    where: str
    batch_size: int = 0
    uses_masks: bool = True

    def told(self) -> dict[str, Any]:
        """For JSON; two that are alike make the same pictures."""
        rows = json.dumps(self.told_rows(), sort_keys=True)
        return {
            "num_rows": len(self.rows),
            "rows_sha256": hashlib.sha256(rows.encode()).hexdigest(),
            "cards": dict(self.cards),
            "where": self.where,
            "batch_size": self.batch_size,
            "uses_masks": self.uses_masks,
            "versions": versions(),
        }

    def told_rows(self) -> list[dict[str, Any]]:
        """Of each row what it is, by column."""
        return [asdict(row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that one denoiser makes together: of one card, in as many steps."""

    card: str
    steps: int | None
    rows: tuple[Row, ...]


def batches_of(rows: Sequence[Row], card: str, size: int) -> list[Batch]:
    """The card's rows, `size` at a time, in the order of their first. Those with a problem are in none."""
    usable = sorted((row for row in rows if row.card == card and not row.problem), key=_steps)
    batches = []
    for _, alike in groupby(usable, key=_steps):
        of_steps = sorted(alike, key=lambda row: row.number)
        batches += [
            Batch(card, of_steps[0].steps, tuple(of_steps[first : first + size]))
            for first in range(0, len(of_steps), size)
        ]
    return sorted(batches, key=lambda batch: batch.rows[0].number)


def digest_of_card(card: ModelCard) -> str:
    """SHA-256 of what decides its pictures: its files, revision and defaults."""
    told = {
        "family": card.family,
        "revision": card.revision,
        "files": [[file.path, file.sha256] for file in card.files],
        "loras": [asdict(lora) for lora in card.loras],
        "network": dict(card.network),
        "prompts": dict(card.prompts),
        "size": [card.height, card.width],
        "sampling": [card.num_inference_steps, card.guidance_scale, card.precision, card.approximations.as_dict()],
        "acceleration": asdict(card.acceleration),
        "helpers": [digest_of_card(helper) for helper in (*card.helpers, *card.optional_helpers)],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Of what may change a picture."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def absolute_card(card: str) -> str:
    """A card's file, found from any folder."""
    return str(Path(card).expanduser().absolute()) if card.endswith(".toml") else card


def _steps(row: Row) -> int:
    return row.steps or 0
