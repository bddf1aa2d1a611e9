"""The parts of the suite for a GPU: each a process with a limit of its own, the one that matters most first."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from inference.children import end, spawn
from scripts.options import FITTING_ROOM

CARDS = {  # card -> seconds of its rounds, of one person each, in which known, new and published take turns
    "fashn-vton-1.5": 30,
    "flux2-klein-4b": 12,
    "catvton-mix": 40,
    "leffa-vitonhd": 35,
}
ROUNDS_S = 30.0  # of another card
PARTS = (sys.executable, "-P", "-m", "scripts.bench.gpu_parts")
END_WITHIN_S = 5.0

MEASURED, RUNNING, LEFT = "measured", "running", "left"


@dataclass(frozen=True, slots=True)
class Part:
    """`name` of its result's file; `needs_s`: with less left it is not begun; `limit_s`: it is given up after."""

    name: str
    argv: list[str]
    needs_s: float
    limit_s: float

    def run(self, folder: Path, left_s: float) -> str:
        """`measured`, or why not all of it was; what it says is in a .log beside its result."""
        limit_s = min(left_s, self.limit_s)
        log = folder / f"{self.name}.log"
        result = result_in(folder, self.name)
        result.unlink(missing_ok=True)
        with log.open("wb") as said, _child(self.argv, said) as process:
            try:
                code = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                return f"given up after {limit_s:.0f} s"
        if code == 0 and result.is_file():
            return MEASURED
        lines = log.read_text(errors="replace").strip().splitlines()
        return f"failed with {code}: {lines[-1].strip()[:100] if lines else 'it said nothing'}"


@dataclass(frozen=True, slots=True)
class Suite:
    """`size`: of the random weights; `folder`: of the results; `steps`: instead of the cards'."""

    device: str
    size: str
    data: Path
    folder: Path
    cards: tuple[str, ...]
    steps: int | None = None

    @property
    def parts(self) -> list[Part]:
        """In the order in which they are begun."""
        first, cards = self.cards[0], self.cards
        return [
            *(self._engine(card) for card in cards),
            *(self._part("proof", card, 30, 100) for card in cards),
            self._part("attention", first, 20, 60),
            *(self._part("worker", card, 60, 240) for card in cards),
            self._part("again", first, 25, 60),
        ]

    def _engine(self, card: str) -> Part:
        rounds_s, name = CARDS.get(card, ROUNDS_S), named("engine", card)
        argv = [*FITTING_ROOM, "bench", "engine", "--card", card, "--random-weights", self.size]
        argv += ["--against", "published", "--device", self.device, "--data", str(self.data)]
        argv += ["--page", str(self.folder / f"{name}.html"), "--people", "1", "--batch", "1"]
        argv += ["--seconds", f"{rounds_s:g}", *self._steps]
        return Part(name, argv, self._needs(60 + rounds_s), 270 + rounds_s)

    def _part(self, kind: str, card: str, needs_s: float, limit_s: float) -> Part:
        name = "attention" if kind == "attention" else named(kind, card)
        argv = [*PARTS, kind, "--card", card, "--device", self.device, "--size", self.size]
        argv += ["--data", str(self.data), "--result", str(self.folder / f"{name}.json"), *self._steps]
        return Part(name, argv, self._needs(needs_s), limit_s)

    def _needs(self, seconds: float) -> float:
        return seconds if self.size == "full" else min(seconds, 20.0)

    @property
    def _steps(self) -> tuple[str, ...]:
        return ("--steps", str(self.steps)) if self.steps else ()


def named(kind: str, card: str) -> str:
    """A part's name; `card` may be a file's."""
    return f"{kind}-{Path(card).stem if card.endswith('.toml') else card}"


def result_in(folder: Path, name: str) -> Path:
    """What a part has found so far, JSON: one that is given up leaves what it knew."""
    return folder / f"{name}.json"


def walk(parts: list[Part], states: dict[str, str], folder: Path, ends_at: float) -> Iterator[Part]:
    """Run what `states` does not know as measured, in order, passing over what there is no time for.

    `ends_at`: by `time.monotonic`. Each part comes twice, when it runs and when it is done; its state is in `states`.
    """
    for part in parts:
        if states.get(part.name) == MEASURED or ends_at - time.monotonic() < part.needs_s:
            states.setdefault(part.name, LEFT)
            continue
        states[part.name] = RUNNING
        yield part
        states[part.name] = part.run(folder, ends_at - time.monotonic())
        yield part


@contextlib.contextmanager
def _child(argv: list[str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone afterwards, with all that it started."""
    process = spawn(argv, log)
    try:
        yield process
    finally:
        if process.poll() is None:
            end(process, END_WITHIN_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
