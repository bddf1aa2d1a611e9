"""The list of a folder's products, as `products.json` or `products.csv` tells it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

JSON, CSV = "products.json", "products.csv"
OF_VARIANT = {"variantId": "variantId", "variantTitle": "title", "variantImage": "image"}
OF_PRODUCT = ("productId", "title", "image", "category", "productType", "tags", "isWorn")


def read_csv(path: Path) -> dict[str, Any]:
    """What the same list says as JSON. A row is a product, or one variant of the product with the same `productId`.

    Cells may be empty: what a product's further rows leave out is as in its first. Tags are separated by commas.

    Raises:
        ValueError: a column is unknown, or the ids are missing.
        OSError: it cannot be read.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or ()
        if unknown := [str(name) for name in columns if name not in (*OF_PRODUCT, *OF_VARIANT)]:
            raise ValueError(f"the column {unknown[0]} is unknown. There are {', '.join((*OF_PRODUCT, *OF_VARIANT))}.")

        if missing := [name for name in ("productId", "title", "image") if name not in columns]:
            raise ValueError(f"the column {missing[0]} is missing.")
        return {"products": list(_products(rows))}


def _products(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        told = {name: value.strip() for name, value in row.items() if name and value and value.strip()}
        product = found.setdefault(told.get("productId", ""), {"variants": []})
        for name in OF_PRODUCT:
            if name in told:
                product.setdefault(name, _value(name, told[name]))
        if variant := {field: told[name] for name, field in OF_VARIANT.items() if name in told}:
            product["variants"].append({"title": variant.get("variantId", "")} | variant)
    return found.values()


def _value(name: str, text: str) -> Any:
    if name == "tags":
        return [tag.strip() for tag in text.split(",") if tag.strip()]
    return text
