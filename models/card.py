"""What a checkpoint is: a leaf that imports no torch."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from models.categories import CATEGORIES
from models.exactness import NONE, Approximations
from models.licence import Licence
from models.registry import FAMILIES, HELPERS, JUDGES
from models.switches import AUTO, Switches

CARDS_FOLDER = Path(__file__).parent / "cards"

NEEDS = ("mask", "pose", "densepose", "parsing", "category", "prompt")
PLACEMENTS = ("device", "offload", "balanced")
PRECISIONS = ("float64", "float32", "bfloat16", "float16")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SHA256 = re.compile(r"([0-9a-f]{64})?")
SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")  # of a network that lies in several files
RECORDS = "fetched.json"  # beside the files, what `fetch` wrote down of them


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a checkpoint. `path` below the card's folder; `size` in bytes; `sha256` in lowercase hex.

    Without `sha256`, the size is an estimate, and both are recorded when the file is first fetched and checked after.
    `repository`, `revision` and `source` say where it lies on the hub, when the card's own do not; `url`, that it lies
    elsewhere: what lies there is only taken for what it should be by its SHA-256.
    """

    path: str
    size: int
    sha256: str = ""
    repository: str = ""
    revision: str = ""
    source: str = ""  # its path in the repository; `path` when empty
    url: str = ""

    def __post_init__(self) -> None:
        path, source = PurePosixPath(self.path), PurePosixPath(self.source)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"files.path must lie below the card's folder, not {self.path!r}")
        if not path.name or any(part.startswith(".") for part in path.parts) or str(path) == RECORDS:
            raise ValueError(f"files.path must be another name than {self.path!r}")
        if source.is_absolute() or ".." in source.parts:
            raise ValueError(f"files.source must lie in the repository, not {self.source!r}")
        if not SHA256.fullmatch(self.sha256):
            raise ValueError(f"files.sha256 must be 64 lowercase hex digits or nothing, not {self.sha256!r}")
        if self.url and not (self.url.startswith("https://") and self.sha256 and not self.repository):
            raise ValueError("files.url must begin with https:// and goes with a sha256, without a repository")

    @property
    def is_converted(self) -> bool:
        """Whether it lies on the hub in another format; `size` and `sha256` are then those of the hub's file."""
        return bool(self.source) and PurePosixPath(self.source).suffix != PurePosixPath(self.path).suffix


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank weights that are merged into a network when it is loaded: `W + scale * B A`."""

    file: str  # the `path` of one of the card's files
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise ValueError(f"loras.scale must be a number, not {self.scale}")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a checkpoint is, where its files lie, and how it is sampled by default. Sizes in pixels."""

    name: str
    title: str
    family: str
    description: str
    licence: Licence
    files: tuple[WeightFile, ...]
    height: int = 0  # of the model's canvas; 0 for helpers, as the next four
    width: int = 0
    num_inference_steps: int = 0
    guidance_scale: float = 0.0
    categories: tuple[str, ...] = ()
    precision: str = "float32"
    needs: tuple[str, ...] = ()
    tflop_per_picture: float = 0.0  # at the card's defaults, as `fitting-room flops` counts
    repository: str = ""  # on the hub; none when the files ship with the code
    revision: str = ""
    loras: tuple[Lora, ...] = ()
    network: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # the family's own table
    prompts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # category -> prompt
    approximations: Approximations = NONE  # that are on unless a request says otherwise
    acceleration: Switches = AUTO
    strict: bool = False  # refuse whatever is approximate
    placement: str = "device"  # where weights lie: there, on the host (`offload`), or on several GPUs (`balanced`)
    helpers: tuple[ModelCard, ...] = ()
    optional_helpers: tuple[ModelCard, ...] = ()  # those whose licence is accepted, fetched or not
    left_out_helpers: tuple[ModelCard, ...] = ()  # the other optional ones
    notice: str = ""  # shown beside every picture, in a sentence for shoppers
    folder: Path = field(default_factory=Path)  # where the files lie
    given: str = ""  # what names it on the command line, when that is not its name but its file

    def __post_init__(self) -> None:
        if self.family not in (known := {**FAMILIES, **HELPERS, **JUDGES}):
            raise ValueError(f"unknown family {self.family!r}; known: {', '.join(sorted(known))}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}")
        if self.placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}, not {self.placement!r}")
        if unknown := set(self.needs) - set(NEEDS):
            raise ValueError(f"needs knows {', '.join(NEEDS)}, not {', '.join(sorted(unknown))}")
        paths = [file.path for file in self.files]
        if twice := {path for path in paths if paths.count(path) > 1}:
            raise ValueError(f"files has several with the path {', '.join(sorted(twice))}")
        if unknown := {lora.file for lora in self.loras} - set(paths):
            raise ValueError(f"loras name files that the card does not list: {', '.join(sorted(unknown))}")
        for repository in {self.repository, *(file.repository for file in self.files)} - {""}:
            if not REPOSITORY.fullmatch(repository):
                raise ValueError(f"repository must be organisation/name, not {repository!r}")
        if missing := _missing_shards(paths):
            raise ValueError(f"files lacks {missing[0]}, which belongs to those that it lists")
        if not (self.guidance_scale >= 0 and math.isfinite(self.guidance_scale)):
            raise ValueError(f"guidance_scale must be a number from 0 up, not {self.guidance_scale}")
        if unknown := set(self.categories) - set(CATEGORIES):
            raise ValueError(f"categories knows {', '.join(CATEGORIES)}, not {', '.join(sorted(unknown))}")
        for helper in (*self.helpers, *self.optional_helpers, *self.left_out_helpers):
            if helper.family not in HELPERS:
                raise ValueError(f"helpers prepare pictures, which {helper.name} does not")
        if self.strict and self.acceleration.quantisation != "none":
            raise ValueError("strict refuses acceleration.quantisation: take one of them out")
        if self.strict and self.approximations.asked:
            raise ValueError("strict refuses approximations: take the table or strict out")
        if (self.approximations.num_inference_steps or 0) > self.num_inference_steps:
            raise ValueError(f"approximations.num_inference_steps must be at most {self.num_inference_steps}")
        if not self.is_helper and not (self.categories and min(self.height, self.width, self.num_inference_steps) > 0):
            raise ValueError("height, width, num_inference_steps and categories are required")

    @property
    def is_helper(self) -> bool:
        """Whether it makes no try-ons itself: it prepares pictures for one that does, or judges them."""
        return self.family not in FAMILIES

    @property
    def is_shipped(self) -> bool:
        """Whether its files come with the code or are somebody's own, not from the hub."""
        return not any(self.origin(file)[0] for file in self.files)

    @property
    def is_fetched(self) -> bool:
        """Whether every file is there; what is in them, loading checks."""
        return all((self.folder / file.path).is_file() for file in self.files)

    @property
    def mending(self) -> str:
        """What to do when the files are missing or damaged."""
        if not self.is_shipped:
            return f"Fetch what is missing with: {self.fetching}"
        if self.folder.is_relative_to(CARDS_FOLDER.parent):
            return f"Restore them with: git checkout -- {self.folder}"
        return f"Copy the files of {self.name} into {self.folder} again, then run: {self.fetching}"

    @property
    def correcting(self) -> str:
        """What to do when the files are undamaged, and not what the network needs."""
        if self.folder.is_relative_to(CARDS_FOLDER.parent):
            return self.mending
        return (
            "The files are those that the card asks for, and to fetch them again changes nothing: correct the files, "
            f"the family or the [network] of {self.given or CARDS_FOLDER / f'{self.name}.toml'}"
        )

    @property
    def fetching(self) -> str:
        """The command that fetches it."""
        accepting = f" --accept-licence {shlex.quote(self.name)}" if self.licence.restricted else ""
        return f"fitting-room fetch {shlex.quote(self.given or self.name)}{accepting}"

    def path(self, file: str) -> Path:
        """Where one of its files lies."""
        return self.folder / file

    def origin(self, file: WeightFile) -> tuple[str, str, str]:
        """Where one of its files lies: repository on the hub, or a URL, or nothing; path in it; and revision."""
        if file.url:
            return file.url, file.source or file.path, ""
        own_revision = self.revision if file.repository in ("", self.repository) else ""
        return (
            file.repository or self.repository,
            file.source or file.path,
            file.revision or own_revision or "main",
        )


def _missing_shards(paths: Sequence[str]) -> list[str]:
    """Those of networks of which other shards are among `paths`."""
    shards = [match.groups() for path in paths if (match := SHARD.fullmatch(path))]
    wanted = {
        f"{stem}-{number:05}-of-{total}{suffix}"
        for stem, _, total, suffix in shards
        for number in range(1, int(total) + 1)
    }
    return sorted(wanted - set(paths))
