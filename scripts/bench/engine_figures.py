"""What the engine's measurement comes to: rates, shares of what the device can do, and ratios."""

from __future__ import annotations

from typing import Any

import torch

from scripts.bench.engine_rounds import PUBLISHED, Measured, Plan, known, unseen
from scripts.bench.making import Made
from scripts.bench.spread import ratio_of, spread_of

SAME = 1e-4
"""Mean difference, as a share of a picture's range, up to which float32 pictures are the same."""


def figures_of(plan: Plan, measured: Measured) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "card": plan.card.name,
        "device": plan.device,
        "precision": str(measured.limits.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "num_inference_steps": plan.num_steps,
        "people": plan.people,
        "rounds": measured.num_rounds,
        "cold_start_s": measured.cold_start_s,
        "ready_s": measured.ready_s,
        "first_picture_s": measured.first_s,
        "matmul_peak_tflops": measured.limits.tflops,
        "copy_gbytes_s": measured.limits.gbytes,
        "engine_batch_s": {str(size): seconds for size, seconds in measured.batch_s.items()},
        "by_batch": {str(batch): _of(plan, measured, known(batch), batch) for batch in plan.batches},
        "garment_new": _of(plan, measured, unseen(max(plan.batches)), max(plan.batches)),
    }
    if PUBLISHED in measured.made:
        figures["published"] = _of(plan, measured, PUBLISHED, 1)
        figures |= _ratios(plan, measured)
    return figures


def _of(plan: Plan, measured: Measured, name: str, batch: int) -> dict[str, Any]:
    made = measured.made[name]
    per_s = spread_of([plan.people / one.seconds for one in made])
    loop_per_s = spread_of([plan.people / one.loop_s for one in made])
    tflops = loop_per_s.times(denoise_tflop(measured, name, batch))
    return {
        "pictures_per_s": per_s,
        "batch_latency_s": spread_of([seconds for one in made for seconds in one.batches_s]),
        "loop_s_per_picture": loop_per_s.per,
        "loop_share": spread_of([one.loop_s / one.seconds for one in made]),
        "tflops": tflops,
        "peak_share": tflops.times(1 / measured.limits.tflops),
        "peak_gib": measured.peak_gib[name],
    }


def denoise_tflop(measured: Measured, name: str, batch: int) -> float:
    """Of a picture's loop, as it is made: jobs of one batch read a new garment once."""
    flops = measured.flops
    if name == PUBLISHED:
        return flops.denoise_published
    whole = flops.parts["denoise"]
    cached = whole if flops.denoise_garment_cached is None else flops.denoise_garment_cached
    return cached if name == known(batch) else cached + (whole - cached) / batch


def _ratios(plan: Plan, measured: Measured) -> dict[str, Any]:
    """How many times as fast as the published way, round by round."""
    told: dict[str, Any] = {}
    for label, name in compared(plan):
        ours, published = measured.made[name], measured.made[PUBLISHED]
        told[f"{label}_ratio"] = ratio_of(_seconds(published), _seconds(ours))
        told[f"{label}_loop_ratio"] = ratio_of(_loops(published), _loops(ours))
        if plan.device == "cpu":
            told[f"{label}_processor_ratio"] = ratio_of(_processor(published), _processor(ours))
    told["largest_difference"] = max(measured.differences.values())
    told["same_pictures"] = told["largest_difference"] <= SAME
    return told


def compared(plan: Plan) -> list[tuple[str, str]]:
    largest = max(plan.batches)
    return [("garment_known", known(largest)), ("garment_new", unseen(largest))]


def _seconds(made: list[Made]) -> list[float]:
    return [one.seconds for one in made]


def _loops(made: list[Made]) -> list[float]:
    return [one.loop_s for one in made]


def _processor(made: list[Made]) -> list[float]:
    return [one.processor_s for one in made]
