"""What the widget tells beside photographs: events that name nobody, and an address that a shopper leaves."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from shopper import PHONE, enter, fresh, give_photo, is_ready, photograph, try_on, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page
    from theme_store import ThemeStore

pytestmark = pytest.mark.browser

ASKS = {"ask_email": True}
ADDRESS = "ada.lovelace+room@example.com"
COLLECT = "POST /public/collect-email 200"
PRODUCT = {"productId": "gid://shopify/Product/1"}
LARGE_TEXT = """() => {
    const parts = [...document.querySelector('fitting-room').shadowRoot.querySelectorAll('.room, .room *')]
    const sizes = parts.map(part => 2 * parseFloat(getComputedStyle(part).fontSize))
    parts.forEach((part, index) => (part.style.fontSize = `${sizes[index]}px`))
}"""  # twice as large, as phones can be set to
RED_SHIRT = PRODUCT | {"variantId": "gid://shopify/ProductVariant/11"}


@pytest.fixture
def mail(stores: dict[str, ThemeStore]) -> ThemeStore:
    """A shop that takes addresses, and whose merchant asks for them."""
    store = fresh(stores["mail.invalid"])
    store.settings = ASKS
    return store


def events(store: ThemeStore) -> list[dict[str, Any]]:
    return [event for body in store.told for event in body["events"]]


def names(store: ThemeStore) -> list[str]:
    return [event["event"] for event in events(store)]


def dressed(visit: Callable[..., Page], store: ThemeStore, path: str = "/products/shirt", **options: Any) -> Page:
    page = visit(store, path, **options)
    page.locator("fitting-room > button").first.click()
    page.locator("#agree").check()
    page.locator("#file").set_input_files([photograph()])
    page.locator("#try").click()
    expect(page.locator("#after")).to_be_visible()
    return page


def test_what_a_shopper_does_is_told_once_each_and_by_no_more_than_the_product(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store, permissions=["clipboard-read", "clipboard-write"])
    enter(page)
    give_photo(page)
    is_ready(page)
    try_on(page)
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("status")).to_contain_text("Link copied.")
    with page.expect_download():
        page.get_by_role("link", name="Download").click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("status")).to_contain_text("in your cart")
    page.get_by_role("combobox", name="Version").select_option("Blue")
    page.get_by_role("combobox", name="Version").select_option("Red")  # what was made is seen again
    wait_until(page, lambda: names(store).count("widget:result_view") == 2)
    assert names(store) == [
        "widget:button_click",
        "widget:image_upload",
        "widget:generation_start",
        "widget:result_view",
        "widget:share_clicked",
        "widget:download_clicked",
        "widget:add_to_cart_clicked",
        "widget:add_to_cart_success",
        "widget:result_view",
    ]
    assert all(request.endswith(" 200") for request in store.asked if "tracking" in request)
    assert len({event["$insert_id"] for event in events(store)}) == 9
    assert [event["properties"] for event in events(store)] == [PRODUCT, *[RED_SHIRT] * 8]
    assert {key for event in events(store) for key in event} == {"event", "properties", "timestamp", "$insert_id"}
    assert {key for body in store.told for key in body["context"]} == {
        "$pathname",
        "$viewport_width",
        "$viewport_height",
    }
    client = page.evaluate("localStorage['fitting-room:client']")
    assert client not in json.dumps(store.told), "nothing tells that two events are of one shopper"


def test_the_page_is_counted_where_the_merchant_says_so_and_once(visit: Callable[..., Page], store: ThemeStore) -> None:
    store.settings = {"counts": "page"}
    page = visit(store)
    page.evaluate(
        """() => {
            const another = document.querySelector('fitting-room').cloneNode(true)
            document.querySelector('main').append(another)
            const form = document.querySelector('form')
            form.addEventListener('submit', event => event.preventDefault())
            form.requestSubmit()
        }"""
    )
    wait_until(page, lambda: len(names(store)) >= 2)
    assert names(store) == ["product_page:page_view", "product_page:cart_add"]
    assert [event["properties"] for event in events(store)] == [PRODUCT, PRODUCT]


def test_nothing_is_asked_of_the_service_before_the_button_is_pressed(
    visit: Callable[..., Page], store: ThemeStore
) -> None:
    page = visit(store)
    page.locator("form").evaluate("form => { form.onsubmit = () => false; form.requestSubmit() }")
    page.goto("about:blank")  # what was kept back would be told now
    page.wait_for_timeout(300)
    assert store.asked == []


@pytest.mark.parametrize(
    "refusal",
    [
        "window.Shopify = { customerPrivacy: { analyticsProcessingAllowed: () => false } }",
        "window.Shopify = { customerPrivacy: { analyticsProcessingAllowed: () => { throw new Error() } } }",
        "window.Shopify = { designMode: true }",
        "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })",
        "",
    ],
    ids=["banner", "a banner that breaks", "theme editor", "browser", "merchant"],
)
def test_of_whoever_refused_it_nothing_is_told(visit: Callable[..., Page], store: ThemeStore, refusal: str) -> None:
    store.settings = {} if refusal else {"counts": "none"}
    page = visit(store, path="/elsewhere")
    page.add_init_script(refusal)
    page.goto(f"{store.origin}/products/shirt")
    enter(page)
    give_photo(page)
    is_ready(page)
    page.goto("about:blank")
    page.wait_for_timeout(300)
    assert store.told == []


def test_what_was_not_told_yet_is_told_when_the_page_is_left(visit: Callable[..., Page], store: ThemeStore) -> None:
    page = visit(store)
    page.clock.install()
    page.clock.pause_at("2026-11-26T12:00:00Z")
    enter(page)
    page.goto("about:blank")
    wait_until(page, lambda: names(store) == ["widget:button_click"])


@pytest.mark.parametrize("obstacle", ["never answers", "breaks off", "is blocked"])
def test_events_that_do_not_arrive_disturb_nobody(visit: Callable[..., Page], store: ThemeStore, obstacle: str) -> None:
    page = visit(store)
    page.evaluate(
        """isBlocked => {
            const [beacon, plain] = [navigator.sendBeacon.bind(navigator), fetch]
            navigator.sendBeacon = (...told) => {
                window.tried = true
                if (isBlocked) throw new Error('no')
                return beacon(...told)
            }
            window.fetch = (url, ...more) =>
                isBlocked && String(url).includes('tracking') ? Promise.reject(new Error('no')) : plain(url, ...more)
        }""",
        obstacle == "is blocked",
    )
    ways: dict[str, Callable[[Any], Any]] = {
        "breaks off": lambda route: route.abort(),
        "never answers": lambda route: None,
        "is blocked": lambda route: route.continue_(),
    }
    page.route("**/public/tracking/events", ways[obstacle])
    enter(page)
    give_photo(page)
    is_ready(page)
    wait_until(page, lambda: page.evaluate("window.tried"))
    try_on(page)
    expect(page.get_by_role("alert")).to_be_empty()


def test_an_address_is_asked_for_only_where_the_merchant_and_the_service_say_so(
    visit: Callable[..., Page], store: ThemeStore, mail: ThemeStore
) -> None:
    store.settings = ASKS  # of a shop that takes none
    expect(dressed(visit, store).get_by_role("textbox")).to_have_count(0)
    mail.settings = {}  # of a merchant who has not switched it on
    expect(dressed(visit, mail).get_by_role("textbox")).to_have_count(0)
    mail.settings = ASKS
    page = visit(mail)
    enter(page)
    expect(page.get_by_role("textbox")).to_have_count(0)  # before there is a picture


def test_a_shopper_leaves_an_address_by_keyboard_and_is_not_asked_again(
    visit: Callable[..., Page], mail: ThemeStore
) -> None:
    page = dressed(visit, mail)
    field = page.get_by_role("textbox", name="E-mail address (optional)")
    expect(field).to_have_accessible_description(
        "So that this shop can write to you. It keeps the address with its "
        "customers; your photo and pictures do not go with it."
    )
    expect(page.get_by_role("checkbox", name="news and offers")).not_to_be_checked()
    sent: list[Any] = []
    page.on("request", lambda request: sent.append(request.post_data_json) if "collect-email" in request.url else None)
    field.focus()
    page.keyboard.type("ada@")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="This is no e-mail address.")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("This is no e-mail address"))
    field.fill(ADDRESS)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Thank you. Your address goes to the shop.")
    expect(page.get_by_role("textbox")).to_have_count(0)
    expect(page.get_by_role("slider")).to_be_focused()
    assert sent == [{"email": ADDRESS, "marketingConsent": False}]
    assert mail.asked.count(COLLECT) == 1
    wait_until(page, lambda: names(mail)[-1:] == ["widget:email_collected"])
    assert "ada" not in json.dumps(mail.told)
    assert "ada" not in page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage }).slice(0, 1000)")
    page.reload()
    enter(page)
    try_on(page)
    expect(page.get_by_role("textbox")).to_have_count(0)


def test_an_address_that_the_service_refuses_stays_to_be_mended(visit: Callable[..., Page], mail: ThemeStore) -> None:
    page = dressed(visit, mail, "/de/products/shirt")
    page.locator("#email").fill("ada@example..com")
    page.get_by_role("button", name="Hinterlassen").click()
    trouble = page.locator("#email-trouble")
    expect(trouble).to_contain_text("Das ist keine E-Mail-Adresse.")
    page.locator("#email").fill(ADDRESS)
    hurried = json.dumps({"message": "Come back in an hour.", "code": "RATE_LIMIT_EXCEEDED"})
    page.route("**/collect-email*", lambda route: route.fulfill(status=429, body=hurried))
    page.get_by_role("button", name="Hinterlassen").click()
    expect(trouble).to_contain_text("Das wurde gerade sehr oft gemacht.")
    page.unroute("**/collect-email*")
    page.get_by_role("checkbox", name="Neuigkeiten").check()
    page.get_by_role("button", name="Hinterlassen").click()
    expect(page.get_by_role("status")).to_have_text("Danke. Ihre Adresse geht an den Shop.")


def test_no_thanks_is_an_answer_that_lasts(visit: Callable[..., Page], mail: ThemeStore) -> None:
    page = dressed(visit, mail)
    page.get_by_role("button", name="No, thanks").click()
    expect(page.get_by_role("textbox")).to_have_count(0)
    page.get_by_role("button", name="Make another").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#after")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)
    assert COLLECT not in mail.asked


def test_on_a_phone_that_lies_on_its_side_a_long_name_hides_nothing_and_answers_come_into_sight(
    visit: Callable[..., Page], mail: ThemeStore
) -> None:
    mail.product["title"] = "A shirt with a name that goes on and on and on, " * 5
    page = visit(mail, **PHONE | {"viewport": {"width": 740, "height": 360}})
    enter(page)
    name, choose = (
        page.locator("#name").bounding_box(),
        page.get_by_role("button", name="Choose a photo").bounding_box(),
    )
    assert name
    assert choose
    assert name["y"] + name["height"] <= choose["y"], "the button does not lie over the name"
    assert choose["y"] + choose["height"] <= 360, "and is reached without scrolling"
    give_photo(page)
    is_ready(page)
    try_on(page)
    page.locator("#email").fill(ADDRESS)
    page.locator("#leave").click()
    for sentence in ("Thank you. Your address goes to the shop.", "It is in your cart."):
        expect(page.get_by_role("status")).to_have_text(sentence)
        expect(page.get_by_role("status")).to_be_in_viewport(ratio=0.9)
        page.locator("#cart").click()


def test_the_merchant_s_own_reason_is_told(visit: Callable[..., Page], mail: ThemeStore) -> None:
    mail.settings = ASKS | {"email_why": 'For 10 % off "your" <first> order.'}
    page = dressed(visit, mail)
    expect(page.get_by_role("textbox")).to_have_accessible_description('For 10 % off "your" <first> order.')


@pytest.mark.parametrize("language", ["/fr", "/ar"])
def test_axe_finds_nothing_where_an_address_is_asked_for_and_it_fits_on_a_phone(
    visit: Callable[..., Page], mail: ThemeStore, axe: Callable[[Page], list[Any]], language: str
) -> None:
    page = dressed(visit, mail, f"{language}/products/shirt", reduced_motion="reduce", **PHONE)
    page.locator("#email").fill("nobody")
    page.locator("#leave").click()
    expect(page.locator("#email-trouble")).not_to_be_empty()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth") == 390
    page.evaluate(LARGE_TEXT)
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth") == 390
