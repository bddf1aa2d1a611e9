"""A card's files and its helpers', brought into their folders: from the hub, another card, or a mirror."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from models.catalog import ModelCard, WeightFile
from models.files.checking import problem_at_a_glance, problem_of_content, sha256_of
from models.files.downloading import from_hub
from models.files.hub import FetchError
from models.files.mirror import from_mirror
from models.files.placing import PARTIAL
from models.files.records import Record, write_record
from models.files.standins import problem_of_kind

Say = Callable[[str], None]

LOCK = ".lock"


def fetch(card: ModelCard, mirror: Path | None = None, say: Say = lambda line: None) -> list[Path]:
    """Bring what is missing or damaged of a card and of the helpers that it needs; the files that were brought.

    With everything there, nothing is asked of the network; with a `mirror`, never. A file has its name only once it
    is whole and checked. A revision that is a branch is resolved once, and its commit kept to.

    Raises:
        CardError: what could not be had and what to do; what has arrived is kept for the next time.
    """
    return [path for one in (card, *card.helpers) for path in _fetch_one(one, mirror, say)]


def is_whole(card: ModelCard, file: WeightFile) -> bool:
    """Whether a file is in place, undamaged, and what the card now asks for."""
    return not problem_at_a_glance(card, file) and not problem_of_content(card, file)


def _fetch_one(card: ModelCard, mirror: Path | None, say: Say) -> list[Path]:
    try:
        if all(is_whole(card, file) for file in card.files):
            return []
        card.folder.mkdir(parents=True, exist_ok=True)
        with _alone(card):
            _write_down_own(card)
            wanted = [file for file in card.files if not is_whole(card, file)]
            if not wanted:
                return []
            if mirror is None:
                from_hub(card, wanted, say)
            else:
                from_mirror(card, wanted, mirror, say)
            shutil.rmtree(card.folder / PARTIAL, ignore_errors=True)
    except OSError as error:
        raise FetchError(f"{card.name} cannot be put into {card.folder}: {error}.") from error
    return [card.path(file.path) for file in wanted]


@contextlib.contextmanager
def _alone(card: ModelCard) -> Iterator[None]:
    """Two fetches of one card would write into the same partial files."""
    lock = os.open(card.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)  # written to, or network file systems refuse
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise FetchError(f"{card.name} is being fetched already: wait until that has ended.") from None
    try:
        yield
    finally:
        os.close(lock)


def _write_down_own(card: ModelCard) -> None:
    """A file that comes from nowhere and that the card does not describe is, from now on, what it is now."""
    for file in card.files:
        path = card.path(file.path)
        if not card.origin(file)[0] and not file.sha256 and path.is_file():
            if problem := problem_of_kind(path):
                raise FetchError(f"{path} {problem}.")
            asked = Record(path.stat().st_size, sha256_of(path), *card.origin(file)[::2], source=card.origin(file)[1])
            write_record(card.folder, file.path, asked)
