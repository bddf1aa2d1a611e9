"""Model cards: one TOML file a checkpoint, read without torch, and the gate of its licence."""

from __future__ import annotations

import logging
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from models.fields import filled

CARDS_FOLDER = Path(__file__).parent / "cards"

FAMILIES = {
    "paperdoll": "models.paperdoll.family:PaperDoll",
    "fashn_vton": "models.fashn_vton.family:FashnVton",
    "flux2_klein": "models.flux2_klein.family:Flux2Klein",
    "qwen_edit": "models.qwen_edit.family:QwenEdit",
    "sd_inpaint": "models.sd_inpaint.family:SdInpaint",
}
"""Family name -> import string of its `models.base.TryOnFamily`."""

HELPERS = {
    "dwpose": "models.preprocess.dwpose:DWPose",
    "segformer": "models.preprocess.segformer:SegFormer",
    "sam": "models.preprocess.sam:Sam",
}
"""Helper name -> import string of the network that prepares pictures for families."""

NEEDS = ("mask", "pose", "densepose", "parsing", "category", "prompt")
PRECISIONS = ("float64", "float32", "bfloat16", "float16")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
LICENCE_PARTS = ("code", "weights", "base", "helpers")

logger = logging.getLogger(__name__)


class CardError(ValueError):
    """A card that is missing or malformed; the message says what to do."""


