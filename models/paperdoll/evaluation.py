"""The bars: what the model reaches on figures and garments that it has never seen, from the two pictures alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from models.base import Image, SamplingSettings, TryOnInputs
from models.paperdoll import bars
from models.paperdoll.canvas import TORSO
from models.paperdoll.drawings import Drawings
from models.paperdoll.family import PaperDoll, State
from models.paperdoll.painter import Finding
from models.paperdoll.patterns import SEEN, UNSEEN
from models.paperdoll.scoring import Regions, Tally

HEIGHT, WIDTH = 256, 192
CHUNK = 10
SEEDS = {"seen": 11_000, "unseen": 12_000}  # far from the training pool's
PATTERNS = {"seen": SEEN, "unseen": UNSEEN}


def evaluate(
    family: PaperDoll,
    *,
    num_seen: int = 200,
    num_unseen: int = 100,
    num_inference_steps: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Every figure of the bars' table, the baselines and `bars_met`. Steps: the card's default unless given."""
    default = num_inference_steps or bars.DEFAULT_STEPS
    tallies, done = {"seen": Tally(), "unseen": Tally()}, 0
    for group, count in (("seen", num_seen), ("unseen", num_unseen)):
        for k, start in enumerate(range(0, count, CHUNK)):
            num = min(CHUNK, count - start)
            drawings = Drawings.draw(SEEDS[group] + k, num, HEIGHT, WIDTH, PATTERNS[group])
            _measure(family, drawings, tallies[group], sorted({default, *bars.STEPS} if group == "seen" else {default}))
            done += num
            if on_progress:
                on_progress(done / (num_seen + num_unseen))
    size_mb, seconds = family.num_bytes / 1e6, seconds_a_picture(family, default)
    return bars.report(tallies["seen"], tallies["unseen"], default, size_mb, seconds)


def _measure(family: PaperDoll, drawings: Drawings, tally: Tally, steps: list[int]) -> None:
    regions = Regions.of(drawings)
    states = {str(num_steps): run(family, drawings, num_steps) for num_steps in steps}
    pictures = {name: stacked(pictures_of(family, state)) for name, state in states.items()}
    last = states[str(steps[-1])]
    outside = ~torch.cat(family.masks(last))
    for picture in pictures.values():
        changed = (_bytes(drawings.person) != _bytes(picture)).any(1)
        tally.add("outside_changed", (changed & outside).sum((1, 2)).float())
    pictures["composite"] = stacked(pictures_of(family, last, family.composite(last)))
    pictures["unchanged"], pictures["mean_colour"] = drawings.person, _mean_colour(drawings, regions)
    pictures["truth"] = drawings.truth
    for name, picture in pictures.items():
        tally.score(name, picture, drawings, regions)


def run(family: PaperDoll, drawings: Drawings, num_steps: int) -> State:
    """All steps on drawn examples, ready for `decode`."""
    inputs = zip(images(drawings.person), images(drawings.flat), strict=True)
    prepared = [family.prepare(TryOnInputs(person, flat, "upper", seed)) for seed, (person, flat) in enumerate(inputs)]
    state = family.begin(prepared, SamplingSettings(num_steps, 0.0))
    for _ in range(num_steps):
        family.step(state)
    return state


def pictures_of(family: PaperDoll, state: State, canvases: list[Finding] | None = None) -> list[Image]:
    """The pictures, or those of other canvases."""
    found = family.decode(state) if canvases is None else canvases
    return [family.finish(one, canvas) for one, canvas in zip(state.prepared, found, strict=True)]


def contact_sheet(family: PaperDoll, path: Path, *, num: int = 12, seed: int = SEEDS["seen"]) -> None:
    """Write a PNG of held-out examples in two columns: person, garment, what may change, result, truth."""
    drawings = Drawings.draw(seed, num, 2 * HEIGHT, 2 * WIDTH)
    state = run(family, drawings, bars.DEFAULT_STEPS)
    masked = torch.where(torch.cat(family.masks(state))[:, None], 0.5, drawings.person)
    columns = [drawings.person, drawings.flat, masked, stacked(pictures_of(family, state)), drawings.truth]
    rows = [np.concatenate(row, 1) for row in zip(*map(images, columns), strict=True)]
    halves = [np.concatenate(rows[k::2], 0) for k in (0, 1)]
    Pillow.fromarray(np.concatenate(halves, 1)).save(path)


def images(pictures: Tensor) -> list[Image]:
    """`[B, 3, H, W]` in [0, 1] as `uint8 [H, W, 3]` each."""
    return list(_bytes(pictures).permute(0, 2, 3, 1).numpy())


def stacked(pictures: list[Image]) -> Tensor:
    """The inverse of `images`."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def _bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().clamp(0, 255).byte()


def _mean_colour(drawings: Drawings, regions: Regions) -> Tensor:
    """The garment's mean colour in its true place."""
    cloth = (drawings.flat_labels >= TORSO)[:, None]
    mean = (drawings.flat * cloth).sum((2, 3), keepdim=True) / cloth.sum((2, 3), keepdim=True)
    return torch.where(regions.garment[:, None], mean, drawings.person)


def seconds_a_picture(family: PaperDoll, num_steps: int) -> float:
    """The time of one 1024x768 picture from start to end, the best of eight, for a busy machine."""
    drawings, best = Drawings.draw(SEEDS["seen"], 1, 1024, 768), math.inf
    for _ in range(8):
        start = time.perf_counter()
        pictures_of(family, run(family, drawings, num_steps))
        best = min(best, time.perf_counter() - start)
    return best
