"""What a generation needs of a product, and whoever can tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from inference.jobs import Category


@dataclass(frozen=True, slots=True)
class Garment:
    """`garment_key`: of its verified PNG in the store; `category`: None where nothing tells how it is worn."""

    garment_key: str
    category: Category | None
    is_worn: bool


class ProductSource(Protocol):
    """Knows the products of shops."""

    async def find(self, product_id: str, variant_id: str | None, shop: str = "") -> Garment | None:
        """The garment of a product, or of one of its own variants; None when there is no such product or variant.

        Raises:
            ProductNotFound: there is one, and the sentence says why it cannot be tried on.
            FetchError: it cannot be had just now.
        """
