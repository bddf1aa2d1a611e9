"""A folder that files are taken from instead of the hub: another machine's weights, or a copy of repositories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from models.catalog import ModelCard, WeightFile
from models.files.checking import other_origin
from models.files.hub import FetchError
from models.files.placing import Arrival, check_space, partial_path, place, take
from models.files.records import Record, read_records


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a mirror, and its record there when the mirror is a weights folder."""

    path: Path
    record: Record | None = None
    is_source: bool = True  # as it lies on the hub, not yet converted


def find(folder: Path, card: ModelCard, file: WeightFile) -> Found | None:
    """Where a mirror has a file. Three layouts are known, and may be mixed:

    - a weights folder, as `fetch` fills it: `CARD/path`, with its record beside it;
    - a folder for each repository: `organisation/name/path-in-the-repository`;
    - the cache of huggingface_hub (`~/.cache/huggingface/hub`).

    A file that lies elsewhere than on the hub is looked for under its own name.
    """
    fetched = folder / card.name / file.path
    if fetched.is_file():
        record = read_records(folder / card.name).get(file.path)
        return Found(fetched, record, is_source=not file.is_converted)
    repository, source, revision = card.origin(file)
    if not repository:
        return None
    copied = folder / source if file.url else folder / repository / source
    if copied.is_file():
        return Found(copied)
    if file.url:
        return None
    cached = try_to_load_from_cache(repository, source, cache_dir=folder, revision=revision)
    return Found(Path(cached)) if isinstance(cached, str) else None


def from_mirror(card: ModelCard, wanted: Sequence[WeightFile], folder: Path, say: Callable[[str], None]) -> None:
    """Link or copy the wanted files of one card out of a folder; the network is not asked.

    Raises:
        CardError: the folder lacks some, they are others than the card or their record says, or the disk is full.
    """
    found = [(file, find(folder, card, file)) for file in wanted]
    if missing := [file.path for file, there in found if there is None]:
        raise FetchError(
            f"{folder} has no {', '.join(missing)} of {card.name}. They are looked for as {card.name}/PATH, as "
            "ORGANISATION/NAME/PATH, and in a Hugging Face cache."
        )
    there = [(file, one) for file, one in found if one]
    for file, one in there:
        if other := other_origin(card, file, one.record):
            raise FetchError(f"{one.path} is from {other}.")
    is_linked = card.folder.stat().st_dev == folder.stat().st_dev
    check_space(card, 0 if is_linked else sum(one.path.stat().st_size for _, one in there))
    for file, one in there:
        repository, source, revision = card.origin(file)
        say(f"{card.name}: {file.path} from {one.path}")
        record = replace(one.record or Record(0, ""), repository=repository, revision=revision, source=source)
        if one.is_source and file.is_converted:
            place(card, file, Arrival(one.path, record, is_ours=False))
            continue
        partial = partial_path(card, file.path)
        take(one.path, partial)
        place(card, file, Arrival(partial, record, is_source=one.is_source))
