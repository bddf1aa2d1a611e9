"""The widget in a shop: the theme block that ships, on a product page, behind a stand-in of Shopify's app proxy."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import expect
from shopper import (
    BLUE,
    DESKTOP,
    PHONE,
    RED,
    chest,
    count,
    enter,
    fresh,
    give_photo,
    has_photo,
    is_dressed,
    is_near,
    is_ready,
    photograph,
    photos,
    product,
    try_on,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page
    from theme_store import ThemeStore

pytestmark = pytest.mark.browser

LAYOUT_SHIFT = """window.shifts = []
new PerformanceObserver(list => list.getEntries().filter(entry => !entry.hadRecentInput).forEach(({value, sources}) =>
    shifts.push([value, ...sources.map(({node}) => node?.id || node?.className || node?.parentElement?.className)])
)).observe({type: 'layout-shift', buffered: true})"""


def bottom(page: Page, selector: str, edge: str = "bottom") -> float:
    return float(page.locator(selector).evaluate("(part, edge) => part.getBoundingClientRect()[edge]", edge))


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_shopper_is_dressed(
    visit: Callable[..., Page], store: ThemeStore, screen: dict[str, Any], tmp_path: Path
) -> None:
    page = visit(store, **screen)
    enter(page)
    expect(page.get_by_role("checkbox", name="I agree")).not_to_be_checked()
    expect(page.get_by_text("Your photo is deleted after 7 days, the pictures after 7 days")).to_be_visible()
    expect(page.get_by_role("link", name="Privacy policy")).to_have_attribute("href", "/policies/privacy-policy")
    give_photo(page)
    is_ready(page)
    try_on(page)
    assert is_near(chest(page), RED)
    expect(page.get_by_alt_text("Your photo, wearing Shirt")).to_be_visible()
    for control in page.get_by_role("dialog").locator("button:visible, a:visible, select:visible").all():
        box = control.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= screen["viewport"]["width"]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "kept.png")
    with Image.open(tmp_path / "kept.png") as kept:
        assert kept.size == (800, 1000)


def test_no_photo_is_taken_before_the_box_is_ticked(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    enter(page)
    for name in ("Choose a photo", "Take a photo"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("alert")).to_contain_text("Please tick the box first")
        expect(page.get_by_role("checkbox", name="I agree")).to_be_focused()
    assert count(store, "POST /public/prepare-upload") == 0


def test_on_the_smallest_phone_every_word_before_a_photo_is_in_sight_and_clear_of_the_buttons(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store, "/de/products/shirt", **PHONE | {"viewport": {"width": 320, "height": 568}})
    page.locator("fitting-room > button").click()
    expect(page.locator("#retention")).not_to_be_empty()
    assert bottom(page, "#retention") < bottom(page, "#stage")
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth") == 320
    page.locator("[data-act='upload']").click()
    expect(page.locator("#trouble")).to_contain_text("Bitte setzen Sie zuerst das Häkchen")
    assert bottom(page, "#trouble") <= bottom(page, ".actions", edge="top")


def test_a_button_that_is_pressed_before_the_service_has_answered_says_so(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store)
    held: list[Any] = []
    page.route("**/public/widget", lambda route: held.append(route))
    enter(page)
    page.get_by_role("button", name="Choose a photo").click()
    expect(page.get_by_role("status")).to_have_text("One moment …")
    for route in held:
        route.continue_()
    expect(page.get_by_role("alert")).to_contain_text("Please tick the box first")


def test_what_is_sent_is_small_upright_and_tells_no_place(visit: Callable[..., Page], store: ThemeStore) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    page = visit(store)
    page.evaluate(
        "const send = XMLHttpRequest.prototype.send;"
        "XMLHttpRequest.prototype.send = function (body) { window.sent = body; send.call(this, body) }; 0"
    )
    enter(page)
    give_photo(page, photograph((2800, 1900), exif=exif))
    is_ready(page)
    blob = bytes(page.evaluate("sent.arrayBuffer().then(buffer => [...new Uint8Array(buffer)])"))
    with Image.open(io.BytesIO(blob)) as picture:
        assert picture.size == (1024, 1280)
        assert not picture.getexif()
    expect(page.locator("#before")).to_have_js_property("naturalHeight", 1280)


def test_a_photo_that_this_browser_cannot_read_goes_as_it_is(visit: Callable[..., Page], store: ThemeStore) -> None:
    pillow_heif.register_heif_opener()
    page = visit(store)
    enter(page)
    give_photo(page, photograph((800, 1000), "HEIF"))
    is_ready(page)
    expect(page.locator("#before")).to_have_js_property("naturalWidth", 800)
    try_on(page)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"GIF89a", "This file is a GIF. Please upload a JPEG, PNG, WebP or HEIC photograph."),
        (b"\xff\xd8\xff\xe0broken", "This picture is damaged or incomplete."),
        (b"\xff\xd8\xff" + b"\0" * (20 << 20), "This photograph is larger than 20 MB. Please choose a smaller one."),
    ],
)
def test_a_photo_that_cannot_be_used_is_answered_in_plain_words(
    visit: Callable[..., Page], store: ThemeStore, content: bytes, sentence: str
) -> None:
    page = visit(store)
    enter(page)
    give_photo(page, {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": content})
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()


def test_the_camera_takes_a_photo(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    enter(page)
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Take a photo").click()
    page.get_by_role("button", name="Take the photo").click()
    expect(page.locator("#count")).to_have_text("3")
    is_ready(page)
    assert page.locator("#film").evaluate("film => film.srcObject") is None, "the camera is off"
    try_on(page)


def test_a_camera_that_is_refused_is_told(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    page.evaluate("void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error()))")
    enter(page)
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("alert")).to_contain_text("The camera cannot be used.")


def test_another_version_re_uses_the_photograph_and_one_that_was_made_is_there_at_once(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store, "/products/shirt?variant=12")
    enter(page)
    version = page.get_by_role("combobox", name="Version")
    expect(version).to_have_value("gid://shopify/ProductVariant/12")
    give_photo(page)
    is_ready(page)
    try_on(page)
    assert is_near(chest(page), BLUE)
    version.select_option("Red")
    try_on(page)
    assert is_near(chest(page), RED)
    version.select_option("Blue")
    is_dressed(page)
    assert is_near(chest(page), BLUE)
    assert count(store, "POST /public/prepare-upload") == 1
    assert count(store, "POST /public/fitting-room") == 2


def test_the_version_that_the_page_s_form_chose_is_tried_on_with_the_photo_of_the_page_before(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store)
    enter(page)
    give_photo(page)
    is_ready(page)
    page.goto(store.origin + "/products/shirt")
    page.get_by_role("combobox", name="Colour").select_option("Blue")
    enter(page)
    try_on(page)
    assert is_near(chest(page), BLUE)
    assert count(store, "POST /public/prepare-upload") == 1


def test_a_version_that_is_chosen_while_a_picture_is_made_waits_for_it(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store)
    enter(page)
    give_photo(page)
    is_ready(page)
    page.get_by_role("dialog").get_by_role("button", name="Try it on").click()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("combobox", name="Colour").select_option("Blue")
    enter(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    try_on(page)  # when the first is made
    assert is_near(chest(page), BLUE)
    page.get_by_role("combobox", name="Version").select_option("Red")
    is_dressed(page)
    assert is_near(chest(page), RED)
    assert count(store, "POST /public/fitting-room") == 2


def test_what_is_worn_goes_into_the_cart(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store, "/de/products/shirt?variant=12")
    page.evaluate("addEventListener('fitting-room:cart', ({ detail }) => (window.added = detail.title))")
    page.get_by_role("button", name="Anprobieren").click()
    page.get_by_role("checkbox", name="Ich bin einverstanden").check()
    page.locator("#file").set_input_files([photograph()])
    page.get_by_role("dialog").get_by_role("button", name="Anprobieren").click()
    page.get_by_role("button", name="In den Warenkorb").click()
    expect(page.get_by_role("link", name="Warenkorb ansehen")).to_have_attribute("href", "/de/cart")
    assert store.cart == [{"id": 12, "quantity": 1}]
    assert page.evaluate("added") == "Blue"


def test_what_the_cart_refuses_is_told_in_the_shop_s_words(visit: Callable[..., Page], store: ThemeStore) -> None:
    store.product["variants"][1]["available"] = False
    page = visit(store)
    enter(page)
    give_photo(page)
    is_ready(page)
    try_on(page)
    store.product["variants"][0]["available"] = False  # sold meanwhile
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("alert")).to_have_text("All of these are in your cart.")
    page.get_by_role("combobox", name="Version").select_option("Blue")
    try_on(page)
    expect(page.get_by_role("button", name="Sold out")).to_be_disabled()


def test_a_line_that_does_not_move_is_told(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    has_photo(page)
    when = "2026-11-26T10:00:00Z"
    waiting = {"status": "PENDING", "progress": 0, "queuePosition": 3, "createdAt": when, "updatedAt": when}
    page.route("**/events", lambda route: route.abort())
    page.route("**/public/generation/gen_*", lambda route: route.fulfill(json=waiting))
    page.clock.install()
    page.locator("#try").click()
    expect(page.locator("#progress-words")).to_have_text("3 ahead of you")
    expect(page.get_by_role("status")).to_have_text("This takes a few seconds.")
    page.clock.fast_forward(31_000)
    expect(page.get_by_role("status")).to_contain_text("This takes longer than usual. You can wait, or cancel")


@pytest.mark.parametrize("may_copy", [True, False])
def test_a_picture_is_shared_by_a_link(visit: Callable[..., Page], store: ThemeStore, may_copy: bool) -> None:
    page = visit(store, permissions=["clipboard-read", "clipboard-write"] if may_copy else [])
    if not may_copy:
        page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    enter(page)
    give_photo(page)
    is_ready(page)
    try_on(page)
    page.get_by_role("button", name="Share").click()
    if may_copy:
        expect(page.get_by_role("status")).to_contain_text("Link copied.")
        link = page.evaluate("navigator.clipboard.readText()")
    else:
        expect(page.get_by_role("status")).to_contain_text("Anyone with this link can see the picture until")
        link = page.locator("#link-there").get_attribute("href")
    assert page.request.get(link).ok


def test_a_shopper_s_photo_and_pictures_are_deleted_when_they_say_so(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    others = photos(store)
    page = visit(store)
    enter(page)
    give_photo(page)
    is_ready(page)
    try_on(page)
    assert len(photos(store)) == len(others) + 1
    result = page.locator("#after").evaluate("image => image.src")
    page.get_by_role("button", name="Delete my photo").click()
    expect(page.get_by_role("status")).to_have_text("Your photo and the pictures made of it have been deleted.")
    expect(page.get_by_role("checkbox", name="I agree")).not_to_be_checked()
    assert photos(store) == others
    assert page.request.get(result).status == 404
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("events", ["cut", "keep back"])
def test_where_events_do_not_arrive_the_state_is_polled(
    visit: Callable[..., Page], store: ThemeStore, events: Any
) -> None:
    store.events = events
    page = visit(store)
    enter(page)
    give_photo(page)
    is_ready(page)
    page.clock.install()
    with page.expect_request("**/events"):
        page.get_by_role("dialog").get_by_role("button", name="Try it on").click()
    if events == "keep back":
        page.clock.fast_forward(5100)
    is_dressed(page)
    assert any(re.match(r"GET /public/generation/gen_\w+ 200", told) for told in store.asked)


def test_a_photo_whose_sending_broke_off_is_sent_again(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    enter(page)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 60_000}
    network.send("Network.emulateNetworkConditions", slow)
    give_photo(page, photograph((1600, 2000)))
    expect(page.locator("#progress-words")).to_have_text(re.compile(r"Sending your photo · [1-9]\d? %"))
    network.send("Network.emulateNetworkConditions", slow | {"offline": True})
    expect(page.get_by_role("alert")).to_have_text(
        "The fitting room cannot be reached. Please check your connection and try again."
    )
    expect(page.get_by_alt_text("Your photo")).to_be_visible()
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    try_on(page)
    expect(page.get_by_role("alert")).to_be_empty()


def test_sending_can_be_cancelled(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    enter(page)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", slow)
    give_photo(page, photograph((1600, 2000)))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_shop_without_quota_says_so_before_a_photo_is_asked_for(
    visit: Callable[..., Page], stores: dict[str, ThemeStore]
) -> None:
    page = visit(fresh(stores["month.myshopify.com"]))
    enter(page)
    expect(page.get_by_role("alert")).to_contain_text("The fitting room is closed for now.")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_hidden()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("", "This week's try-ons are used up. Please come back in 7 days."),
        ("/de", "Sie haben Ihre Anproben für diese Woche aufgebraucht. Bitte kommen Sie in 7 Tagen wieder."),
    ],
)
def test_a_shopper_whose_limit_is_reached_is_told_when_to_come_back(
    visit: Callable[..., Page], stores: dict[str, ThemeStore], language: str, sentence: str
) -> None:
    page = visit(fresh(stores["week.myshopify.com"]), f"{language}/products/shirt")
    has_photo(page)
    page.locator("#try").click()
    page.locator("[data-act='again']").click()
    expect(page.get_by_role("alert")).to_have_text(sentence)
    expect(page.locator("#try")).to_be_enabled()


def test_each_cause_of_no_picture_has_its_own_sentence_in_the_page_s_language(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store, "/fr/products/shirt")
    has_photo(page)
    blocked = {"jobId": "", "message": "In English.", "code": "CREATION_FAILED"}
    causes: list[tuple[dict[str, Any], str]] = [
        ({"errorCode": "QUEUE_FULL", "retryAfter": 90}, "essayage est pleine. Réessayez dans 2 minutes."),
        ({"errorCode": "GARMENT_UNREACHABLE", "retryAfter": 60}, "un autre produit, ou réessayez dans 1 minute."),
        ({"errorCode": "GARMENT_NOT_PLACED"}, "pas indiqué comment il se porte."),
        ({"errorCode": "UNAVAILABLE", "retryAfter": 5}, "essayage est absente pour un moment."),
        ({}, "Aucune image ne peut être faite pour le moment. Réessayez plus tard."),  # of an older service
    ]
    answers = iter(causes)
    page.route("**/public/fitting-room*", lambda route: route.fulfill(json=blocked | next(answers)[0]))
    for _, sentence in causes:
        page.locator("#try").click()
        expect(page.get_by_role("alert")).to_contain_text(sentence)


def test_a_generation_that_failed_says_why(visit: Callable[..., Page], store: ThemeStore) -> None:
    store.product = product(2, "Coat", "/black.png")
    page = visit(store)
    enter(page)
    expect(page.get_by_role("combobox", name="Version")).to_be_hidden()
    give_photo(page)
    is_ready(page)
    page.get_by_role("dialog").get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("alert")).to_have_text("This garment cannot be tried on. Please choose another.")


def test_a_service_that_is_away_is_told_in_plain_words(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    page.route("**/public/**", lambda route: route.fulfill(status=502, body="<h1>There was a problem</h1>"))
    enter(page)
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong on our side.")
    page.unroute("**/public/**")
    page.get_by_role("button", name="Choose a photo").click()
    expect(page.get_by_text("Your photo is deleted after 7 days")).to_be_visible()


def test_everything_can_be_done_by_keyboard_and_focus_stays_inside(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store)
    page.on("filechooser", lambda chooser: chooser.set_files([photograph()]))
    button = page.get_by_role("button", name="Try it on")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Try it on")).to_be_focused()
    expect(page.get_by_role("checkbox", name="I agree")).to_be_enabled()
    for role, name in (("button", "Close"), ("checkbox", "I agree"), ("link", "Privacy policy")):
        page.keyboard.press("Tab")
        expect(page.get_by_role("dialog").get_by_role(role, name=name)).to_be_focused()
        if role == "checkbox":
            page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_focused()
    page.keyboard.press("Enter")
    is_ready(page)
    expect(page.get_by_role("dialog").get_by_role("button", name="Try it on")).to_be_focused()
    page.keyboard.press("Enter")
    is_dressed(page)
    slider = page.get_by_role("slider", name="Compare before and after")
    expect(slider).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "51 % before, 49 % after")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.localName") in ("fitting-room", "body"), "the page is out of reach"


def test_in_a_language_from_right_to_left(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store, "/ar/products/shirt", **PHONE)
    page.get_by_role("button", name="جرّبه الآن").click()
    expect(page.get_by_text(re.compile("7 أيام|\u0667 أيام"))).to_be_visible()
    box, words = page.locator("#agree").bounding_box(), page.locator("label:has(#agree) span").bounding_box()
    assert box
    assert words
    assert box["x"] > words["x"], "the box stands where a line begins"
    page.locator("#agree").check()
    page.locator("#file").set_input_files([photograph()])
    page.locator("#try").click()
    expect(page.locator("#after")).to_be_visible()
    before, after = page.locator(".tag-before").bounding_box(), page.locator(".tag-after").bounding_box()
    assert before
    assert after
    assert before["x"] < after["x"], "a picture is no text"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_nothing_moves_for_those_who_asked_for_that(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store, reduced_motion="reduce")
    enter(page)
    give_photo(page)
    is_ready(page)
    page.get_by_role("dialog").get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    is_dressed(page)


@pytest.mark.parametrize("asks_email", [False, True], ids=["", "email"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_jumps(
    visit: Callable[..., Page], stores: dict[str, ThemeStore], screen: dict[str, Any], asks_email: bool
) -> None:
    store = fresh(stores["mail.invalid"])
    store.settings = {"ask_email": asks_email}
    page = visit(store, **screen)
    page.evaluate(LAYOUT_SHIFT)
    page.wait_for_load_state("networkidle")
    enter(page)
    give_photo(page)
    is_ready(page)
    try_on(page)
    expect(page.locator("#email")).to_be_visible(visible=asks_email)
    assert page.evaluate("shifts") == []


@pytest.mark.parametrize("path", ["/products/shirt", "/ar/products/shirt"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_any_step(
    visit: Callable[..., Page], store: ThemeStore, axe: Callable[[Page], Any], path: str, screen: dict[str, Any]
) -> None:
    page = visit(store, path, reduced_motion="reduce", **screen)
    assert axe(page) == []
    page.locator("fitting-room > button").click()
    page.locator("[data-act='upload']").click()  # without the box
    assert axe(page) == []
    page.locator("#agree").check()
    page.locator("#file").set_input_files([photograph()])
    expect(page.locator("#try")).to_be_visible()
    assert axe(page) == []
    page.locator("#try").click()
    expect(page.locator("#progress")).to_be_visible()
    assert axe(page) == []
    expect(page.locator("#after")).to_be_visible()
    assert axe(page) == []
    page.locator("#cart").click()
    expect(page.locator("#link")).to_be_visible()
    assert axe(page) == []


def test_on_a_dark_theme_every_word_can_be_read(
    visit: Callable[..., Page], store: ThemeStore, axe: Callable[[Page], Any]
) -> None:
    store.settings = {"ground": "#16181c", "ink": "#f2f2f2"}
    page = visit(store, reduced_motion="reduce")
    enter(page)
    expect(page.locator("#retention")).not_to_be_empty()
    assert axe(page) == []


def test_the_theme_s_colours_are_the_room_s(visit: Callable[..., Page], store: ThemeStore) -> None:
    store.settings = {"accent": "#123456", "ground": "#fedcba"}
    page = visit(store)
    enter(page)
    colour = "element => getComputedStyle(element).backgroundColor"
    assert page.get_by_role("button", name="Choose a photo").evaluate(colour) == "rgb(18, 52, 86)"
    assert page.get_by_role("dialog").evaluate(colour) == "rgb(254, 220, 186)"
