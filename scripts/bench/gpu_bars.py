"""What a GPU is held to, and what the suite found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bench.gpu_suite import named
from scripts.bench.report import Table

SPEED, SHARE, START = 2.0, 0.5, 1.5
STRICT = "fashn-vton-1.5"  # the card that SPEED, SHARE and START are asked of; others are measured beside it

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """`wanted` in words; `find`: the figure, None where there is none; `holds`: of a figure."""

    what: str
    wanted: str
    find: Callable[[Results], Any]
    holds: Callable[[Any], bool]

    def verdict(self, results: Results) -> tuple[Any, str]:
        """The figure, and `met`, `not met` or `not measured`."""
        found = _found(self.find, results)
        return found, "not measured" if found is None else "met" if self.holds(found) else "not met"


def bars_of(cards: Sequence[str]) -> list[Bar]:
    """Those of these cards."""
    return [bar for card in cards for bar in _bars(card)] + [
        Bar("attention kernels", "measured", lambda results: len(results["attention"]), bool)
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
        Bar(f"{card}: seconds a picture by batch", "measured", lambda told: len(told[worker]["batch_s"]), bool),
    ]
    if card == STRICT:
        find = lambda told: told[again]["ready_s"] / told[again]["weights_s"]  # noqa: E731
        bars.append(Bar(f"{card}: second start, times reading the weights", f"<= {START}", find, lambda x: x <= START))
    return bars


def _least(card: str, what: str, least: float, find: Callable[[Results], Any]) -> Bar:
    is_strict = card == STRICT
    return Bar(
        f"{card}: {what}",
        f">= {least:g}" if is_strict else "measured",
        find,
        lambda found: not is_strict or found >= least,
    )


def _found(find: Callable[[Results], Any], results: Results) -> Any:
    try:
        return find(results)
    except (KeyError, ZeroDivisionError):
        return None


def tables_of(cards: Sequence[str], states: Mapping[str, str], results: Results) -> list[Table]:
    """All that was found, the verdicts last: that is where a terminal stops."""
    kinds = {kind: {n: told for n, told in results.items() if n.startswith(f"{kind}-")} for kind in KINDS}
    tables = [
        Table(
            "Engine, one picture, garment known",
            ("", "times as fast as published", "its loop", "rounds", "pictures/s", "of matmul peak", "peak TFLOP/s"),
            [(name, *_engine_row(told)) for name, told in kinds["engine"].items()],
        )
    ]
    for kind, (title, heads, keys) in KINDS.items():
        if keys:
            rows = [(name, *map(told.get, keys)) for name, told in kinds[kind].items()]
            tables.append(Table(title, ("", *heads), rows))
    tables += [_batches(kinds["worker"]), *_attention(results.get("attention", {}))]
    tables.append(Table("Parts", ("", "state"), list(states.items())))
    rows = [(bar.what, bar.wanted, *bar.verdict(results)) for bar in bars_of(cards)]
    return [*tables, Table("Bars, of full size on a GPU", ("", "wanted", "found", ""), rows)]


KINDS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "engine": ("", (), ()),
    "proof": (
        "Proofs",
        ("picture s", "peak GiB", "precision", "forward error", "sync-free"),
        ("picture_s", "peak_gib", "precision", "forward_error", "loop_without_synchronisation"),
    ),
    "worker": ("First start of a worker, of which an engine for one picture was there", ("ready s",), ("ready_s",)),
    "again": ("Second start of a worker", ("weights s", "ready s"), ("weights_s", "ready_s")),
}


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
