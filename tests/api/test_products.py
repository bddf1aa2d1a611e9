"""The products folder: checked at the start, found by id, kept in the store."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from api.products import Products, ProductsError
from inference.blobs import BlobStore

if TYPE_CHECKING:
    from pathlib import Path

SHIRT: dict[str, Any] = {
    "productId": "gid://shopify/Product/1",
    "title": "Shirt",
    "image": "shirt.png",
    "category": "upper",
    "variants": [
        {"variantId": "gid://shopify/ProductVariant/11", "title": "Red", "image": "red.png"},
        {"variantId": "gid://shopify/ProductVariant/12", "title": "As shown"},
    ],
}
SKIRT: dict[str, Any] = {
    "productId": "gid://shopify/Product/2",
    "title": "Skirt",
    "image": "red.png",
    "category": "lower",
    "variants": [{"variantId": "gid://shopify/ProductVariant/21", "title": "Short"}],
}


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "products"
    folder.mkdir()
    Image.new("RGB", (300, 500), "white").save(folder / "shirt.png")
    Image.new("RGB", (300, 500), "red").save(folder / "red.png")
    write(folder, SHIRT, SKIRT)
    return folder


def write(folder: Path, *products: dict[str, Any]) -> None:
    (folder / "products.json").write_text(json.dumps({"products": products}))


async def test_a_variant_s_own_picture_goes_before_the_product_s(folder: Path, blobs: BlobStore) -> None:
    products = Products.open(folder, blobs)
    plain = await products.find("gid://shopify/Product/1", None)
    as_shown = await products.find("gid://shopify/Product/1", "gid://shopify/ProductVariant/12")
    red = await products.find("gid://shopify/Product/1", "gid://shopify/ProductVariant/11")
    assert plain
    assert red
    assert plain == as_shown != red
    with Image.open(io.BytesIO(blobs.get(red.garment_key))) as picture:
        assert picture.size == (300, 500)  # whole, not cropped
        assert picture.getpixel((5, 5)) == (255, 0, 0)


async def test_a_variant_of_another_product_is_not_found(folder: Path, blobs: BlobStore) -> None:
    products = Products.open(folder, blobs)
    assert await products.find("gid://shopify/Product/1", "gid://shopify/ProductVariant/21") is None
    assert await products.find("gid://shopify/Product/3", None) is None
    assert (await products.find("gid://shopify/Product/2", "gid://shopify/ProductVariant/21")) is not None


def test_an_unchanged_picture_is_put_into_the_store_once(folder: Path, blobs: BlobStore, tmp_path: Path) -> None:
    def stored() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs/garments").iterdir()}

    Products.open(folder, blobs)
    before = stored()
    assert len(before) == 2
    Products.open(folder, blobs)
    assert stored() == before


def test_only_pictures_of_products_are_shown(folder: Path, blobs: BlobStore) -> None:
    products = Products.open(folder, blobs)
    assert products.picture("red.png") == folder / "red.png"
    for other in ("products.json", "../products/red.png", "/etc/passwd", ""):
        assert products.picture(other) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"productId": "1"}, r"products\.0\.productId"),
        ({"category": "hat"}, r"products\.0\.category"),
        ({"colour": "red"}, r"products\.0\.colour"),
        ({"image": "missing.png"}, "Shirt: the picture missing.png cannot be used"),
        ({"image": "../products.png"}, "lies outside the folder"),
        ({"image": "products.json"}, "Shirt: the picture products.json cannot be used"),
        ({"productId": SKIRT["productId"]}, "gid://shopify/Product/2 is there more than once"),
        ({"variants": SKIRT["variants"]}, "gid://shopify/ProductVariant/21 is there more than once"),
    ],
)
def test_a_mistake_is_told_by_name_at_the_start(
    change: dict[str, Any], sentence: str, folder: Path, blobs: BlobStore
) -> None:
    write(folder, SHIRT | change, SKIRT)
    with pytest.raises(ProductsError, match=sentence):
        Products.open(folder, blobs)


def test_a_folder_without_a_list_says_what_to_do(tmp_path: Path, blobs: BlobStore) -> None:
    with pytest.raises(ProductsError, match=r"has a products\.json"):
        Products.open(tmp_path, blobs)


async def test_a_product_s_type_tells_its_category_and_the_shop_s_mapping_what_english_does_not(
    folder: Path, blobs: BlobStore
) -> None:
    untold = {name: value for name, value in SHIRT.items() if name != "category"}
    write(folder, untold | {"productType": "Dresses"}, SKIRT | {"isWorn": True})
    garment = await Products.open(folder, blobs).find("gid://shopify/Product/1", None)
    worn = await Products.open(folder, blobs).find("gid://shopify/Product/2", None)
    assert garment
    assert worn
    assert (garment.category, garment.is_worn, worn.category, worn.is_worn) == ("overall", False, "lower", True)

    write(folder, untold | {"productType": "Kleider"})
    with pytest.raises(ProductsError, match=r"Shirt: how it is worn is not told.*categories"):
        Products.open(folder, blobs)
    mapped = await Products.open(folder, blobs, {"kleider": "overall"}).find("gid://shopify/Product/1", None)
    assert mapped
    assert mapped.category == "overall"


async def test_the_list_may_be_a_csv_with_a_row_for_each_product_and_variant(folder: Path, blobs: BlobStore) -> None:
    (folder / "products.json").unlink()
    (folder / "products.csv").write_text(
        "productId,title,image,productType,tags,isWorn,variantId,variantImage\n"
        'gid://shopify/Product/1,Shirt,shirt.png,,"linen, tops",true,gid://shopify/ProductVariant/11,red.png\n'
        "gid://shopify/Product/1,,,,,,gid://shopify/ProductVariant/12,\n"
        "gid://shopify/Product/2,Skirt,red.png,Skirts,,,,\n"
    )
    products = Products.open(folder, blobs)
    shirt, skirt = products.all
    assert [variant.variant_id[-2:] for variant in shirt.variants] == ["11", "12"]
    assert (shirt.is_worn, products.category(shirt), products.category(skirt)) == (True, "upper", "lower")
    red = await products.find("gid://shopify/Product/1", "gid://shopify/ProductVariant/11")
    assert red == await products.find("gid://shopify/Product/1", "gid://shopify/ProductVariant/11", "a.example")
    assert red != await products.find("gid://shopify/Product/1", "gid://shopify/ProductVariant/12")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("productId,title,image,colour", "the column colour is unknown"),
        ("productId,title", "the column image is missing"),
    ],
)
def test_a_csv_with_wrong_columns_says_which(head: str, sentence: str, folder: Path, blobs: BlobStore) -> None:
    (folder / "products.json").unlink()
    (folder / "products.csv").write_text(f"{head}\n")
    with pytest.raises(ProductsError, match=sentence):
        Products.open(folder, blobs)