class LicenceError(CardError):
    """A card whose licence the operator has not accepted; the message says which part is restricted."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a checkpoint. `path` below the card's folder; `size` in bytes; `sha256` in lowercase hex.

    Without `sha256`, the size is an estimate, and both are recorded when the file is first fetched and checked after.
    `repository`, `revision` and `source` say where it lies on the hub, when the card's own do not.
    """

    path: str
    size: int
    sha256: str = ""
    repository: str = ""
    revision: str = ""
    source: str = ""  # its path in the repository; `path` when empty

    def __post_init__(self) -> None:
        if PurePosixPath(self.path).is_absolute() or ".." in PurePosixPath(self.path).parts:
            raise ValueError(f"files.path must lie below the card's folder, not {self.path!r}")

    @property
    def is_converted(self) -> bool:
        """Whether it lies on the hub in another format; `size` and `sha256` are then those of the hub's file."""
        return bool(self.source) and PurePosixPath(self.source).suffix != PurePosixPath(self.path).suffix


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank weights that are merged into a network when it is loaded: `W + scale * B A`."""

    file: str  # the `path` of one of the card's files
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Licence:
    """Licences of each part (SPDX names where there are any), and whether a shop may earn money with them.

    `restricted` names the parts that forbid it: any of code, weights, base, helpers.
    """

    code: str
    weights: str
    commercial: str  # "yes", "no" or "grey"
    reason: str
    base: str = ""  # of the model that the weights were made from
    helpers: str = ""  # of the networks that prepare its pictures
    restricted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.commercial not in ("yes", "no", "grey"):
            raise ValueError(f"licence.commercial must be yes, no or grey, not {self.commercial!r}")
        if unknown := set(self.restricted) - set(LICENCE_PARTS):
            raise ValueError(f"licence.restricted knows {', '.join(LICENCE_PARTS)}, not {', '.join(sorted(unknown))}")
        if (self.commercial == "no") != bool(self.restricted):
            raise ValueError("licence.restricted names the parts that forbid commercial use, and only when it is no")

    @property
    def restrictions(self) -> dict[str, str]:
        """Restricted part -> its licence."""
        return {part: getattr(self, part) for part in self.restricted}


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
    helpers: tuple[ModelCard, ...] = ()
    optional_helpers: tuple[ModelCard, ...] = ()  # those whose licence is accepted, fetched or not
    notice: str = ""  # shown beside every picture, in a sentence for shoppers
    folder: Path = field(default_factory=Path)  # where the files lie
    given: str = ""  # what names it on the command line, when that is not its name but its file

    def __post_init__(self) -> None:
        if self.family not in FAMILIES and self.family not in HELPERS:
            raise ValueError(f"unknown family {self.family!r}; known: {', '.join(sorted({**FAMILIES, **HELPERS}))}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}")
        if unknown := set(self.needs) - set(NEEDS):
            raise ValueError(f"needs knows {', '.join(NEEDS)}, not {', '.join(sorted(unknown))}")
        if unknown := {lora.file for lora in self.loras} - {file.path for file in self.files}:
            raise ValueError(f"loras name files that the card does not list: {', '.join(sorted(unknown))}")
        for repository in {self.repository, *(file.repository for file in self.files)} - {""}:
            if not REPOSITORY.fullmatch(repository):
                raise ValueError(f"repository must be organisation/name, not {repository!r}")
        if not self.is_helper and not (self.categories and min(self.height, self.width, self.num_inference_steps) > 0):
            raise ValueError("height, width, num_inference_steps and categories are required")

    @property
    def is_helper(self) -> bool:
        return self.family in HELPERS

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
            return f"Fetch what is missing with: fitting-room fetch {shlex.quote(self.given or self.name)}"
        if self.folder.is_relative_to(CARDS_FOLDER.parent):
            return f"Restore them with: git checkout -- {self.folder}"
        named = shlex.quote(self.given or self.name)
        return f"Copy the files of {self.name} into {self.folder} again, then run: fitting-room fetch {named}"

    def path(self, file: str) -> Path:
        """Where one of its files lies."""
        return self.folder / file

    def origin(self, file: WeightFile) -> tuple[str, str, str]:
        """Where one of its files lies on the hub: repository, path in it, and revision; the first may be empty."""
        own_revision = self.revision if file.repository in ("", self.repository) else ""
        return (
            file.repository or self.repository,
            file.source or file.path,
            file.revision or own_revision or "main",
        )


def card_names() -> list[str]:
    """The cards that ship, by name."""
    return sorted(path.stem for path in CARDS_FOLDER.glob("*.toml"))


def name_of(card: str) -> str:
    """The name under which jobs wait for a card: its own, or that of its file."""
    return Path(card).stem if _is_path(card) else card


def read_card(card: str, weights: Path | None = None, accepted: Iterable[str] = ()) -> ModelCard:
    """The card that ships under a name, or of a `.toml` file; whatever its licence.

    Its files lie in its own `folder` when it has one, else in `weights / name`. `accepted` is as for `load_card`:
    optional helpers whose licence is not accepted are left out.

    Raises:
        CardError: there is no such card, or it is malformed.
    """
    path = Path(card).expanduser() if _is_path(card) else CARDS_FOLDER / f"{card}.toml"
    if not _is_path(card) and card not in card_names():
        raise CardError(
            f"There is no model card {card!r}. Known cards: {', '.join(card_names())}; or name a .toml file."
        )
    try:
        table = tomllib.loads(path.read_text())
        card_read = _parsed(path, table, weights, frozenset(accepted))
    except OSError as error:
        raise CardError(f"The model card {path} cannot be read: {error.strerror}.") from error
    except CardError:
        raise
    except (AttributeError, tomllib.TOMLDecodeError, TypeError, ValueError, KeyError) as error:
        raise CardError(f"The model card {path} is malformed: {error}.") from error
    return card_read


def load_card(card: str, weights: Path | None = None, accepted: Iterable[str] = ()) -> ModelCard:
    """`read_card`, for use: `accepted` names the cards or licences that the operator accepts.

    Raises:
        CardError: there is no such card, or it is malformed.
        LicenceError: it, or a helper that it cannot do without, forbids commercial use and is not accepted.
    """
    accepted = frozenset(accepted)
    loaded = read_card(card, weights, accepted)
    for one in (loaded, *loaded.helpers):
        if not is_accepted(one, accepted):
            raise LicenceError(_refusal(one))
    if loaded.licence.commercial == "grey":
        logger.warning("%s: whether it may be used commercially is unclear: %s", loaded.name, loaded.licence.reason)
    return loaded


def is_accepted(card: ModelCard, accepted: Iterable[str]) -> bool:
    """Whether nothing in the card is restricted, or it or each of its restricted licences is named."""
    accepted = set(accepted)
    return card.name in accepted or set(card.licence.restrictions.values()) <= accepted


def _refusal(card: ModelCard) -> str:
    parts = " and ".join(f"its {part} ({licence})" for part, licence in card.licence.restrictions.items())
    return (
        f"{card.name} may not be used commercially because of {parts}: {card.licence.reason} "
        f"If your use is allowed, say so with: --accept-licence {card.name}"
    )


def _is_path(card: str) -> bool:
    return card.endswith(".toml")


def _parsed(path: Path, table: Mapping[str, Any], weights: Path | None, accepted: frozenset[str]) -> ModelCard:
    """A card from its TOML table; fields that are unknown, missing or of another type are `ValueError`s naming them."""
    fields = dict(table)
    if not fields.get("files"):
        raise ValueError("files is missing: each is a [[files]] table")
    licence = dict(fields.pop("licence", {}))
    licence["restricted"] = tuple(licence.get("restricted", ()))
    helpers, optional = (
        [read_card(_beside(path, name), weights, accepted) for name in fields.pop(key, ())]
        for key in ("helpers", "optional_helpers")
    )
    own_folder = fields.pop("folder", None)
    folder = (path.parent / own_folder).resolve() if own_folder else None
    fetched = (weights or Path("weights")) / path.stem
    for key in ("categories", "needs"):
        fields[key] = tuple(fields.get(key, ()))
    for key in ("network", "prompts"):
        fields[key] = MappingProxyType(dict(fields.get(key, {})))
    return filled(
        ModelCard,
        "",
        fields
        | {
            "name": path.stem,
            "licence": filled(Licence, "licence.", licence),
            "files": tuple(filled(WeightFile, "files.", entry) for entry in fields.get("files", ())),
            "loras": tuple(filled(Lora, "loras.", entry) for entry in fields.get("loras", ())),
            "helpers": tuple(helpers),
            "optional_helpers": tuple(card for card in optional if is_accepted(card, accepted)),
            "folder": fetched if folder is None or fetched.is_dir() else folder,
            "given": "" if path.parent == CARDS_FOLDER else str(path),
        },
    )


def _beside(path: Path, name: str) -> str:
    """A helper that is named by a file lies beside the card that names it."""
    return str(path.parent / Path(name).expanduser()) if _is_path(name) else name
