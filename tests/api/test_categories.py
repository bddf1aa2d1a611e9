"""How a garment is worn, from what shops say."""

from __future__ import annotations

import pytest

from api.categories import category_of


@pytest.mark.parametrize(
    ("product_type", "category"),
    [
        ("T-Shirts", "upper"),
        ("tshirt", "upper"),
        ("Women's Tops", "upper"),
        ("Dresses", "overall"),
        ("Shirt dress", "overall"),
        ("Dress shirt", "upper"),
        ("Dress pants", "lower"),
        ("SKIRTS", "lower"),
        ("Jeans > Slim", "lower"),
        ("Legging", "lower"),
        ("Men's trouser", "lower"),
        ("Chinos", "lower"),
        ("Short sleeves", None),
        ("Jumpsuits & Rompers", "overall"),
        ("Mug", None),
        ("Topaz ring", None),
        ("", None),
    ],
)
def test_a_product_type_tells_how_it_is_worn(product_type: str, category: str | None) -> None:
    assert category_of(product_type, (), {}) == category


def test_tags_tell_when_the_type_does_not() -> None:
    assert category_of("Summer 26", ("linen", "wide trousers"), {}) == "lower"


def test_the_type_goes_before_the_tags() -> None:
    assert category_of("Blouse", ("goes with jeans",), {}) == "upper"


def test_the_shop_s_own_mapping_goes_before_english_words() -> None:
    mapping = {"skirts": "overall", "Oberteile": "upper"}
    assert category_of("Skirts", (), mapping) == "overall"  # type: ignore[arg-type]
    assert category_of("Jeans", ("oberteile",), mapping) == "upper"  # type: ignore[arg-type]
