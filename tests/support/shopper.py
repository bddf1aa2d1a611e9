"""A shopper before the widget of a shop's product page: what they do, see and have."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt
    from playwright.sync_api import Page
    from theme_store import ThemeStore

RED, BLUE = (220, 20, 60), (65, 105, 225)
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def product(number: int, title: str, picture: str) -> dict[str, Any]:
    names = ("Red", "Blue") if number == 1 else ()
    variants = [
        {"id": 10 * number + index, "title": name, "featured_image": None, "available": True}
        for index, name in enumerate(names, start=1)
    ]
    return {"id": number, "title": title, "featured_image": picture, "variants": variants}


def fresh(store: ThemeStore) -> ThemeStore:
    store.product, store.settings, store.events = product(1, "Shirt", "/red.png"), {}, "pass"
    store.cart.clear()
    store.asked.clear()
    store.told.clear()
    return store


def photograph(size: tuple[int, int] = (800, 1000), kind: str = "JPEG", **options: Any) -> dict[str, Any]:
    """Of somebody in green; noisy, so that it has some bytes."""
    noise = np.random.default_rng(0).integers(-20, 20, (size[1], size[0], 3))
    picture = Image.fromarray(np.clip(np.array((46, 139, 87)) + noise, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return {"name": "me.jpg", "mimeType": f"image/{kind.lower()}", "buffer": buffer.getvalue()}


def enter(page: Page) -> None:
    page.get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("dialog", name="Try it on")).to_be_visible()


def give_photo(page: Page, photo: dict[str, Any] | None = None) -> None:
    page.get_by_role("checkbox", name="I agree").check()
    page.locator("#file").set_input_files([photo or photograph()])


def has_photo(page: Page) -> None:
    """Enters and gives a photograph, whatever the page's language."""
    page.locator("fitting-room > button").click()
    page.locator("#agree").check()
    page.locator("#file").set_input_files([photograph()])
    expect(page.locator("#try")).to_be_visible()


def is_ready(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("Your photo is ready")


def is_dressed(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("Your picture is ready", timeout=15_000)


def try_on(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Try it on").click()
    is_dressed(page)


def chest(page: Page) -> npt.NDArray[np.int64]:
    reply = page.request.get(page.locator("#after").evaluate("image => image.src"))
    with Image.open(io.BytesIO(reply.body())) as picture:
        result = np.asarray(picture.convert("RGB")).astype(np.int64)
    return result[result.shape[0] // 2, result.shape[1] // 2]


def is_near(colour: npt.NDArray[np.int64], wanted: tuple[int, int, int]) -> bool:
    return bool(np.abs(colour - wanted).max() < 12)


def photos(store: ThemeStore) -> list[Path]:
    return [path for path in (store.data / "blobs/photos").rglob("*") if path.is_file()]


def count(store: ThemeStore, request: str) -> int:
    return sum(told.startswith(request) for told in store.asked)


def wait_until(page: Page, holds: Callable[[], bool], within_s: int = 15) -> None:
    """While the page goes on."""
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, "it has not come true"
        page.wait_for_timeout(50)
