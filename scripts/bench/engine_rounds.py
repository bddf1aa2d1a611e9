"""Pictures made and timed."""

from __future__ import annotations

import numpy as np

from inference.batching import Batch
from inference.engine import Engine
from models.base import TryOnInputs
from models.catalog import ModelCard
from scripts.bench.report import progress
from scripts.bench.spread import Spread, interleaved, spread_of

ROUNDS = 5


def measure(card: ModelCard, device: str) -> Spread:
    """Seconds of one picture."""
    engine = Engine(card, device)
    grey = np.full((card.height, card.width, 3), 128, np.uint8)
    batch = Batch([TryOnInputs(grey, grey, card.categories[0], seed=0)], None, None)

    def once() -> None:
        list(engine.generate(batch, lambda _: None, lambda _: False))

    with progress() as shown:
        task = shown.add_task(card.name, total=ROUNDS)
        seconds = interleaved({"ours": once}, ROUNDS, lambda done: shown.update(task, completed=done))
    return spread_of(seconds["ours"])
