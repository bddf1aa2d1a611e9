"""Model cards: one TOML file a checkpoint, read without torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

CARDS_FOLDER = Path(__file__).parent / "cards"

FAMILIES = {
    "paperdoll": "models.paperdoll.family:PaperDoll",
}
"""Family name -> import string of its `models.base.TryOnFamily`."""


class CardError(ValueError):
    """A card that is missing or malformed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a checkpoint. `size` in bytes; `sha256` in lowercase hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Licence:
    """Licences of code and weights apart (SPDX names), and whether a shop may earn money with them."""

    code: str
    weights: str
    commercial: str  # "yes", "no" or "grey"
    reason: str

    def __post_init__(self) -> None:
        if self.commercial not in ("yes", "no", "grey"):
            raise ValueError(f"licence.commercial must be yes, no or grey, not {self.commercial!r}")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a checkpoint is, where its files lie, and how it is sampled by default. Sizes in pixels."""

    name: str
    title: str
    family: str
    description: str
    licence: Licence
    files: tuple[WeightFile, ...]
    height: int
    width: int
    num_inference_steps: int
    guidance_scale: float
    categories: tuple[str, ...]
    notice: str = ""  # shown beside every picture, in a sentence for shoppers
    folder: Path = field(default_factory=Path)  # where the files lie

    @property
    def mending(self) -> str:
        """What to do when the files are missing or damaged."""
        if self.folder.is_relative_to(CARDS_FOLDER.parent):
            return f"Restore them with: git checkout -- {self.folder}"
        return f"Copy the files of {self.name} into {self.folder} again."

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"unknown family {self.family!r}; known: {', '.join(sorted(FAMILIES))}")


def card_names() -> list[str]:
    """The cards that ship, by name."""
    return sorted(path.stem for path in CARDS_FOLDER.glob("*.toml"))


def load_card(name: str, weights: Path | None = None) -> ModelCard:
    """The card that ships under `name`; its files lie in `weights / name` where there is such a folder.

    Raises:
        CardError: there is no such card, or it is malformed.
    """
    path = CARDS_FOLDER / f"{name}.toml"
    if name not in card_names():
        raise CardError(f"There is no model card {name!r}. Known cards: {', '.join(card_names())}.")
    try:
        card = parse_card(name, tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, TypeError, ValueError, KeyError) as error:
        raise CardError(f"The model card {path} is malformed: {error}.") from error
    return replace(card, folder=weights / name) if weights and (weights / name).is_dir() else card


def parse_card(name: str, table: dict[str, object]) -> ModelCard:
    """A card from its TOML table; unknown and missing fields are `TypeError`s that name them."""
    fields = dict(table)
    licence = fields.pop("licence")
    files = fields.pop("files")
    categories = fields.pop("categories")
    folder = (CARDS_FOLDER / str(fields.pop("folder"))).resolve()
    if not isinstance(licence, dict) or not isinstance(files, list) or not isinstance(categories, list):
        raise TypeError("licence must be a table, files an array of tables, categories an array")
    return ModelCard(
        name=name,
        licence=Licence(**licence),
        files=tuple(WeightFile(**entry) for entry in files),
        categories=tuple(categories),
        folder=folder,
        **fields,  # type: ignore[arg-type]
    )
