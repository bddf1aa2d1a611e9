"""Each setting's work, time, error and scores, measured against exact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.loading import family_of
from models.base import Image, Loading, SamplingSettings, TryOnFamily
from models.card import ModelCard
from models.exactness import NONE, Approximations
from models.preprocess.helpers import Helpers
from scripts.bench.report import Table, progress
from scripts.bench.spread import Spread, interleaved, ratio_of, spread_of
from scripts.bench.subjects import garment_for, people

EXACT = "exact"
INTERVALS = ((0.0, 0.5), (0.2, 0.8), (0.5, 1.0))
REUSES = (2, 3, 5)
SHARES = (0.75, 0.5, 0.25)  # of the card's steps
SCORES = ("db", "ssim", "limb_db", "edge_ssim", "kind")


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. `ratio`: its seconds over those of exact; `psnr`: in decibels, infinite where nothing differs."""

    name: str
    tflop: float
    seconds: Spread
    ratio: Spread
    error: float
    psnr: float
    settings: SamplingSettings

    @property
    def figures(self) -> dict[str, Any]:
        psnr = self.psnr if math.isfinite(self.psnr) else None
        told = {"tflop": self.tflop, "seconds": self.seconds, "ratio": self.ratio}
        return {**told, "relative_error": self.error, "psnr_db": psnr}


@dataclass(frozen=True, slots=True)
class Subject:
    """A card's family on one device, and a batch that is made again and again."""

    card: ModelCard
    family: TryOnFamily[Any, Any, Any]
    device: torch.device
    prepared: Sequence[Any]

    @classmethod
    def load(cls, card: ModelCard, device_name: str, batch: int) -> Subject:
        device = torch.device(device_name)
        family = family_of(card).load(card, device, Loading(Helpers.load(card, device)))
        jobs = people(card, batch, 0, garment_for(card, 0))
        with torch.inference_mode():
            return cls(card, family, device, [family.prepare(job) for job in jobs])

    def made(self, settings: SamplingSettings) -> tuple[Tensor, list[Any]]:
        """The final latents, and the canvases, when the device has written them."""
        with torch.inference_mode():
            state = self.family.begin(self.prepared, settings)
            for _ in range(settings.num_inference_steps):
                self.family.step(state)
            latents, canvases = latents_of(state).clone(), self.family.decode(state)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return latents, canvases

    def measured(self, chosen: Mapping[str, Approximations], rounds: int) -> list[Row]:
        """A row for each of the named settings, of which exact is one."""
        settings = {name: SamplingSettings.of(self.card, asked) for name, asked in chosen.items()}
        made = {name: self.made(one) for name, one in settings.items()}  # warm, too
        with progress() as shown:
            task = shown.add_task(self.card.name, total=rounds)
            runs = {name: (lambda one=one: self.made(one)) for name, one in settings.items()}
            seconds = interleaved(runs, rounds, lambda done: shown.update(task, completed=done))
        exact, pictures = made[EXACT][0], self._pictures(made[EXACT][1])
        return [
            Row(
                name=name,
                tflop=type(self.family).count_flops(replace(self.card, approximations=chosen[name])).total,
                seconds=spread_of(seconds[name]),
                ratio=ratio_of(seconds[name], seconds[EXACT]),
                error=float((made[name][0] - exact).norm() / exact.norm()),
                psnr=decibels(self._pictures(made[name][1]), pictures),
                settings=settings[name],
            )
            for name in settings
        ]

    def scored(self, rows: Sequence[Row], num_figures: int) -> dict[str, dict[str, float]]:
        """The paper doll's figures of the garment's region, against drawn truths that it never saw, by setting."""
        from models.paperdoll.drawings import Drawings
        from models.paperdoll.evaluation import CHUNK, HEIGHT, PATTERNS, SEEDS, WIDTH, pictures_of, run, stacked
        from models.paperdoll.family import PaperDoll
        from models.paperdoll.scoring import Regions, Tally

        assert isinstance(self.family, PaperDoll)
        tally = Tally()
        for chunk in range(math.ceil(num_figures / CHUNK)):
            drawings = Drawings.draw(SEEDS["seen"] + chunk, CHUNK, HEIGHT, WIDTH, PATTERNS["seen"])
            regions = Regions.of(drawings)
            for row in rows:
                state = run(self.family, drawings, row.settings.num_inference_steps)
                tally.score(row.name, stacked(pictures_of(self.family, state)), drawings, regions)
        return {row.name: tally.means(row.name, SCORES) for row in rows}

    def table(self, rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]]) -> Table:
        columns = ["setting", "TFLOP", "seconds", "of exact", "relative error", "PSNR dB", *(SCORES if scores else ())]
        cells = [
            [row.name, row.tflop, row.seconds, row.ratio, row.error, row.psnr, *scores.get(row.name, {}).values()]
            for row in rows
        ]
        guided = f", guidance {self.card.guidance_scale:g}" if self.card.guidance_scale > 1 else ""
        title = f"{self.card.title}: {self.card.num_inference_steps} steps{guided}, {len(self.prepared)} together"
        return Table(title, columns, cells)

    def _pictures(self, canvases: list[Any]) -> list[Image]:
        return [self.family.finish(one, canvas) for one, canvas in zip(self.prepared, canvases, strict=True)]


def settings_for(subject: Subject) -> dict[str, Approximations]:
    """Exact, and what the family honours and the card can feel, one at a time."""
    usual, honoured = subject.card.num_inference_steps, subject.family.approximations
    chosen = {EXACT: NONE}
    for steps in sorted({max(1, round(share * usual)) for share in SHARES} - {usual}, reverse=True):
        chosen[f"{steps} steps"] = Approximations(num_inference_steps=steps)
    if "guidance_interval" in honoured and subject.card.guidance_scale > 1:
        for first, last in INTERVALS:
            chosen[f"guidance {first:g} to {last:g}"] = Approximations(guidance_interval=(first, last))
    if "garment_reuse_steps" in honoured:
        for steps in REUSES:
            chosen[f"garment kept {steps} steps"] = Approximations(garment_reuse_steps=steps)
    return chosen


def latents_of(state: Any) -> Tensor:
    """What a family's state walks, of all its jobs in one row, float32 at least."""
    holders = getattr(state, "groups", None) or [getattr(state, "walk", state)]
    walked: list[Tensor] = [one.latents if hasattr(one, "latents") else one.noisy for one in holders]
    return torch.cat([one.flatten() for one in walked]).to(torch.promote_types(walked[0].dtype, torch.float32))


def decibels(pictures: Sequence[Image], truths: Sequence[Image]) -> float:
    """PSNR of all of them together."""
    squares = [np.square(one.astype(np.float64) - other).mean() for one, other in zip(pictures, truths, strict=True)]
    error = float(np.mean(squares))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
