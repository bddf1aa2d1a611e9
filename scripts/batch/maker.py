"""A station's work: rows are read and prepared, denoised together, and finished, all at the same time."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import torch

from inference import pictures
from inference.batching import DeviceLostError, Generator, never_stopped, no_progress
from inference.engine import Engine
from inference.jobs import BatchKey, GenerationError
from inference.options import EngineOptions
from models.catalog import ModelCard, load_card
from scripts.batch.memory import peak_bytes
from scripts.batch.plan import Batch
from scripts.batch.reading import RowError, read
from scripts.batch.results import Result
from scripts.batch.rows import Row
from scripts.batch.station import Station

MOST_THREADS = 4  # that read and prepare, and that finish
TOO_LARGE = "The device's memory does not hold this picture: use a smaller card, or a larger GPU."

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """A row on its way. `prepared` is there, or `error`."""

    row: Row
    prepared: Any = None
    error: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Maker:
    """A loaded card: reads and prepares the next batch, and finishes the last, while the device works on one."""

    def __init__(self, generator: Generator, card: ModelCard, station: Station) -> None:
        self._generator, self._card, self._station = generator, card, station
        self.batch_size = station.batch_size or generator.policy.max_jobs
        self._helpers = ThreadPoolExecutor(max(1, min(MOST_THREADS, (os.cpu_count() or 1) - 1)))

    @classmethod
    def loaded(cls, station: Station) -> Maker:
        """
        Raises:
            models.catalog.CardError, inference.batching.EngineError: the card cannot be run here.
        """
        card = load_card(station.card, station.weights, station.accepted_licences)
        overlap = station.device != "cpu"  # on a CPU, threads that help would change the order of its sums
        return cls(Engine(card, station.device, EngineOptions(station.cache_folder, overlap=overlap)), card, station)

    def run(self, connection: Connection) -> None:
        """Until the connection closes, or says that nothing more comes.

        Raises:
            inference.batching.DeviceLostError: the device needs a new process.
        """
        ready: queue.Queue[tuple[Batch, list[Future[Job]]] | None] = queue.Queue()
        made: queue.Queue[list[Future[Result]] | None] = queue.Queue()
        threads = [
            threading.Thread(target=self._receive, args=(connection, ready), daemon=True),
            threading.Thread(target=_send, args=(connection, made)),
        ]
        for thread in threads:
            thread.start()
        while (next_up := ready.get()) is not None:
            batch, jobs = next_up
            made.put(self._denoised(batch, [job.result() for job in jobs]))
        made.put(None)
        threads[1].join()

    def _receive(self, connection: Connection, ready: queue.Queue[tuple[Batch, list[Future[Job]]] | None]) -> None:
        for batch in _batches(connection):
            ready.put((batch, [self._helpers.submit(self._prepared, row, batch) for row in batch.rows]))
        ready.put(None)

    def _prepared(self, row: Row, batch: Batch) -> Job:
        job, began_at = Job(row), time.perf_counter()
        try:
            needs_mask = "mask" in self._card.needs
            found = read(row, needs_mask=needs_mask, uses_masks=self._station.uses_masks)
            job.sha256, read_at = found.sha256, time.perf_counter()
            job.seconds["read_s"] = read_at - began_at
            job.prepared = self._generator.prepare(found.inputs, self._key(batch))
            job.seconds["prepare_s"] = time.perf_counter() - read_at
        except RowError as error:
            job.error = str(error)
        except GenerationError as error:
            job.error = error.sentence
        except DeviceLostError:
            raise
        except Exception as error:  # one row must not end a run of thousands
            job.error = _unexpected(row, error)
        return job

    def _denoised(self, batch: Batch, jobs: list[Job]) -> list[Future[Result]]:
        """A result to come for each of the batch's rows; of a lost device the process dies, and another tries again."""
        usable = [job for job in jobs if not job.error]
        canvases: dict[int, Any] = {}
        began_at = time.perf_counter()
        try:
            if usable:
                prepared = [job.prepared for job in usable]
                found = self._generator.denoise(prepared, self._key(batch), no_progress, never_stopped)
                canvases = {job.row.number: canvas for job, canvas in zip(usable, found, strict=True)}
        except DeviceLostError:
            raise
        except torch.OutOfMemoryError:
            _fail(usable, TOO_LARGE)
        except Exception as error:  # as above
            _fail(usable, _unexpected(batch.rows[0], error))
        for job in usable:
            job.seconds["denoise_s"] = (time.perf_counter() - began_at) / len(usable)
        return [self._helpers.submit(self._finished, job, canvases.get(job.row.number)) for job in jobs]

    def _finished(self, job: Job, canvas: Any) -> Result:
        row, began_at = job.row.number, time.perf_counter()
        if job.error:
            return Result(row, error=job.error, sha256=job.sha256, seconds=job.seconds, made_by=self._station.device)
        try:
            made = self._generator.finish(job.prepared, canvas)
            picture = pictures.encode(made.image)
        except DeviceLostError:
            raise
        except Exception as error:  # as above
            sentence = _unexpected(job.row, error)
            return Result(row, error=sentence, sha256=job.sha256, seconds=job.seconds, made_by=self._station.device)
        job.seconds["finish_s"] = time.perf_counter() - began_at
        return Result(
            row,
            picture,
            "",
            job.sha256,
            made.warnings,
            tuple(one.as_dict() for one in made.optimisations),
            job.seconds,
            self._station.device,
            peak_bytes(self._station.device),
        )

    def _key(self, batch: Batch) -> BatchKey:
        return BatchKey(self._card.name, batch.steps, None)


def _batches(connection: Connection) -> Iterator[Batch]:
    try:
        while (batch := connection.recv()) is not None:
            yield batch
    except EOFError:
        return


def _send(connection: Connection, made: queue.Queue[list[Future[Result]] | None]) -> None:
    """What is finished, batch by batch; what cannot be ends the process, and another makes the batch again."""
    try:
        while (results := made.get()) is not None:
            connection.send([result.result() for result in results])
    except BaseException:
        logger.exception("a batch could not be finished")
        os._exit(1)


def _fail(jobs: list[Job], sentence: str) -> None:
    for job in jobs:
        job.error = sentence


def _unexpected(row: Row, error: Exception) -> str:
    logger.exception("row %d", row.number)
    return f"Something went wrong that should not: {type(error).__name__}: {error}. Please report it."
