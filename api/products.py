"""Product and variant id -> garment picture and category, from a folder that is checked when the service starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from api.categories import category_of
from api.contract import ProductGid, VariantGid
from api.decoding import decode_all
from api.errors import BadPhoto
from api.fetching import Fetcher, FetchError
from api.garments import Garment
from api.photos import garment_picture
from api.product_lists import CSV, JSON, read_csv
from api.remote_pictures import RemotePictures, garment_key, is_remote
from inference.jobs import Category

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from inference.blobs import BlobStore


class ProductsError(ValueError):
    """The products folder cannot be used; the message has one line for each thing to mend."""


class Entry(BaseModel):
    """A table of `products.json`."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Variant(Entry):
    variant_id: VariantGid
    title: str = Field(min_length=1)
    image: str | None = None  # as the product's, which is shown when absent


class Product(Entry):
    product_id: ProductGid
    title: str = Field(min_length=1)
    image: str  # a path within the folder, or an https URL at one of the setting `image_hosts`
    category: Category | None = None  # told by the two that follow when absent
    product_type: str = ""
    tags: tuple[str, ...] = ()
    is_worn: bool = False  # somebody wears the garment in its pictures
    variants: tuple[Variant, ...] = ()

    @property
    def images(self) -> Iterator[str]:
        yield self.image
        yield from (variant.image for variant in self.variants if variant.image)


class ProductList(Entry):
    products: tuple[Product, ...]


class Products:
    """The products of a folder, and where the store keeps their pictures."""

    def __init__(
        self,
        folder: Path,
        products: tuple[Product, ...],
        keys: dict[str, str],
        remote: RemotePictures,
        mapping: Mapping[str, Category],
    ) -> None:
        self.folder = folder
        self.all = products
        self._by_id = {product.product_id: product for product in products}
        self._mapping = mapping
        self._keys = keys  # image path -> key in the store
        self._remote = remote

    @classmethod
    def open(
        cls,
        folder: Path,
        blobs: BlobStore,
        mapping: Mapping[str, Category] | None = None,
        fetcher: Fetcher | None = None,
    ) -> Products:
        """Read `products.json`, else `products.csv`, check every picture, and put those that are new into the store.

        `mapping`: the category of products by their type or tags, where they do not say it themselves. `fetcher`: of
        pictures at URLs, each fetched when it is first wanted; without one there may be none.

        Raises:
            ProductsError: something in the folder cannot be used.
        """
        products = read_list(folder)
        remote = RemotePictures(fetcher or Fetcher(frozenset()), blobs)
        problems = _repeated(products)
        for product in products:
            if category_in(product, mapping or {}) is None:
                problems.append(
                    f"{product.title}: how it is worn is not told. Give it a category, or map its productType or one "
                    "of its tags to one with the setting `categories`."
                )
        kept = _kept(folder, {image for product in products for image in product.images}, blobs, remote)
        keys = {image: key for image, key in kept.items() if isinstance(key, str)}
        problems += [
            f"{product.title}: the picture {image} cannot be used: {kept[image]}"
            for product in products
            for image in product.images
            if isinstance(kept[image], Exception)
        ]
        if problems:
            raise ProductsError("\n".join(problems))
        return cls(folder, products, keys, remote, mapping or {})

    async def find(self, product_id: str, variant_id: str | None, shop: str = "") -> Garment | None:
        """As `ProductSource` says; every shop has these products."""
        product = self._by_id.get(product_id)
        if product is None:
            return None
        image = product.image
        if variant_id is not None:
            variant = next((variant for variant in product.variants if variant.variant_id == variant_id), None)
            if variant is None:
                return None
            image = variant.image or image
        key = await self._remote.key(image) if is_remote(image) else self._keys[image]
        return Garment(key, self.category(product), product.is_worn)

    def category(self, product: Product) -> Category:
        """How one of these products is worn."""
        category = category_in(product, self._mapping)
        assert category is not None, "open has checked it"
        return category

    def picture(self, image: str) -> Path | None:
        """The file of a product's picture; None for any other file of the folder."""
        return self.folder / image if image in self._keys else None


def category_in(product: Product, mapping: Mapping[str, Category]) -> Category | None:
    """How it is worn, if anything tells."""
    return product.category or category_of(product.product_type, product.tags, mapping)


def read_list(folder: Path) -> tuple[Product, ...]:
    """The products that a folder lists, their pictures unseen.

    Raises:
        ProductsError: the list cannot be read.
    """
    return _read(next((folder / name for name in (JSON, CSV) if (folder / name).exists()), folder / JSON))


def _read(path: Path) -> tuple[Product, ...]:
    try:
        if path.name == CSV:
            return ProductList.model_validate(read_csv(path)).products
        return ProductList.model_validate_json(path.read_bytes()).products
    except OSError as error:
        raise ProductsError(
            f"{path} cannot be read. Set `products` to a folder that has a products.json or a products.csv."
        ) from error
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, line['loc']))}: {line['msg']}" for line in error.errors()]
        raise ProductsError("\n".join(lines)) from None
    except ValueError as error:
        raise ProductsError(f"{path}: {error}") from None


def _repeated(products: tuple[Product, ...]) -> list[str]:
    ids = [product.product_id for product in products]
    ids += [variant.variant_id for product in products for variant in product.variants]
    return [f"{name} is there more than once." for name in sorted({name for name in ids if ids.count(name) > 1})]


def _kept(
    folder: Path, images: set[str], blobs: BlobStore, remote: RemotePictures
) -> dict[str, str | Exception | None]:
    """The key of each verified picture, why it cannot be used, or None where it is fetched when it is wanted."""
    found: dict[str, str | Exception | None] = {}
    new: dict[str, bytes] = {}
    for image in images:
        try:
            if is_remote(image):
                remote.check(image)
                found[image] = None
                continue
            data = _bytes(folder, image)
        except (FetchError, OSError, ValueError) as error:
            found[image] = error
            continue
        found[image] = key = garment_key(data)
        if not blobs.exists(key):  # named after the bytes that it came from: unchanged pictures are not decoded again
            new[image] = data
    for image, made in (decode_all(garment_picture, new) if new else {}).items():
        if isinstance(made, BadPhoto):
            found[image] = made
        else:
            blobs.put(str(found[image]), made.data)
    return found


def _bytes(folder: Path, image: str) -> bytes:
    path = (folder / image).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("it lies outside the folder.")
    return path.read_bytes()
