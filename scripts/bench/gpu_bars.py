"""What a GPU is held to, and what the suite found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bench.gpu_suite import named
from scripts.bench.report import Table

SPEED, SHARE, START, SIZES = 2.0, 0.5, 1.5, 2
STRICT = "fashn-vton-1.5"  # the card that SPEED, SHARE and START are asked of; others are measured beside it

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """`wanted` in words; `find`: the figure, None where there is none; `holds`: of a figure, None: nothing is asked."""

    what: str
    wanted: str
    find: Callable[[Results], Any]
    holds: Callable[[Any], bool] | None = None

    def verdict(self, results: Results) -> tuple[Any, str]:
        """The figure, and `met`, `not met`, `measured` where nothing is asked of it, or `not measured`."""
        found = _found(self.find, results)
        if found is None or self.holds is None:
            return found, "not measured" if found is None else "measured"
        return found, "met" if self.holds(found) else "not met"


def bars_of(cards: Sequence[str]) -> list[Bar]:
    """Those of these cards."""
    return [bar for card in cards for bar in _bars(card)] + [
        Bar("attention kernels, at shapes of so many families", "measured", lambda results: len(results["attention"]))
    ]


def _bars(card: str) -> list[Bar]:
    engine, proof, worker, again = (named(kind, card) for kind in ("engine", "proof", "worker", "again"))
    bars = [
        _least(card, "loop, times as fast as published", SPEED, lambda told: told[engine]["garment_known_loop_ratio"]),
        _least(
            card,
            "loop's share of the matmul peak of the same run",
            SHARE,
            lambda told: told[engine]["by_batch"]["1"]["peak_share"],
        ),
        Bar(
            f"{card}: a loop in which nothing waits for the GPU",
            "yes",
            lambda told: told[proof]["loop_without_synchronisation"],
            lambda found: found is True,
        ),
        Bar(
            f"{card}: seconds a picture in batches of so many sizes",
            f">= {SIZES}",
            lambda told: len(told[worker]["batch_s"]),
            lambda found: found >= SIZES,
        ),
    ]
    if card == STRICT:
        what = f"{card}: second start, times reading the weights"
        bars.append(Bar(what, f"<= {START}", lambda told: _start(told[again]), lambda found: found <= START))
    return bars


def _start(told: Mapping[str, Any]) -> float | None:
    """None where it was the first: the one before it failed, or was given up."""
    return told["ready_s"] / told["weights_s"] if told["knew_batches"] else None


def _least(card: str, what: str, least: float, find: Callable[[Results], Any]) -> Bar:
    if card != STRICT:
        return Bar(f"{card}: {what}", "measured", find)
    return Bar(f"{card}: {what}", f">= {least:g}", find, lambda found: found >= least)


def _found(find: Callable[[Results], Any], results: Results) -> Any:
    try:
        return find(results)
    except (KeyError, ZeroDivisionError):
        return None


def tables_of(cards: Sequence[str], states: Mapping[str, str], results: Results) -> list[Table]:
    """All that was found, the verdicts last: that is where a terminal stops."""
    engines, proofs, workers, again = (_of(kind, results) for kind in ("engine", "proof", "worker", "again"))
    tables = [
        Table(
            "Engine, one picture, garment known",
            ("", "times as fast as published", "its loop", "rounds", "pictures/s", "of matmul peak", "peak TFLOP/s"),
            [(name, *_engine_row(told)) for name, told in engines.items()],
        ),
        Table("Proofs", ("", *PROOF), [(name, *map(told.get, PROOF.values())) for name, told in proofs.items()]),
        Table("Starts of a worker", ("", *START_S, "batches"), _starts(workers | again)),
        _batches(workers),
        *_attention(results.get("attention", {})),
        Table("Parts", ("", "state"), list(states.items())),
        Table(
            "Bars, of full size on a GPU",
            ("", "wanted", "found", ""),
            [(bar.what, bar.wanted, *bar.verdict(results)) for bar in bars_of(cards)],
        ),
    ]
    return [table for table in tables if table.rows]


PROOF = {  # heading -> of a result
    "picture s": "picture_s",
    "peak GiB": "peak_gib",
    "precision": "precision",
    "forward error": "forward_error",
    "sync-free": "loop_without_synchronisation",
}
START_S = {"weights s": "weights_s", "ready s": "ready_s"}


def _of(kind: str, results: Results) -> dict[str, Any]:
    return {name: told for name, told in results.items() if name.startswith(f"{kind}-")}


def _starts(workers: Results) -> list[tuple[object, ...]]:
    kinds = {True: "known", False: "timed"}
    return [(name, *map(told.get, START_S.values()), kinds[told["knew_batches"]]) for name, told in workers.items()]


def _engine_row(told: Mapping[str, Any]) -> tuple[object, ...]:
    one, spread = told["by_batch"]["1"], told["spread"]
    ratios = []
    for name in ("garment_known_ratio", "garment_known_loop_ratio"):
        low, high = spread[name]
        ratios.append(f"{told[name]:.3g} ({low:.3g} to {high:.3g})")
    return *ratios, told["rounds"], one["pictures_per_s"], one["peak_share"], told["matmul_peak_tflops"]


def _batches(workers: Results) -> Table:
    sizes = list(dict.fromkeys(size for told in workers.values() for size in told["batch_s"]))
    rows = [(name, *(told["batch_s"].get(size) for size in sizes)) for name, told in workers.items()]
    return Table("Seconds a picture, by the engine's own timing", ("", *(f"batch {size}" for size in sizes)), rows)


def _attention(told: Mapping[str, Any]) -> list[Table]:
    if not told:
        return []
    kernels = list(next(iter(told.values())))
    rows = [(name, *(kernel and kernel["tflops"] for kernel in by.values())) for name, by in told.items()]
    return [Table("Attention, TFLOP/s", ("", *kernels), rows)]
