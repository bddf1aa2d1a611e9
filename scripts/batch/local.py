"""A run on this machine's own devices, card after card."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace

from api.settings import Settings
from models.card import ModelCard
from models.catalog import load_card
from scripts.batch.crew import Crew
from scripts.batch.folder import RunFolder
from scripts.batch.plan import Batch, batches_of
from scripts.batch.rows import Row
from scripts.batch.station import Station
from scripts.bench.machine import this_machine

SMALL = 500_000_000  # bytes of weights: of such a card, a CPU's every core gets a process of its own


class LocalRun:
    """Makes what is left of a folder's plan. `beginning`: what keeps the first picture waiting, in words."""

    beginning = "loading the model"

    def __init__(self, folder: RunFolder, settings: Settings, devices: Sequence[str]) -> None:
        self._folder, self._settings, self._devices = folder, settings, devices
        self._plan = folder.plan

    def run(self, stop: threading.Event) -> None:
        """Until nothing is left, or until what was begun at `stop` is done.

        Raises:
            BatchError, models.catalog.CardError: a card cannot be run here.
        """
        for card in self._plan.cards:
            left = {row.number for row in self._folder.left() if row.card == card and not row.problem}
            if left and not stop.is_set():
                self._run_card(card, left, stop)

    def _run_card(self, card: str, left: set[int], stop: threading.Event) -> None:
        name = f"batch size of {card}"
        known = self._plan.batch_size or self._folder.journal.fact(name) or (1 if self._is_cpu else 0)
        crew, size = Crew.started(lambda size: self._stations(card, size, len(left)), known, self._folder.add, stop)
        try:
            self._folder.journal.keep(name, size)
            batches = batches_of(self._plan.rows, card, size)
            crew.run([batch for batch in batches if _is_left(batch, left)], stop)
        finally:
            crew.end()

    def retry(self, rows: Sequence[Row]) -> None:
        """Have these made again, and with them their batch-mates: a picture depends on its batch's size."""
        numbers = {row.number for row in rows}
        for card in self._plan.cards:
            size = self._plan.batch_size or self._folder.journal.fact(f"batch size of {card}") or 1
            for batch in batches_of(self._plan.rows, card, size):
                if _is_left(batch, numbers):
                    numbers |= {row.number for row in batch.rows}
        self._folder.journal.forget(numbers)

    @property
    def _is_cpu(self) -> bool:
        return list(self._devices) == ["cpu"]

    def _stations(self, card: str, batch_size: int, num_rows: int) -> list[Station]:
        """One a device, or one a core; no more than there is work for."""
        loaded = load_card(card, self._settings.weights, self._settings.accepted_licences)
        one = Station(
            device=self._devices[0],
            card=card,
            weights=self._settings.weights,
            accepted_licences=tuple(self._settings.accepted_licences),
            cache_folder=self._settings.cache_folder,
            uses_masks=self._plan.uses_masks,
            batch_size=batch_size,
        )
        most = -(-num_rows // (batch_size or 1))
        if not self._is_cpu:
            return [replace(one, device=device) for device in self._devices[:most]]
        if _num_bytes(loaded) > SMALL:
            return [replace(one, num_threads=_num_cores())]
        return [one] * min(_num_cores(), most)


def kind_of(devices: Sequence[str]) -> str:
    """What the bytes of a picture depend on: the processor, or the GPUs."""
    machine = this_machine(devices[0])
    return ", ".join(sorted(set(machine.gpus))) or machine.cpu


def _is_left(batch: Batch, left: set[int]) -> bool:
    return any(row.number in left for row in batch.rows)


def _num_bytes(card: ModelCard) -> int:
    return sum(file.size for file in card.files)


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cards_of(rows: Sequence[Row], settings: Settings) -> dict[str, ModelCard]:
    """Those that the rows name, in the order in which they do.

    Raises:
        models.catalog.CardError: one is not there, or its licence is not accepted.
    """
    names = dict.fromkeys(row.card for row in rows if not row.problem)
    return {name: load_card(name, settings.weights, settings.accepted_licences) for name in names}
