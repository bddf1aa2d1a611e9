"""The demo page of `open` mode, the products it offers and the figures it can be tried with."""

from __future__ import annotations

import contextlib
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import ConfigDict, Field

from api.contract import Reply
from api.dependencies import ProductsDep, SettingsDep
from api.errors import NotFound, replies
from api.headers import page_headers
from api.products import Product, Variant
from api.remote_pictures import is_remote
from api.settings import DAY_S
from models.catalog import CardError, read_card

router = APIRouter(tags=["Demo"])

PAGE = Path(__file__).parents[1] / "static"
PAGE_FILES = {path.name for path in PAGE.iterdir() if path.suffix in (".css", ".js", ".svg")}
FIGURE_KINDS = (".png", ".jpg", ".webp")

HEADERS = {"Cache-Control": "no-cache"}
PAGE_HEADERS = HEADERS | page_headers(
    # Pictures may lie at a cloud's address; everything else is ours.
    "script-src 'self'; style-src 'self'; img-src 'self' blob: https:; connect-src 'self'",
    camera="self",
)


class VariantReply(Reply):
    variant_id: str
    title: str
    image: str


class ProductReply(Reply):
    product_id: str
    title: str
    image: str = Field(description="A path at this address, or the shop's own URL of it.")
    category: str
    variants: list[VariantReply]

    @classmethod
    def of(cls, product: Product, category: str) -> ProductReply:
        def told(variant: Variant) -> VariantReply:
            return VariantReply(
                variant_id=variant.variant_id, title=variant.title, image=_address(variant.image or product.image)
            )

        return cls(
            product_id=product.product_id,
            title=product.title,
            image=_address(product.image),
            category=category,
            variants=[told(variant) for variant in product.variants],
        )


class FigureReply(Reply):
    title: str
    image: str


class ModelReply(Reply):
    """The model that makes the pictures."""

    name: str
    title: str
    notice: str = Field(description="What shoppers should know of its pictures.")


class ProductsReply(Reply):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "products": [
                    {
                        "productId": "gid://shopify/Product/1001",
                        "title": "Striped sailor top",
                        "image": "/products/products/sailor.png",
                        "category": "upper",
                        "variants": [],
                    }
                ],
                "figures": [{"title": "Ada", "image": "/figures/ada.png"}],
                "retentionDays": 7,
                "requireConsent": False,
            }
        }
    )

    products: list[ProductReply]
    figures: list[FigureReply] = Field(description="People to try the products on without a photograph of one's own.")
    model: ModelReply | None = None
    retention_days: float = Field(description="Days after which photographs and results are deleted.")
    require_consent: bool = Field(description="Whether photographs are taken only with `consentVersion`.")


@router.get("/products.json", response_model_exclude_none=True)
async def products_json(products: ProductsDep, settings: SettingsDep) -> ProductsReply:
    """What can be tried on."""
    model = None
    with contextlib.suppress(CardError):  # the workers, who load it, say what is wrong
        card = read_card(settings.card)
        model = ModelReply(name=card.name, title=card.title, notice=card.notice)
    return ProductsReply(
        products=[ProductReply.of(product, products.category(product)) for product in products.all],
        figures=[FigureReply(title=_title(path), image=f"/figures/{path.name}") for path in _figures(products.folder)],
        model=model,
        retention_days=settings.terms.longest_s / DAY_S,
        require_consent=settings.require_consent,
    )


@router.get("/products/{image:path}", response_class=FileResponse, responses=replies(NotFound))
async def product_picture(image: str, products: ProductsDep) -> FileResponse:
    """A product's picture, as its shop made it."""
    return _file(products.picture(image))


@router.get("/figures/{name}", response_class=FileResponse, responses=replies(NotFound))
async def figure_picture(name: str, products: ProductsDep) -> FileResponse:
    """A figure to try products on."""
    return _file(next((path for path in _figures(products.folder) if path.name == name), None))


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    return FileResponse(PAGE / "index.html", headers=PAGE_HEADERS)


@router.get("/static/{name}", include_in_schema=False)
async def page_file(name: str) -> FileResponse:
    return _file(PAGE / name if name in PAGE_FILES else None)


def _address(image: str) -> str:
    return image if is_remote(image) else f"/products/{image}"


def _file(path: Path | None) -> FileResponse:
    if path is None or not path.is_file():
        raise NotFound
    return FileResponse(path, headers=HEADERS)


def _figures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("figures/*") if path.suffix in FIGURE_KINDS)


def _title(path: Path) -> str:
    """`ada-arms-down.png` -> "Ada arms down"."""
    return path.stem.replace("-", " ").replace("_", " ").capitalize()
