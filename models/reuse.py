"""What a family remembers between requests: under which key, and what the key holds, so that a hit equals a miss."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import torch

from models.card import ModelCard, WeightFile
from models.files.checking import expectation

T = TypeVar("T")

LIBRARIES = ("torch", "diffusers", "transformers", "accelerate", "numpy", "pillow")
"""Whose versions decide the bits of what is remembered."""

TOLD = frozenset({"folder", "given", "title", "description", "notice", "licence", "files", "tflop_per_picture"})
"""Fields of a card that are for people, or are taken account of otherwise."""


class Kind(StrEnum):
    """What is remembered. Photographs and garments are prepared pictures, which stay on the host."""

    PHOTOGRAPH = "photographs"
    GARMENT = "garments"
    TEXT = "texts"
    LATENTS = "latents"
    FEATURES = "features"
    READING = "readings"  # of an instruction together with its pictures

    @property
    def is_for_device(self) -> bool:
        return self not in (Kind.PHOTOGRAPH, Kind.GARMENT)


@dataclass(frozen=True, slots=True)
class Key:
    """`name`: a digest of everything that the bits depend on; `persons`: digests of the photographs that show in it."""

    kind: Kind
    name: str
    persons: tuple[str, ...] = ()


class Store(Protocol):
    """Where things are kept; `inference.reuse.Reuse`. What depends on a person is not kept on the disk, nor long."""

    def remembered(self, key: Key, compute: Callable[[], T]) -> T:
        """What is under `key`, on the device if its kind is for it; computed, once by several threads, if not there."""

    def kept(self, key: Key) -> Any | None:
        """What is under `key`, wherever it lies."""

    def keep(self, key: Key, value: Any, *, whole_bytes: int | None = None) -> None:
        """Keep `value`, of tensors, arrays, and tuples and dataclasses of such and of plain values.

        `whole_bytes`: what it will take when it has grown, if it is to grow.
        """

    def has_room(self, kind: Kind, num_bytes: int) -> bool:
        """Whether anything so large would be kept in memory at all."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A family's way to the store. `identity`: of all that its results depend on besides the pictures."""

    store: Store | None
    identity: str

    @classmethod
    def of(cls, store: Store | None, card: ModelCard, device: torch.device, *others: object) -> Self:
        """`others`: what else decides the bits, in plain values: the precision, say."""
        return cls(store, identity_of(card, device, *others) if store is not None else "")

    @classmethod
    def nowhere(cls) -> Self:
        """Remembers nothing."""
        return cls(None, "")

    def key(self, kind: Kind, *depends_on: object, persons: Sequence[str] = ()) -> Key:
        """`depends_on`: plain values that say everything of the request that the bits depend on."""
        return Key(kind, _digest(self.identity, kind.value, *depends_on), tuple(persons))

    def remembered(self, key: Key, compute: Callable[[], T]) -> T:
        return compute() if self.store is None else self.store.remembered(key, compute)


def identity_of(card: ModelCard, device: torch.device, *others: object) -> str:
    """Of a card's weights, settings and helpers, the code, its libraries, and the machine, as one digest."""
    return _digest(_card(card), code_identity(), machine_identity(device), *others)


def files_identity(card: ModelCard, *folders: str) -> str:
    """Of the card's files below some of its folders, whether they are there or not."""
    return _digest([_file(card, file) for file in card.files if file.path.startswith(folders)])


@cache
def code_identity() -> str:
    """Of the source of all models, and of the libraries' versions."""
    folder = Path(__file__).parent
    sources = [(str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*.py"))]
    return _digest(sources, [version(library) for library in LIBRARIES])


def machine_identity(device: torch.device) -> str:
    """What of a machine decides in which order it sums."""
    if device.type == "cuda":
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        return f"{torch.cuda.get_device_name(device)} {torch.version.cuda} {cudnn}"
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()}"


def _card(card: ModelCard) -> list[object]:
    told = TOLD | {"helpers", "optional_helpers", "left_out_helpers"}
    own = [(field.name, str(getattr(card, field.name))) for field in fields(card) if field.name not in told]
    helpers = [(helper.is_fetched, _card(helper)) for helper in (*card.helpers, *card.optional_helpers)]
    return [own, helpers, [_file(card, file) for file in card.files]]


def _file(card: ModelCard, file: WeightFile) -> tuple[object, ...]:
    """As it was recorded, or else as it lies there."""
    if known := expectation(card, file):
        return (file.path, *known)
    path = card.path(file.path)
    if not path.is_file():
        return (file.path, "missing")
    status = path.stat()
    return (file.path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
