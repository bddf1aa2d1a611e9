"""The networks that judge, where their weights are; where they are not, the command that brings them."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models.catalog import JUDGES, load_card
from models.files.records import read_records
from scripts.evaluation.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Judges:
    """By card: the `loaded` network, the `sha256` of its weights, and for those that are `missing` what brings them."""

    loaded: dict[str, Any] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, weights: Path, accepted: Collection[str], device: torch.device) -> Judges:
        """All that are in the weights folder; nothing is fetched.

        Raises:
            CardError: weights are damaged or of another network.
        """
        judges = cls()
        for name in sorted({metric.card for metric in METRICS} - {""}):
            card = load_card(name, weights, accepted)
            if card.is_fetched:
                judges.loaded[name] = pkgutil.resolve_name(JUDGES[card.family]).load(card, device)
                records = read_records(card.folder)
                judges.sha256[name] = " ".join(records[file.path].sha256 for file in card.files if file.path in records)
            else:
                judges.missing[name] = f"needs {card.title}: {card.fetching}"
        return judges
