"""Model cards: one TOML file a checkpoint, read without torch, and the gate of its licence."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.card import CARDS_FOLDER, Lora, ModelCard, WeightFile
from models.exactness import Approximations
from models.fields import filled
from models.licence import Licence
from models.registry import APPROXIMATIONS, FAMILIES, HELPERS, JUDGES
from models.switches import Switches

__all__ = [
    "APPROXIMATIONS",
    "CARDS_FOLDER",
    "FAMILIES",
    "HELPERS",
    "JUDGES",
    "CardError",
    "Licence",
    "LicenceError",
    "Lora",
    "ModelCard",
    "WeightFile",
    "card_names",
    "is_accepted",
    "load_card",
    "name_of",
    "read_card",
]

TABLES = ("licence", "acceleration", "approximations", "network", "prompts")
LISTS_OF_TABLES = ("files", "loras")
LISTS_OF_TEXTS = ("categories", "needs", "helpers", "optional_helpers")

logger = logging.getLogger(__name__)


class CardError(ValueError):
    """A card that is missing or malformed; the message says what to do."""


class LicenceError(CardError):
    """A card whose licence the operator has not accepted; the message says which part is restricted."""


def card_names() -> list[str]:
    """The cards that ship, by name."""
    return sorted(path.stem for path in CARDS_FOLDER.glob("*.toml"))


def name_of(card: str) -> str:
    """The name under which jobs wait for a card: its own, or that of its file."""
    return Path(card).stem if _is_path(card) else card


def read_card(card: str, weights: Path | None = None, accepted: Iterable[str] = ()) -> ModelCard:
    """The card that ships under a name, or of a `.toml` file; whatever its licence.

    Its files lie in its own `folder` when it has one, else in `weights / name`. `accepted` is as for `load_card`, and
    parts the optional helpers.

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
    for helper in loaded.left_out_helpers:
        logger.info("%s works without %s, whose licence is not accepted", loaded.name, helper.name)
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
    _check_kinds(table)
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
    fields["approximations"] = _approximations(fields.get("approximations", {}))
    for key in ("network", "prompts"):
        fields[key] = MappingProxyType(dict(fields.get(key, {})))
    return filled(
        ModelCard,
        "",
        fields
        | {
            "name": path.stem,
            "acceleration": filled(Switches, "acceleration.", fields.get("acceleration", {})),
            "licence": filled(Licence, "licence.", licence),
            "files": tuple(filled(WeightFile, "files.", entry) for entry in fields.get("files", ())),
            "loras": tuple(filled(Lora, "loras.", entry) for entry in fields.get("loras", ())),
            "helpers": tuple(helpers),
            "optional_helpers": tuple(card for card in optional if is_accepted(card, accepted)),
            "left_out_helpers": tuple(card for card in optional if not is_accepted(card, accepted)),
            "folder": fetched if folder is None or fetched.is_dir() else folder,
            "given": "" if path.parent == CARDS_FOLDER else str(path),
        },
    )


def _check_kinds(table: Mapping[str, Any]) -> None:
    """Tables and lists; plain fields are looked at where they are filled in."""
    for name in TABLES:
        if not isinstance(table.get(name, {}), dict):
            raise ValueError(f"{name} must be a table that [{name}] begins, not {table[name]!r}")
    for name in LISTS_OF_TABLES:
        if not _is_list(table.get(name, []), dict):
            raise ValueError(f"{name} must be tables that [[{name}]] begins, not {table[name]!r}")
    for name in LISTS_OF_TEXTS:
        if not _is_list(table.get(name, []), str):
            raise ValueError(f"{name} must be a list of texts, not {table[name]!r}")


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _approximations(table: Mapping[str, Any]) -> Approximations:
    try:
        return Approximations.of(table)
    except ValueError as error:
        raise ValueError(f"approximations.{error}") from error


def _beside(path: Path, name: str) -> str:
    """A helper that is named by a file lies beside the card that names it."""
    return str(path.parent / Path(name).expanduser()) if _is_path(name) else name
