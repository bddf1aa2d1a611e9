"""A card's files from the hub, or from another card that has the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.filesize import decimal

from models.catalog import ModelCard, WeightFile
from models.files.checking import (
    WeightsError,
    problem_at_a_glance,
    problem_of_content,
    remember_sha256,
    remembered_sha256,
)
from models.files.hub import FetchError, RemoteFile, download, locate
from models.files.placing import Arrival, check_space, partial_path, place, take
from models.files.records import Record, read_records

COMMIT_SHOWN = 12  # hex digits


def from_hub(card: ModelCard, wanted: Sequence[WeightFile], say: Callable[[str], None]) -> None:
    """Bring the wanted files of one card; each starts where the last attempt ended.

    Raises:
        CardError: the hub does not give them, they are others than the card says, or the disk is full.
    """
    remotes = _located(card, wanted)
    check_space(card, sum(_bytes_to_come(card, file, remote) for file, remote in remotes))
    for file, remote in remotes:
        at = f"{remote.repository} at {remote.commit[:COMMIT_SHOWN]}" if remote.is_on_hub else remote.repository
        say(f"{card.name}: {file.path}, {decimal(remote.size)} from {at}")
        partial = _partial(card, remote)
        twin = _twin(card, remote.sha256)
        if twin:
            take(twin[0] / twin[1], partial)
        else:
            download(remote, partial)
        revision = card.origin(file)[2]
        record = Record(remote.size, remote.sha256, remote.repository, revision, remote.commit, remote.source)
        place(card, file, Arrival(partial, record))
        if twin:
            remember_sha256(*twin, remote.sha256)  # a new link is a change of its times


def _located(card: ModelCard, wanted: Sequence[WeightFile]) -> list[tuple[WeightFile, RemoteFile]]:
    """Where each file lies: at the commit of what was fetched before of the same revision, else at its newest."""
    known = read_records(card.folder).values()
    commits = {(record.repository, record.revision): record.commit for record in known if record.commit}
    remotes = []
    for file in wanted:
        repository, source, revision = card.origin(file)
        if not repository:
            raise WeightsError(f"{problem_at_a_glance(card, file) or problem_of_content(card, file)}. {card.mending}")
        if file.url:
            remotes.append((file, RemoteFile(file.url, source, "", file.size, file.sha256)))
            continue
        remote = locate(repository, source, commits.get((repository, revision), revision))
        commits[repository, revision] = remote.commit
        _refuse_other(file, remote)
        remotes.append((file, remote))
    return remotes


def _refuse_other(file: WeightFile, remote: RemoteFile) -> None:
    """Before gigabytes come for nothing."""
    if file.sha256 and (remote.size != file.size or remote.sha256 not in ("", file.sha256)):
        raise FetchError(
            f"{remote.source} of {remote.repository} at {remote.commit[:COMMIT_SHOWN]} has {remote.size} bytes and the "
            f"SHA-256 {remote.sha256 or 'that only reading it tells'}; the card says {file.size} and {file.sha256}. "
            "Correct the card."
        )


def _partial(card: ModelCard, remote: RemoteFile) -> Path:
    return partial_path(card, f"{remote.commit[:COMMIT_SHOWN]}-{remote.repository}-{remote.source}")


def _bytes_to_come(card: ModelCard, file: WeightFile, remote: RemoteFile) -> int:
    """On the disk, while the file is fetched and, when it is a pickle, converted."""
    partial = _partial(card, remote)
    there = partial.stat().st_size if partial.exists() else 0
    return remote.size * (2 if file.is_converted else 1) - min(there, remote.size)


def _twin(card: ModelCard, sha256: str) -> tuple[Path, str] | None:
    """Folder and path of the same file of another card, undamaged: checkpoints share their base models."""
    for folder in card.folder.parent.iterdir() if sha256 else ():
        for path, record in read_records(folder).items():
            if record.sha256 == sha256 and (folder / path).is_file() and remembered_sha256(folder, path) == sha256:
                return folder, path
    return None
