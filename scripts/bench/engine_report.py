"""What the engine's measurement says: tables, plots and figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from scripts.bench.engine_rounds import PUBLISHED, Measured, Plan, known, unseen
from scripts.bench.machine import this_machine
from scripts.bench.making import Made
from scripts.bench.plots import Bar, Line, Plot
from scripts.bench.report import Report, Table
from scripts.bench.spread import Spread, ratio_of, spread_of

SAME = 1e-4
"""Mean difference, as a share of a picture's range, up to which float32 pictures are the same."""


def engine_report(plan: Plan, measured: Measured, command: str) -> Report:
    """Of a run."""
    figures = _figures(plan, measured)
    return Report(
        name=f"engine-{plan.card.name}",
        title=f"Engine: {plan.card.title}",
        command=command,
        machine=this_machine(plan.device),
        figures=figures,
        tables=_tables(plan, measured, figures),
        plots=_plots(plan, measured, figures),
        notes=_notes(plan, measured),
    )


def _figures(plan: Plan, measured: Measured) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "card": plan.card.name,
        "device": plan.device,
        "precision": str(measured.limits.dtype).removeprefix("torch."),
        "num_inference_steps": plan.num_steps,
        "people": plan.people,
        "rounds": measured.num_rounds,
        "cold_start_s": measured.cold_start_s,
        "ready_s": measured.ready_s,
        "first_picture_s": measured.first_s,
        "matmul_peak_tflops": measured.limits.tflops,
        "copy_gbytes_s": measured.limits.gbytes,
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
    tflops = loop_per_s.times(_denoise_tflop(measured, name, batch))
    return {
        "pictures_per_s": per_s,
        "batch_latency_s": spread_of([seconds for one in made for seconds in one.batches_s]),
        "loop_s_per_picture": loop_per_s.per,
        "loop_share": spread_of([one.loop_s / one.seconds for one in made]),
        "tflops": tflops,
        "peak_share": tflops.times(1 / measured.limits.tflops.median),
        "peak_gib": measured.peak_gib[name],
    }


def _denoise_tflop(measured: Measured, name: str, batch: int) -> float:
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
    for label, name in _compared(plan):
        ours, published = measured.made[name], measured.made[PUBLISHED]
        told[f"{label}_ratio"] = ratio_of(_seconds(published), _seconds(ours))
        told[f"{label}_loop_ratio"] = ratio_of(_loops(published), _loops(ours))
    told["largest_difference"] = max(measured.differences.values())
    told["same_pictures"] = told["largest_difference"] <= SAME
    return told


def _compared(plan: Plan) -> list[tuple[str, str]]:
    largest = max(plan.batches)
    return [("garment_known", known(largest)), ("garment_new", unseen(largest))]


def _seconds(made: list[Made]) -> list[float]:
    return [one.seconds for one in made]


def _loops(made: list[Made]) -> list[float]:
    return [one.loop_s for one in made]


def _tables(plan: Plan, measured: Measured, figures: dict[str, Any]) -> list[Table]:
    rows = [(known(int(batch)), figures["by_batch"][batch]) for batch in figures["by_batch"]]
    rows.append((unseen(max(plan.batches)), figures["garment_new"]))
    if PUBLISHED in measured.made:
        rows.append((PUBLISHED, figures["published"]))
    columns = ("", "pictures/s", "seconds a batch", "loop's share", "TFLOP/s", "of peak", "peak GiB")
    keys = ("pictures_per_s", "batch_latency_s", "loop_share", "tflops", "peak_share", "peak_gib")
    tables = [Table("Pictures", columns, [(name, *(of[key] for key in keys)) for name, of in rows])]
    if PUBLISHED in measured.made:
        compared = [
            (name, figures[f"{label}_ratio"], figures[f"{label}_loop_ratio"], measured.differences[name])
            for label, name in _compared(plan)
        ]
        tables.append(Table("Times as fast as published", ("", "pictures", "loop", "difference"), compared))
    names = {"cold_start_s": "process to ready", "ready_s": "engine to ready", "first_picture_s": "first picture"}
    tables.append(Table("Start", ("", "seconds"), [(told, figures[key]) for key, told in names.items()]))
    return tables


def _plots(plan: Plan, measured: Measured, figures: dict[str, Any]) -> list[Plot]:
    plots = [_throughput(figures), _roofline(plan, measured, figures)]
    if PUBLISHED not in measured.made:
        return plots
    names = [*(known(batch) for batch in plan.batches), unseen(max(plan.batches)), PUBLISHED]
    bars = [_bar(name, spread_of([one.seconds / plan.people for one in measured.made[name]])) for name in names]
    return [*plots, Plot("Seconds a picture", "seconds", "", bars=bars)]


def _bar(label: str, spread: Spread) -> Bar:
    return Bar(label, spread.median, spread.low, spread.high, series=int(label == PUBLISHED))


def _throughput(figures: dict[str, Any]) -> Plot:
    by_batch = {int(batch): of["pictures_per_s"] for batch, of in figures["by_batch"].items()}
    line = Line(
        "garment known",
        list(by_batch),
        [spread.median for spread in by_batch.values()],
        [spread.low for spread in by_batch.values()],
        [spread.high for spread in by_batch.values()],
    )
    levels = {PUBLISHED: figures["published"]["pictures_per_s"].median} if "published" in figures else {}
    return Plot("Throughput against batch", "batch", "pictures a second", [line], x_scale="log2", levels=levels)


def _roofline(plan: Plan, measured: Measured, figures: dict[str, Any]) -> Plot:
    """Each batch, under what large matrix multiplications and copies reach on the same device."""
    weights = sum(file.size for file in plan.card.files if file.path.endswith(".safetensors"))
    points = {}
    for batch, of in figures["by_batch"].items():
        work = _denoise_tflop(measured, known(int(batch)), int(batch)) * int(batch) / plan.num_steps
        points[work * 1e12 / weights] = of["tflops"].median
    peak, moved = measured.limits.tflops.median, measured.limits.gbytes.median
    ridge = peak * 1e3 / moved
    intensities = np.geomspace(min(1.0, *points), max(4 * ridge, *points) * 2, 60)
    roof = Line("roof", list(intensities), [min(peak, moved * one / 1e3) for one in intensities], marked=False)
    return Plot(
        "Roofline",
        "FLOP of a step by byte of weights",
        "TFLOP/s",
        [roof, Line("batches", list(points), list(points.values()), joined=False)],
        x_scale="log",
        y_scale="log",
        caption="The roof is measured on this device: a large matrix multiplication, and a copy. "
        "Weights are the least that a step must read; activations come on top.",
    )


def _notes(plan: Plan, measured: Measured) -> list[str]:
    notes = [
        f"{plan.people} people try on one garment in each of {measured.num_rounds} rounds, in which all take turns; "
        "every photograph is new, and only the garment may be known.",
        "The loop is conditioning and denoising; pictures a second also count preparing, decoding and composing, "
        "one stage after the other. The service overlaps these stages.",
        "Intervals hold the median with 95% confidence; of fewer than three rounds, they hold all of them.",
        f"A picture is {measured.flops.total:.4g} TFLOP by the engine; the published loop alone takes "
        f"{measured.flops.denoise_published:.4g}.",
    ]
    if PUBLISHED in measured.made:
        notes.append(
            "Published is the same networks in the way of the published pipeline: one request at a time, eager, with "
            "all the work whose result it throws away, and nothing remembered."
        )
    return notes
