"""The `network` table of a card of this family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from models.catalog import CardError, ModelCard
from models.fields import filled
from models.settings import settings_of

INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class Options:
    """`is_distilled`: whether guidance is built into the weights, so that asking for it changes nothing."""

    is_distilled: bool

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """As the card says, else the checkpoint's `model_index.json` where it is there; else it is not distilled.

        Raises:
            CardError: the table has another field, or a value that is neither true nor false.
        """
        table = dict(card.network)
        if "is_distilled" not in table:
            listed = any(file.path == INDEX for file in card.files) and card.path(INDEX).is_file()
            table["is_distilled"] = bool(listed and settings_of(card, INDEX).get("is_distilled", False))
        try:
            options = filled(cls, "network.", table)
        except ValueError as error:
            raise CardError(f"The model card {card.name} is malformed: {error}.") from error
        if not isinstance(options.is_distilled, bool):
            raise CardError(f"The model card {card.name} is malformed: network.is_distilled must be true or false.")
        return options
