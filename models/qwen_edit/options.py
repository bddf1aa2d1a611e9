"""The `network` table of a card of this family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from models.catalog import CardError, ModelCard
from models.fields import filled
from models.qwen_edit.pictures import Areas

POSITIONS = ("grid", "row")


@dataclass(frozen=True, slots=True)
class Options:
    """`negative_prompt`: what guidance leads away from. `text_positions`: see `reader.Reader`.

    `scheduler`: settings over those of the checkpoint's `scheduler/`.
    """

    negative_prompt: str = " "
    text_positions: str = "grid"
    areas: Areas = field(default_factory=Areas)
    scheduler: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.text_positions not in POSITIONS:
            raise ValueError(f"network.text_positions must be {' or '.join(POSITIONS)}, not {self.text_positions!r}")
        if min(self.areas.canvas, self.areas.glance) < 1:
            raise ValueError("network.areas must be pixels, at least one")

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """
        Raises:
            CardError: the table has another field, or a value that fits none.
        """
        table = dict(card.network)
        try:
            for name in ("areas", "scheduler"):
                if not isinstance(table.setdefault(name, {}), Mapping):
                    raise ValueError(f"network.{name} must be a table, not {table[name]!r}")
            areas = filled(Areas, "network.areas.", table.pop("areas"))
            return filled(cls, "network.", table | {"areas": areas})
        except ValueError as error:
            raise CardError(f"The model card {card.name} is malformed: {error}.") from error
