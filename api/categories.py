"""How a garment is worn, told from what a shop says of its product."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from inference.jobs import Category

WORDS: dict[Category, str] = {
    "upper": "blazer blouse bodysuit camisole cardigan coat hoodie jacket jersey jumper kimono outerwear parka polo "
    "pullover shirt sweater sweatshirt tank tee top tshirt tunic turtleneck vest waistcoat",
    "lower": "bottom chino culotte jean jogger legging pant shorts skirt skort slacks sweatpant tights trouser",
    "overall": "bodycon coverall dress dungaree gown jumpsuit onesie overalls pinafore playsuit romper sundress",
}
CATEGORY_OF: dict[str, Category] = {word: category for category, words in WORDS.items() for word in words.split()}


def category_of(product_type: str, tags: Iterable[str], mapping: Mapping[str, Category]) -> Category | None:
    """The category of a product by its type, else by its first telling tag; None when nothing tells.

    The shop's own `mapping` (of whole types and tags, in any case) goes before what is known of English words.
    """
    texts = [product_type, *tags]
    own = {text.casefold(): category for text, category in mapping.items()}
    told = [own[text.casefold()] for text in texts if text.casefold() in own]
    told += [category for text in texts if (category := _by_words(text)) is not None]
    return told[0] if told else None


def _by_words(text: str) -> Category | None:
    """By the last known word, as English has it: a shirt dress is a dress, and a dress shirt a shirt."""
    words = re.findall(r"[a-z]+", text.casefold().replace("t-shirt", "tshirt"))
    known = [CATEGORY_OF.get(word) or CATEGORY_OF.get(_singular(word)) for word in words]
    return next((category for category in reversed(known) if category), None)


def _singular(word: str) -> str:
    if word.endswith("sses"):
        return word.removesuffix("es")
    return word.removesuffix("s")
