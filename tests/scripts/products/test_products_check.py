"""`fitting-room products check`: what is to be mended of the products, as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw
from shopify_store import Store
from typer.testing import CliRunner

from api.sources import apis
from scripts.cli import made
from scripts.products.looks import problems_of

if TYPE_CHECKING:
    from typing import Any

SAMPLES = Path(__file__).parents[3] / "api" / "static" / "samples"


def drawn(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (768, 1024), ground: str = "white") -> Image.Image:
    image = Image.new("RGB", size, ground)
    for box in boxes:
        ImageDraw.Draw(image).rectangle(box, fill="navy")
    return image


ONE, TWO = (200, 200, 560, 800), ((60, 200, 340, 800), (420, 200, 720, 800))


def noise(size: tuple[int, int] = (768, 1024)) -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (drawn(ONE), None),
        (drawn(ONE, ground="beige"), None),
        (drawn(ONE, (10, 10, 60, 60)), None),  # a button of its own is no second garment
        (drawn(*TWO), "seems to show 2 things"),
        (noise(), "background is busy"),
        (drawn((60, 60, 200, 300), size=(300, 400)), "It is small: 300 x 400"),
    ],
)
def test_a_poor_picture_is_told_and_a_good_one_is_not(picture: Image.Image, said: str | None) -> None:
    found = " ".join(problems_of(picture))
    assert said in found if said else found == ""


def check(settings: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any], str, str]:
    (folder / "fitting-room.toml").write_text(settings)
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(made(["products"]), ["products", "check", "-o", "page.html"])
    assert ran.exit_code in (0, 1), ran.output
    page = (folder / "page.html").read_text()
    return ran.exit_code, json.loads(ran.stdout.strip().splitlines()[-1]), ran.stdout, page


def test_a_folders_products_are_shown_with_what_is_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, picture in (("good", drawn(ONE)), ("two", drawn(*TWO))):
        picture.save(tmp_path / f"{name}.png")
    common = {"productType": "Shirts", "image": "good.png"}
    listed = [
        common | {"productId": "gid://shopify/Product/1", "title": "Good"},
        common | {"productId": "gid://shopify/Product/2", "title": "Mug & <saucer>", "productType": "Mugs"},
        common | {"productId": "gid://shopify/Product/3", "title": "Twins", "image": "two.png"},
        common | {"productId": "gid://shopify/Product/4", "title": "Lost", "image": "lost.png"},
    ]
    (tmp_path / "products.json").write_text(json.dumps({"products": listed}))
    code, told, said, page = check(f'products = "{tmp_path}"', tmp_path, monkeypatch)
    assert (code, told["products"], told["to_mend"]) == (1, 4, 3)
    assert re.findall(r"<h2>([^<]*)</h2>", page) == ["Mug &amp; &lt;saucer&gt;", "Twins", "Lost"]
    assert page.count("data:image/png;base64,") == 2
    assert "How it is worn is not told" in said
    assert "Its picture cannot be had" in said


def test_every_product_of_a_shop_is_looked_at_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.fetching import Fetcher
    from scripts.commands import products as command

    with Store() as store:
        shop = store.shop("a.myshopify.com")
        drawn(ONE).save(tmp_path / "good.png")
        store.pictures["good.png"] = (tmp_path / "good.png").read_bytes()
        for number in range(31):
            shop.add(number, shop.medium("good.png"))
        shop.add(31, shop.medium("good.png"), productType="Mug", title="Mug")
        shop.add(32, title="Bare")
        shop.add(33, shop.medium("good.png"), status="DRAFT", title="Draft")
        monkeypatch.setattr(apis, "ADDRESS", store.address)
        local = Fetcher(frozenset({"127.0.0.1"}), schemes=("http",), ports=(store.port,), is_allowed=lambda _: True)
        monkeypatch.setattr(command, "Fetcher", lambda _: local)
        monkeypatch.setenv("TOKEN", "shpat_token")
        monkeypatch.setenv("KEY", "key")
        settings = (
            'mode = "api_key"\npublic_url = "https://try.example"\nproduct_source = "admin"\n[[shops]]\n'
            'domain = "a.myshopify.com"\nshopify_token_env = "TOKEN"\napi_key_envs = ["KEY"]\n'
        )
        code, told, said, page = check(settings, tmp_path, monkeypatch)
    assert (code, told["products"], told["to_mend"]) == (1, 34, 3)
    assert re.findall(r"<h2>([^<]*)</h2>", page) == ["Mug", "Bare", "Draft"]
    assert "has no picture yet" in said
    assert "is a draft" in said
