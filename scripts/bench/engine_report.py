"""What the engine's measurement says: tables, plots and figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from scripts.bench.engine_figures import compared, denoise_tflop, figures_of
from scripts.bench.engine_rounds import PUBLISHED, Measured, Plan, known, unseen
from scripts.bench.machine import this_machine
from scripts.bench.plots import Bar, Line, Plot
from scripts.bench.report import Report, Table
from scripts.bench.spread import Spread, spread_of


def engine_report(plan: Plan, measured: Measured, command: str) -> Report:
    """Of a run."""
    figures = figures_of(plan, measured)
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


def _tables(plan: Plan, measured: Measured, figures: dict[str, Any]) -> list[Table]:
    rows = [(known(int(batch)), figures["by_batch"][batch]) for batch in figures["by_batch"]]
    rows.append((unseen(max(plan.batches)), figures["garment_new"]))
    if PUBLISHED in measured.made:
        rows.append((PUBLISHED, figures["published"]))
    columns = ("", "pictures/s", "seconds a batch", "loop's share", "TFLOP/s", "of peak", "peak GiB")
    keys = ("pictures_per_s", "batch_latency_s", "loop_share", "tflops", "peak_share", "peak_gib")
    tables = [Table("Pictures", columns, [(name, *(of[key] for key in keys)) for name, of in rows])]
    if PUBLISHED in measured.made:
        ratios = ("ratio", "loop_ratio", "processor_ratio")  # the last only on a CPU
        rows_compared = [
            (name, *(figures.get(f"{label}_{ratio}") for ratio in ratios), measured.differences[name])
            for label, name in compared(plan)
        ]
        heads = ("", "pictures", "loop", "processor time", "difference")
        tables.append(Table("Times as fast as published", heads, rows_compared))
    names = {"cold_start_s": "process to ready", "ready_s": "engine to ready", "first_picture_s": "first picture"}
    tables.append(Table("Start", ("", "seconds"), [(told, figures[key]) for key, told in names.items()]))
    if measured.batch_s:
        title = "The engine's own timing, in all of the card's steps"
        tables.append(Table(title, ("batch", "seconds a picture"), list(measured.batch_s.items())))
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
        work = denoise_tflop(measured, known(int(batch)), int(batch)) * int(batch) / plan.num_steps
        points[work * 1e12 / weights] = of["tflops"].median
    peak, moved = measured.limits.tflops, measured.limits.gbytes
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
    who = "one person tries" if plan.people == 1 else f"{plan.people} people try"
    notes = [
        f"In each of {measured.num_rounds} rounds, {who} on one garment; all that is compared takes turns; "
        "every photograph is new, and only the garment may be known.",
        "The loop is conditioning and denoising; pictures a second also count preparing, decoding and composing, "
        "one stage after the other. The service overlaps these stages.",
        "Intervals hold the median with 95% confidence; of fewer than three rounds, they hold all of them.",
        f"A picture is {measured.flops.total:.4g} TFLOP by the engine; the published loop alone takes "
        f"{measured.flops.denoise_published:.4g}.",
    ]
    if measured.is_stopped:
        notes.append("It was stopped before all of its rounds.")
    if plan.is_alone:
        notes.append(
            "The engine was started for pictures one by one, guided as the card says; a worker's first start also "
            "times batches and, on a GPU, compiles for them."
        )
    if PUBLISHED in measured.made:
        if plan.device != "cpu":
            notes.append("Both ways' weights stay loaded, so memory counts them twice.")
        notes.append(
            "Published is the same networks in the way of the published pipeline: one request at a time, eager, with "
            "all the work whose result it throws away, and nothing remembered."
        )
        if plan.device == "cpu":
            notes.append("Processor time is that of this process; what else runs on the machine hardly changes it.")
    return notes
