"""One device's process: it loads a card once, and makes batch after batch until the connection closes."""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Station:
    """What a process needs to make a card's pictures on `device`. `batch_size`: of the run; 0 to be told the best.

    `cache_folder`: as of a worker.
    """

    device: str
    card: str
    weights: Path
    accepted_licences: tuple[str, ...]
    cache_folder: Path
    uses_masks: bool
    batch_size: int
    num_threads: int = 1  # on a CPU


@dataclass(frozen=True, slots=True)
class Ready:
    """The card is loaded. `batch_size`: what is best, or what was given."""

    batch_size: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The card cannot be loaded; a sentence for whoever can mend it."""

    sentence: str


def work(station: Station, connection: Connection) -> None:
    """Be the process: `Ready` or `Refused` goes out first; then a batch comes in, and a list of results goes out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to end
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    from inference.batching import EngineError  # torch: the parent lives without it
    from models.catalog import CardError
    from scripts.batch.maker import Maker

    try:
        maker = Maker.loaded(station)
    except (CardError, EngineError) as error:
        connection.send(Refused(str(error)))
        return
    try:
        connection.send(Ready(maker.batch_size))
        maker.run(connection)
    except BaseException:
        logger.exception("a batch could not be made on %s", station.device)
        os._exit(1)  # its threads may wait for what never comes


def _die_with_the_parent() -> None:
    parent = parent_process()
    assert parent is not None, "it is run by multiprocessing"
    parent.join()
    os._exit(1)
