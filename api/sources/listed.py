"""A product, or one variant of it, as its shop lists it: what was asked of Shopify, and is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from api.categories import category_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from inference.jobs import Category

FOR_SALE = ("ACTIVE", "UNLISTED")
NOT_FOR_SALE = {
    "DRAFT": "This product is a draft: it can be tried on when the shop has published it.",
    "ARCHIVED": "This product is archived: the shop no longer sells it.",
}
NO_PICTURE = "This product has no picture yet, so it cannot be tried on."


@dataclass(frozen=True, slots=True)
class Listed:
    """`product_id`: its own, or of the product that a variant is of. `picture`: the URL of the best, `""` for none."""

    product_id: str
    title: str
    picture: str = ""
    status: str = "ACTIVE"
    product_type: str = ""
    taxonomy: str = ""  # Shopify's own category, from the widest to the narrowest
    tags: tuple[str, ...] = ()
    width: int = 0  # pixels of the picture, 0 where it was not told
    height: int = 0

    @property
    def problem(self) -> str:
        """Why it cannot be tried on, if it cannot; whether it has a picture is not looked at."""
        if self.status in FOR_SALE:
            return ""
        return NOT_FOR_SALE.get(self.status, "This product is not for sale.")

    def category(self, mapping: Mapping[str, Category]) -> Category | None:
        """How it is worn, if anything tells: the type, the taxonomy, then the tags."""
        return category_of(self.product_type, (self.taxonomy, *self.tags), mapping)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        return cls(**found | {"tags": tuple(found["tags"])})
