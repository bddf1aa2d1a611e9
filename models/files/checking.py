"""Whether a checkpoint's files are the right ones: by size and SHA-256, of the card or of when they were fetched."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path

from models.catalog import CardError, ModelCard, WeightFile
from models.files.records import Record, read_json, read_records, write_json

MEMORY = ".checked.json"
HASHED_AT_EVERY_START = 64 * 2**20  # bytes: up to here it takes less than a tenth of a second

logger = logging.getLogger(__name__)


class WeightsError(CardError):
    """Weights that do not fit the card or the network; the message names the command that mends them."""


def checked_file(card: ModelCard, file: WeightFile) -> Path:
    """The path of a file whose size and SHA-256 are the card's or, where it has none, those first fetched.

    Raises:
        WeightsError: it is not there, or another file.
    """
    if problem := problem_at_a_glance(card, file) or problem_of_content(card, file):
        raise WeightsError(f"{problem}. {card.mending}")
    return card.path(file.path)


def problem_at_a_glance(card: ModelCard, file: WeightFile) -> str:
    """What is wrong with a file as far as can be told without reading it; empty when nothing is."""
    path, wanted = card.path(file.path), expectation(card, file)
    if not path.is_file():
        return f"{path} is missing"
    if wanted is None:
        return f"{path} was not fetched, and the card does not say its SHA-256"
    if other := other_origin(card, file, read_records(card.folder).get(file.path)):
        return f"{path} is from {other}"
    if path.stat().st_size != wanted[0]:
        return f"{path} has {path.stat().st_size} bytes instead of {wanted[0]}"
    return ""


def expectation(card: ModelCard, file: WeightFile) -> tuple[int, str] | None:
    """Size in bytes and SHA-256 that a file must have; None when it was never fetched and the card does not say."""
    if file.sha256 and not file.is_converted:
        return file.size, file.sha256
    record = read_records(card.folder).get(file.path)
    return (record.size, record.sha256) if record else None


def other_origin(card: ModelCard, file: WeightFile, record: Record | None) -> str:
    """Where a file came from when the card now asks for another; a card that has its SHA-256 asks for nothing else."""
    if record is None or (file.sha256 and not file.is_converted):
        return ""
    repository, source, revision = card.origin(file)
    is_asked = (record.repository, record.source) == (repository, source)
    if is_asked and revision in (record.revision, record.commit):
        return ""
    return f"{record.repository} at {record.revision}, the card asks for {repository} at {revision}"


def problem_of_content(card: ModelCard, file: WeightFile) -> str:
    """What is wrong with the content of a file that is there; empty when nothing is."""
    wanted = expectation(card, file)
    if wanted is None or remembered_sha256(card.folder, file.path) == wanted[1]:
        return ""
    return f"{card.path(file.path)} has another SHA-256 than it should"


def remembered_sha256(folder: Path, file: str) -> str:
    """The SHA-256 of a file, hashed only when it is small or was touched since it was last hashed.

    Hashing a large checkpoint takes longer than loading it. A file that has the same inode, size, and times of its
    content's and its entry's last change as when it was hashed was not written to since: no write leaves the latter
    as it was, not even one that sets the former back. This tells damage and mix-ups; whoever may write into the
    folder could rewrite the memory, too.
    """
    path = folder / file
    stamp = _stamp(path)
    if path.stat().st_size <= HASHED_AT_EVERY_START:
        return sha256_of(path)
    known = read_json(folder / MEMORY).get(file)
    if isinstance(known, dict) and known.get("stamp") == stamp:
        return str(known.get("sha256"))
    logger.info("checking %s", path)
    sha256 = sha256_of(path)
    if stamp == _stamp(path):
        remember_sha256(folder, file, sha256)
    return sha256


def remember_sha256(folder: Path, file: str, sha256: str) -> None:
    """Spare the next start the hashing of a file that was just hashed. In a read-only folder nothing is spared."""
    with contextlib.suppress(OSError):
        remembered = {"stamp": _stamp(folder / file), "sha256": sha256}
        write_json(folder / MEMORY, {**read_json(folder / MEMORY), file: remembered})


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def sha256_of(path: Path) -> str:
    """In lowercase hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
