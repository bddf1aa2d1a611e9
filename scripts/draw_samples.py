"""Draw the demo's sample people and products into api/static/samples, from seeds that training never saw.

python scripts/draw_samples.py
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import typer
from PIL import Image as Pillow
from torch import Tensor

from models.paperdoll.canvas import Scene
from models.paperdoll.dice import Dice
from models.paperdoll.dummy import random_dummy
from models.paperdoll.evaluation import images
from models.paperdoll.figures import Figure
from models.paperdoll.garments import Garment
from models.paperdoll.geometry import frame_grid
from models.paperdoll.painting import paint_flat, paint_worn
from models.paperdoll.patterns import NAMES, SEEN

SAMPLES = Path(__file__).parent.parent / "api" / "static" / "samples"
HEIGHT, WIDTH = 1024, 768
PEOPLE_SEED, PRODUCT_SEED = 21_000, 22_000
PEOPLE = {"ada": 1, "ben": 6, "cleo": 14, "dev": 2, "eli": 17, "fay": 10}  # of one draw of many, chosen by eye
NUM_DRAWN = 24
Colour = tuple[float, float, float]
DrawnT = TypeVar("DrawnT", Figure, Garment, Scene)


@dataclass(frozen=True, slots=True)
class Product:
    """A garment for sale. `neck`: 0 crew, 1 V, 2 scoop, 3 boat; `sleeve`: 0 none to 2 wrist; colours in [0, 1]."""

    title: str
    pattern: str
    neck: int
    sleeve: float
    hem: float
    flare: float
    variants: dict[str, tuple[Colour, Colour]]
    trim: Colour | None = None
    period: float = 0.5


NAVY, CREAM, RED, SAGE = (0.11, 0.16, 0.34), (0.96, 0.93, 0.86), (0.78, 0.16, 0.18), (0.55, 0.66, 0.52)
MUSTARD, ROSE, INK, SKY = (0.87, 0.66, 0.18), (0.90, 0.55, 0.58), (0.10, 0.10, 0.13), (0.45, 0.66, 0.86)
WHITE = (0.97, 0.97, 0.97)
PLUM, TEAL, RUST = (0.40, 0.17, 0.36), (0.08, 0.42, 0.44), (0.72, 0.33, 0.16)
PRODUCTS = (
    Product("Breton top", "horizontal", 0, 1.9, 0.98, 0.03, {"Navy": (CREAM, NAVY), "Red": (CREAM, RED)}, trim=NAVY),
    Product("Ringer tee", "plain", 0, 0.62, 0.95, 0.05, {"Mustard": (MUSTARD, INK)}, trim=INK),
    Product("Polka-dot blouse", "dots", 2, 1.2, 0.9, 0.16, {"Rose": (ROSE, WHITE), "Ink": (INK, WHITE)}, period=0.42),
    Product("Lumber shirt", "plaid", 1, 1.9, 1.05, 0.06, {"Red": (RED, INK)}, period=0.56),
    Product("Raglan jersey", "raglan", 0, 1.15, 1.0, 0.04, {"Teal": (CREAM, TEAL)}),
    Product("Badge tee", "logo", 0, 0.6, 0.98, 0.05, {"Sage": (SAGE, CREAM), "Plum": (PLUM, MUSTARD)}),
    Product("Racing tank", "diagonal", 2, 0.0, 0.92, 0.08, {"Sky": (SKY, WHITE)}, trim=NAVY, period=0.6),
    Product("Argyle jumper", "argyle", 1, 1.9, 0.96, 0.04, {"Rust": (RUST, CREAM)}, period=0.6),
)  # fmt: skip


def main() -> None:
    """Write figures/*.png, products/*.png and products.json."""
    for folder in ("figures", "products"):
        (SAMPLES / folder).mkdir(parents=True, exist_ok=True)
    _draw_people()
    rows = [_draw_product(1001 + k, product) for k, product in enumerate(PRODUCTS)]
    (SAMPLES / "products.json").write_text(json.dumps({"products": rows}, indent=2) + "\n")


def _draw_people() -> None:
    dice = Dice(PEOPLE_SEED, NUM_DRAWN)
    figure, scene, garment = Figure.draw(dice), Scene.draw(dice), Garment.draw(dice, SEEN)
    for name, k in PEOPLE.items():
        one = _only(figure, k), _only(garment, k), _only(scene, k)
        canvas = paint_worn(*one, frame_grid(HEIGHT, WIDTH), 2 / HEIGHT)
        _save(canvas.colours, SAMPLES / "figures" / f"{name}.png")


def _only(drawn: DrawnT, k: int) -> DrawnT:
    """One of a batch of figures, garments or scenes."""
    rows: dict[str, Any] = {}
    for field in dataclasses.fields(drawn):
        value = getattr(drawn, field.name)
        rows[field.name] = tuple(v[k : k + 1] for v in value) if isinstance(value, tuple) else value[k : k + 1]
    return dataclasses.replace(drawn, **rows)


def _draw_product(number: int, product: Product) -> dict[str, object]:
    """The product's PNGs, and its row in products.json."""
    variants = []
    for k, (colour, colours) in enumerate(product.variants.items()):
        name = f"{product.title}-{colour}".lower().replace(" ", "-")
        _save(_flat_lay(product, number, *colours), SAMPLES / "products" / f"{name}.png")
        variant = f"gid://shopify/ProductVariant/{number * 10 + k}"
        variants.append({"variantId": variant, "title": colour, "image": f"products/{name}.png"})
    return {
        "productId": f"gid://shopify/Product/{number}",
        "title": product.title,
        "image": variants[0]["image"],
        "category": "upper",
        "variants": variants,
    }


def _flat_lay(product: Product, seed: int, base: Colour, second: Colour) -> Tensor:
    dice = Dice(PRODUCT_SEED + seed, 1)
    drawn = Garment.draw(dice, [product.pattern])
    garment = dataclasses.replace(
        drawn,
        neck=torch.full((1, 1, 1), product.neck),
        sleeve=_number(product.sleeve),
        hem=_number(product.hem),
        flare=_number(product.flare),
        period=_number(product.period),
        phase=_number(0.8),
        variant=_number(0.75),
        trim=_number(float(product.trim is not None)),
        zip=_number(0.0),
        pattern=torch.full((1, 1, 1), NAMES.index(product.pattern)),
        colours=(_colour(base), _colour(second), _colour(RED), _colour(product.trim or base)),
    )
    grid = frame_grid(HEIGHT, WIDTH)
    return paint_flat(garment, random_dummy(dice), _number(0.97), grid, 2 / HEIGHT).colours


def _number(value: float) -> Tensor:
    return torch.full((1, 1, 1), value)


def _colour(colour: Colour) -> Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1)


def _save(picture: Tensor, path: Path) -> None:
    Pillow.fromarray(images(picture)[0]).save(path, optimize=True)


if __name__ == "__main__":
    typer.run(main)
