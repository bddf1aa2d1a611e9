"""Pictures made and timed."""

from __future__ import annotations

import numpy as np

from inference.batching import make_one
from inference.engine import Engine
from inference.jobs import BatchKey
from inference.options import EngineOptions
from models.base import TryOnInputs
from models.catalog import ModelCard
from scripts.bench.report import progress
from scripts.bench.spread import Spread, interleaved, spread_of

ROUNDS = 5


def measure(card: ModelCard, device: str) -> Spread:
    """Seconds of one picture."""
    engine = Engine(card, device, EngineOptions(overlap=False))
    grey = np.full((card.height, card.width, 3), 128, np.uint8)
    inputs, key = TryOnInputs(grey, grey, card.categories[0], seed=0), BatchKey(card.name, None, None)

    def once() -> None:
        make_one(engine, inputs, key)

    with progress() as shown:
        task = shown.add_task(card.name, total=ROUNDS)
        seconds = interleaved({"ours": once}, ROUNDS, lambda done: shown.update(task, completed=done))
    return spread_of(seconds["ours"])
