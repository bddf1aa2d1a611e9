"""What `bench service` tells: tables, plots and the last line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.bench.live.figures import Stretch, percentiles_ms, together
from scripts.bench.machine import Machine
from scripts.bench.plots import Bar, Line, Plot
from scripts.bench.report import Report, Table
from scripts.bench.service_load import Loads
from scripts.bench.spread import Spread, ratio_of, spread_of

LATENCY = ("p50", "p95", "p99")
LOAD_COLUMNS = ("load", "arrivals/s", "pictures/s", "p50 ms", "p95 ms", "p99 ms", "lost")
ENGINE_COLUMNS = ("queue p50 ms", "queue p99 ms", "jobs a batch", "denoiser")
OPEN_LOOP = "Arrivals wait for nobody: latency counts from when a visit was due, to the last byte of its picture."


def load(found: Loads, card: str, command: str, machine: Machine) -> Report:
    """Of one card under rising load."""
    stretches = {"full": found.full} | {f"{share:g}": stretch for share, stretch in found.by_rate.items()}
    everything = together([*stretches.values(), found.lone])
    lines = [
        Line(name, list(found.by_rate), [_ms(stretch, name) for stretch in found.by_rate.values()]) for name in LATENCY
    ]
    made = Line(
        "made", [each.offered or 0.0 for each in found.by_rate.values()], [each.rate for each in found.by_rate.values()]
    )
    return Report(
        name=f"service-{card}",
        title=f"Under load: {card}",
        command=command,
        machine=machine,
        figures={
            "card": card,
            "submitted": len(everything.outcomes),
            "pictures": everything.num_pictures,
            "lost": everything.num_lost,
            "ready_s": found.ready_s,
            "pickup_ms": percentiles_ms(found.lone.pickups_s),
            "lone_picture_ms": _spread_ms(found.lone),
            "full": found.full.told(),
            "loads": {name: each.told() for name, each in stretches.items() if name != "full"},
        },
        tables=[
            Table("From POST to picture", LOAD_COLUMNS, [_row(*each) for each in stretches.items()]),
            Table(
                "In the service",
                ("load", *ENGINE_COLUMNS),
                [(name, *_engine(each)) for name, each in stretches.items()],
            ),
        ],
        plots=[
            Plot("Latency against load", "arrivals, as a share of what it can make", "ms", lines),
            Plot("Throughput against load", "arrivals a second", "pictures a second", [made]),
        ],
        notes=[
            OPEN_LOOP,
            f"Full: {len(found.full.outcomes)} visits by a crowd of which each comes again at once.",
            _said("Pick-up by an idle worker, from the POST", percentiles_ms(found.lone.pickups_s)),
            *everything.problems,
        ],
    )


def compare(found: Mapping[str, Sequence[Stretch]], card: str, command: str, machine: Machine) -> Report:
    """Of the engine with batching and overlap, and without."""
    totals = {kind: together(stretches) for kind, stretches in found.items()}
    rates = {kind: [stretch.rate for stretch in stretches] for kind, stretches in found.items()}
    ratio = ratio_of(rates["overlap"], rates["serial"])
    p99s = {kind: percentiles_ms(total.pictures_s)["p99"] for kind, total in totals.items()}
    spreads = {kind: spread_of(values) for kind, values in rates.items()}
    shares = {kind: _shares(stretches) for kind, stretches in found.items()}
    return Report(
        name=f"service-{card}-overlap-serial",
        title=f"Batching and overlap: {card}",
        command=command,
        machine=machine,
        figures={
            "card": card,
            "rate_ratio": ratio,
            "p99_ratio": p99s["overlap"] / p99s["serial"],
            "denoiser_share": shares["overlap"],
            "submitted": sum(len(total.outcomes) for total in totals.values()),
            "pictures": sum(total.num_pictures for total in totals.values()),
            "lost": sum(total.num_lost for total in totals.values()),
            **{
                kind: total.told() | {"pictures_per_s": spreads[kind], "denoiser_share": shares[kind]}
                for kind, total in totals.items()
            },
        },
        tables=[
            Table(
                "A full service",
                ("engine", "pictures/s", "p50 ms", "p99 ms", "lost"),
                [
                    (kind, spreads[kind], _ms(total, "p50"), p99s[kind], total.num_lost)
                    for kind, total in totals.items()
                ],
            ),
            Table(
                "In it",
                ("engine", *ENGINE_COLUMNS),
                [(kind, *_engine(total)[:-1], shares[kind]) for kind, total in totals.items()],
            ),
        ],
        plots=[
            Plot(
                "A full service",
                "pictures a second",
                "",
                bars=[Bar(kind, each.median, each.low, each.high) for kind, each in spreads.items()],
            )
        ],
        notes=[
            f"Overlap makes {ratio} times the pictures of serial: {ratio.num} rounds, by turns.",
            *sorted({problem for total in totals.values() for problem in total.problems}),
        ],
    )


def _row(name: str, stretch: Stretch) -> tuple[object, ...]:
    return name, stretch.offered, stretch.rate, *(_ms(stretch, share) for share in LATENCY), stretch.num_lost


def _engine(stretch: Stretch) -> tuple[object, ...]:
    queue = percentiles_ms([record.queue_s for record in stretch.records])
    return queue.get("p50"), queue.get("p99"), stretch.jobs_a_batch, stretch.denoiser_share


def _shares(stretches: Sequence[Stretch]) -> Spread | None:
    """The denoiser's, over rounds: between them it has nothing to do."""
    shares = [stretch.denoiser_share for stretch in stretches if stretch.denoiser_share is not None]
    return spread_of(shares) if shares else None


def _ms(stretch: Stretch, name: str) -> float:
    return percentiles_ms(stretch.pictures_s).get(name, float("nan"))


def _spread_ms(stretch: Stretch) -> Spread | None:
    return spread_of(stretch.pictures_s).times(1000) if stretch.pictures_s else None


def _said(what: str, told: Mapping[str, float]) -> str:
    return f"{what}: {', '.join(f'{name} {value:.3g} ms' for name, value in told.items()) or 'none'}."
