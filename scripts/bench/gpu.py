"""The suite for a machine with a GPU: every family at full size with random weights, ten minutes a call at most.

Each part is a process of its own with a limit of its own. What is done is kept, so that a second call goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.bench.machine import this_machine
from scripts.bench.report import FOLDER, Report, Table, progress, publish
from scripts.options import FITTING_ROOM

CARDS = {  # card -> seconds of its rounds; one person each, as the engine itself times batches when it starts
    "fashn-vton-1.5": 45,
    "flux2-klein-4b": 20,
    "catvton-mix": 45,
    "leffa-vitonhd": 45,
}
STARTING_S = 220  # of an engine's first start, its weights drawn, and the published one's
PARTS = (sys.executable, "-P", "-m", "scripts.bench.gpu_parts")


@dataclass(frozen=True, slots=True)
class Part:
    """`name` of its result's file; `argv`; and `limit_s`, after which it is given up."""

    name: str
    argv: list[str]
    limit_s: float


@dataclass(frozen=True, slots=True)
class Suite:
    """`size`: of the random weights; `steps`: instead of the cards'."""

    device: str
    size: str
    data: Path
    folder: Path
    cards: tuple[str, ...]
    steps: int | None = None

    @property
    def parts(self) -> list[Part]:
        """Those that matter most first."""
        engines = [self._engine(card) for card in self.cards]
        proofs = [self._part("proof", card, 60) for card in self.cards]
        starts = [self._part("start", card, 60, suffix) for card in self.cards[:1] for suffix in ("-1", "-2")]
        return [*engines, *proofs, self._part("attention", self.cards[0], 60), *starts]

    def _engine(self, card: str) -> Part:
        page = self.folder / f"engine-{card}.html"
        argv = [*FITTING_ROOM, "bench", "engine", "--card", card, "--random-weights", self.size]
        argv += ["--against", "published", "--device", self.device, "--data", str(self.data), "--page", str(page)]
        argv += ["--people", "1", "--batch", "1", "--seconds", str(CARDS[card]), *self._steps]
        return Part(f"engine-{card}", argv, STARTING_S + CARDS[card])

    def _part(self, kind: str, card: str, limit_s: float, suffix: str = "") -> Part:
        name = kind if kind == "attention" else f"{kind}-{card}{suffix}"
        argv = [*PARTS, kind, "--card", card, "--device", self.device, "--size", self.size]
        argv += ["--data", str(self.data), "--folder", str(self.folder), *self._steps]
        return Part(name, argv, limit_s)

    @property
    def _steps(self) -> tuple[str, ...]:
        return ("--steps", str(self.steps)) if self.steps else ()


def run(
    device: Annotated[str, typer.Option(help="cuda:0; or cpu, to try it out.")] = "cuda:0",
    size: Annotated[str, typer.Option(help="Of the random weights: full or small.")] = "full",
    data: Annotated[Path, typer.Option(help="Folder for the weights and what is compiled; 27 GB in full size.")] = Path(
        "data"
    ),
    folder: Annotated[Path | None, typer.Option(help="For the results, instead of benchmarks/<the card>.")] = None,
    minutes: Annotated[float, typer.Option(help="Begin nothing later, and end by then.")] = 10,
    card: Annotated[list[str] | None, typer.Option(help="Only these cards; repeatable.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps instead of the cards'.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure what is done once more.")] = False,
) -> None:
    """Measure everything that a GPU is needed for; what is left is measured by the next call."""
    machine = this_machine(device)
    target = folder or FOLDER / machine.slug
    suite = Suite(device, size, data, target, tuple(card or CARDS), steps)
    target.mkdir(parents=True, exist_ok=True)
    ends_at = time.monotonic() + 60 * minutes
    states = {}
    with progress() as shown:
        task = shown.add_task("suite", total=len(suite.parts))
        for part in suite.parts:
            shown.update(task, description=part.name)
            states[part.name] = _done(part, target, ends_at, again=again)
            shown.advance(task)
    kept = {name: target / f"{name}.json" for name in states}
    results = {name: json.loads(path.read_text()) for name, path in kept.items() if path.is_file()}
    report = Report(
        name="suite",
        title=f"Suite: {machine.gpus[0] if machine.gpus else machine.cpu}",
        command=f"scripts/bench_gpu {' '.join(sys.argv[1:])}".strip(),
        machine=machine,
        figures={"parts": states, "results": results},
        tables=_tables(states, results),
        notes=("Random weights in the published layout and size: times and memory are those of the published ones.",),
    )
    publish(report, target / "suite.html")


def _done(part: Part, folder: Path, ends_at: float, *, again: bool) -> str:
    """`kept`, `measured`, `left` for the next call, or why not; its output is in a .log beside its result."""
    result = folder / f"{part.name}.json"
    if result.is_file() and not again:
        return "kept"
    left_s = ends_at - time.monotonic()
    if left_s < min(20, part.limit_s):
        return "left"
    with (folder / f"{part.name}.log").open("w") as log:
        try:
            said = subprocess.run(  # noqa: S603 - our own words
                part.argv, stdout=subprocess.PIPE, stderr=log, text=True, timeout=min(left_s, part.limit_s), check=False
            )
        except subprocess.TimeoutExpired:
            return f"took over {min(left_s, part.limit_s):.0f} s"
    if said.returncode:
        return f"failed with {said.returncode}: see {part.name}.log"
    result.write_text(f"{said.stdout.splitlines()[-1]}\n")
    return "measured"


def _tables(states: dict[str, str], results: dict[str, Any]) -> list[Table]:
    engines = {name: told for name, told in results.items() if name.startswith("engine-")}
    proofs = {name: told for name, told in results.items() if name.startswith("proof-")}
    starts = {name: told for name, told in results.items() if name.startswith("start-")}
    tables = [
        Table("Parts", ("", "state"), list(states.items())),
        Table(
            "Engine, garment known",
            ("", "times as fast as published", "same pictures", "pictures/s", "of matmul peak", "peak GiB"),
            [(name, *_engine_row(told)) for name, told in engines.items()],
        ),
    ]
    keys = ("picture_s", "peak_gib", "precision", "forward_error", "loop_without_synchronisation")
    heads = ("", "picture s", "peak GiB", "precision", "forward error", "sync-free")
    tables.append(Table("Proofs", heads, [(name, *map(told.get, keys)) for name, told in proofs.items()]))
    rows = [(name, told["weights_s"], told["ready_s"]) for name, told in starts.items()]
    tables.append(Table("Start", ("", "weights s", "ready s"), rows))
    return [*tables, *_attention(results.get("attention", {}))]


def _engine_row(told: dict[str, Any]) -> tuple[object, ...]:
    best = max(told["by_batch"].values(), key=lambda of: of["pictures_per_s"])
    low, high = told["spread"]["garment_known_ratio"]
    ratio = f"{told['garment_known_ratio']:.3g} ({low:.3g} to {high:.3g})"
    return ratio, told["largest_difference"], best["pictures_per_s"], best["peak_share"], best["peak_gib"]


def _attention(told: dict[str, Any]) -> list[Table]:
    if not told:
        return []
    kernels = list(next(iter(told.values())))
    rows = [(name, *(kernel and kernel["tflops"] for kernel in by.values())) for name, by in told.items()]
    return [Table("Attention, TFLOP/s", ("", *kernels), rows)]


if __name__ == "__main__":
    typer.run(run)
