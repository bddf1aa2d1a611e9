"""The demo page in a real browser: what a shopper does, sees and is told."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from api.settings import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt
    from playwright.sync_api import BrowserContext, Page

    from tests.browser.conftest import Shop

pytestmark = pytest.mark.browser

RED, BLUE = (220, 20, 60), (65, 105, 225)


def photograph(kind: str = "PNG") -> dict[str, object]:
    buffer = io.BytesIO()
    Image.new("RGB", (800, 1000), "seagreen").save(buffer, kind)
    return {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def agree(page: Page) -> None:
    page.get_by_role("button", name="Use my own photo").click()
    page.get_by_role("checkbox", name="I agree").check()


def try_on(page: Page) -> None:
    page.get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("status")).to_contain_text("Your picture is ready", timeout=15_000)


def picture_of(page: Page, element: str) -> npt.NDArray[np.int64]:
    """What an `img` shows, as it was sent."""
    reply = page.request.get(page.locator(f"#{element}").evaluate("image => image.src"))
    with Image.open(io.BytesIO(reply.body())) as picture:
        return np.asarray(picture.convert("RGB")).astype(np.int64)


def chest_is(page: Page, colour: tuple[int, int, int]) -> bool:
    result = picture_of(page, "after")
    return bool(np.abs(result[result.shape[0] // 2, result.shape[1] // 2] - colour).max() < 12)


def stored_photos(shop: Shop) -> list[Path]:
    return [path for path in (shop.data / "blobs/photos").rglob("*") if path.is_file()]


def test_a_sample_figure_is_dressed_with_progress_and_the_result_can_be_kept(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#progress-words")).to_have_text(re.compile(r"Making your picture · \d+ %"))
    expect(page.get_by_role("status")).to_have_text("Your picture is ready. Slide to compare. It was sewn by eye.")
    expect(page.get_by_alt_text("Ada, wearing Shirt")).to_be_visible()
    assert chest_is(page, RED)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"try-on-[0-9a-f]{8}\.png", download.value.suggested_filename)
    download.value.save_as(tmp_path / "kept.png")
    with Image.open(tmp_path / "kept.png") as kept:
        assert kept.size == (480, 600)


def test_the_model_that_ships_dresses_a_sample_in_a_sample(
    context: BrowserContext, open_shop: Callable[..., Shop]
) -> None:
    page = context.new_page()
    page.goto(open_shop(real=True, products=str(SAMPLES)).url)
    page.locator("#products").get_by_role("radio").nth(1).check()
    try_on(page)
    before, after = (picture_of(page, name) for name in ("before", "after"))
    before = before[6:966]  # of a figure of 768 x 1024, as the server crops it and the page shows it
    assert before.shape == after.shape
    changed = np.abs(before - after).max(axis=2) > 60
    height, width = changed.shape
    assert changed[height // 3 : height * 2 // 3, width // 4 : width * 3 // 4].mean() > 0.2
    assert not changed[: height // 8].any(), "nothing above the head is touched"


def test_the_slider_answers_to_the_keyboard_and_to_the_mouse(page: Page) -> None:
    try_on(page)
    slider = page.get_by_role("slider", name="Compare before and after")
    expect(slider).to_be_focused()
    for key, value in (("ArrowRight", "51"), ("ArrowLeft", "50"), ("Home", "0"), ("End", "100")):
        page.keyboard.press(key)
        expect(slider).to_have_value(value)
    expect(slider).to_have_attribute("aria-valuetext", "100 % before, 0 % after")
    box = page.locator("#stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 220, steps=4)
    page.mouse.up()
    expect(slider).to_have_value("25")
    assert page.locator("#stage").evaluate("stage => getComputedStyle(stage).getPropertyValue('--split')") == "25%"


def test_a_shopper_s_own_photo_goes_in_and_out_again(page: Page, shop: Shop) -> None:
    others = stored_photos(shop)
    agree(page)
    page.locator("#file").set_input_files([photograph()])
    expect(page.get_by_role("status")).to_contain_text("Your photo is ready. This model knows drawn figures only")
    expect(page.locator("#figures :checked")).to_have_count(0)
    assert len(stored_photos(shop)) == len(others) + 1
    try_on(page)
    expect(page.get_by_alt_text("Your photo, wearing Shirt")).to_be_visible()
    page.get_by_role("button", name="Delete my photo").click()
    expect(page.get_by_role("status")).to_have_text("Your photo and the pictures made of it have been deleted.")
    expect(page.get_by_role("radio", name="Ada")).to_be_checked()
    assert stored_photos(shop) == others
    try_on(page)


def test_a_version_of_a_product_is_the_one_tried_on(page: Page) -> None:
    page.get_by_role("radio", name="Blue").check()
    try_on(page)
    assert chest_is(page, BLUE)


def test_a_failed_job_says_why_and_another_garment_works(page: Page) -> None:
    page.get_by_role("radio", name="Coat").check()
    page.get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("alert")).to_have_text("This garment cannot be tried on. Please choose another.")
    page.get_by_role("radio", name="Shirt").check()
    expect(page.get_by_role("alert")).to_be_empty()
    try_on(page)


def test_a_job_can_be_cancelled(context: BrowserContext, open_shop: Callable[..., Shop]) -> None:
    page = context.new_page()
    page.goto(open_shop(step_s=0.5).url)
    page.get_by_role("button", name="Try it on").click()
    expect(page.locator("#progress-words")).to_contain_text("Making your picture")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Cancelled. It does not count.")
    expect(page.get_by_role("button", name="Try it on")).to_be_focused()


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    page.get_by_role("radio", name="Ada").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Ben")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Coat")).to_be_checked()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Blue")).to_be_checked()
    page.get_by_role("button", name="Try it on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_alt_text("Ben, wearing Shirt")).to_be_visible()


def test_a_sample_whose_photograph_expired_is_sent_again(page: Page, shop: Shop) -> None:
    try_on(page)
    for photo in stored_photos(shop):
        photo.unlink()
    page.get_by_role("button", name="Make another").click()
    expect(page.get_by_role("status")).to_contain_text("This takes")
    expect(page.get_by_role("status")).to_contain_text("Your picture is ready", timeout=15_000)
    expect(page.get_by_role("alert")).to_be_empty()
    assert len(stored_photos(shop)) == 1


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_has_the_button_in_reach_and_nothing_to_scroll_sideways(
    context: BrowserContext, shop: Shop, width: int
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(shop.url)
    page.locator("#products .tile").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    button = page.get_by_role("button", name="Try it on")
    for scroll in range(0, 1000, 100):
        page.evaluate(f"scrollTo(0, {scroll})")
        box = button.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 700
        assert box["height"] >= 44
        button.click(trial=True, timeout=1000)  # nothing lies over it
    try_on(page)
    for control in page.locator("button:visible, .chip:visible, #download").all():
        box = control.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("size", [(390, 844), (1280, 860)])
def test_nothing_jumps_while_the_page_loads_and_works(
    context: BrowserContext, shop: Shop, size: tuple[int, int]
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => shift += entry.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(shop.url)
    page.wait_for_load_state("networkidle")
    try_on(page)
    assert page.evaluate("shift") < 0.02


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    context: BrowserContext, shop: Shop, axe: Callable[[Page], list[Any]], scheme: Literal["light", "dark"]
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(shop.url)
    page.locator("#products .tile").first.wait_for()
    assert axe(page) == []
    try_on(page)
    assert axe(page) == []
    page.get_by_role("button", name="Use my own photo").click()
    assert axe(page) == []


def test_the_description_works_under_its_policy(context: BrowserContext, shop: Shop) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{shop.url}/docs")
    expect(page.get_by_text("/public/fitting-room", exact=True).first).to_be_visible()
    page.locator("#operations-Operations-live").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_text('"status": "ok"').first).to_be_visible()
    assert not complaints


def test_a_script_that_got_into_the_page_does_not_run(context: BrowserContext, shop: Shop) -> None:
    page = context.new_page()
    page.goto(shop.url)
    refused = page.evaluate(
        """async () => {
            const refused = new Promise(done => document.addEventListener('securitypolicyviolation', done))
            const planted = document.createElement('p')
            planted.innerHTML = '<img src="/nothing" onerror="window.ran = true">'
            document.body.append(planted)
            return (await refused).effectiveDirective
        }"""
    )
    assert refused == "script-src-attr"
    assert page.evaluate("window.ran === undefined")
