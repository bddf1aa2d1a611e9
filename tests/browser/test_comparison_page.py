"""The page of a comparison in a real browser, opened as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from judged_runs import draw, make_run
from playwright.sync_api import expect
from typer.testing import CliRunner

from scripts.cli import made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, each noisier than the one before; one row of the second failed."""
    folder = tmp_path_factory.mktemp("comparison")
    data = draw(folder / "set")
    noises = {"a": 4, "b": 12, "c": 30}
    runs = [make_run(folder / name, data, noise, failed=int(name == "b")) for name, noise in noises.items()]
    options = ["--reference", str(data.truths), "--masks", str(data.masks), "--data", str(folder / "data")]
    for run in runs:
        assert CliRunner().invoke(made(["evaluate"]), ["evaluate", str(run), *options]).exit_code == 0
    words = ["compare", *map(str, runs), "-o", str(folder / "page.html"), "--pictures", "4"]
    assert CliRunner().invoke(made(words), words).exit_code == 0
    return folder / "page.html"


@pytest.fixture
def page(context: BrowserContext, compared: Path) -> Iterator[Page]:
    """The page with the network cut; the test fails when it asks for anything, or writes to its console."""
    context.set_offline(True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(compared.as_uri())
    yield page
    assert complaints == []


def test_it_says_which_run_is_better_and_where(page: Page) -> None:
    expect(page.locator("#summary")).to_contain_text("b is worse than a in all 8 figures. c is worse than a in all 8")
    row = page.locator('#figures tr[data-metric="psnr"]')
    expect(row).to_contain_text("worse")
    expect(row).to_contain_text("p ")
    expect(page.locator("header")).to_contain_text("1 failed")
    page.get_by_text("Not measured").click()
    expect(page.locator("#absent")).to_contain_text("fitting-room fetch fid-inception")
    expect(page.locator("#cost tbody tr")).to_have_count(3)
    expect(page.locator("#cost")).to_contain_text("0.565")
    expect(page.locator("#cost")).to_contain_text("0.69 GiBof a process")


def test_filters_choose_rows_of_figures_and_pictures(page: Page) -> None:
    expect(page.locator("#chosen")).to_have_text("11 of 11 pairs")
    whole = page.locator('#figures tr[data-metric="psnr"] td').nth(1).inner_text()
    page.locator("#category").select_option("upper")
    page.locator("#garment").select_option("coat")
    expect(page.locator("#chosen")).to_have_text("2 of 11 pairs")
    assert page.locator('#figures tr[data-metric="psnr"] td').nth(1).inner_text() != whole
    for strip in page.locator(".strip").all():
        expect(strip).to_contain_text("upper · coat")
    page.locator("#category").select_option("all")
    page.locator("#garment").select_option("all")
    assert page.locator('#figures tr[data-metric="psnr"] td').nth(1).inner_text() == whole


def test_the_worst_come_first_in_the_order_that_is_chosen(page: Page) -> None:
    page.get_by_label("Order").select_option(label="Worst SSIM, garment of c")
    page.get_by_label("Against").select_option("c")
    cells = page.locator(".strip tr", has_text="SSIM, garment").locator("td:nth-child(3)").all_inner_texts()
    assert cells == sorted(cells)
    assert len(cells) >= 4


def test_the_slider_goes_from_one_picture_to_the_other_by_mouse_and_keys(page: Page) -> None:
    stage = page.locator(".slider").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    split = float(stage.evaluate("stage => parseFloat(stage.style.getPropertyValue('--split'))"))
    assert split == pytest.approx(90, abs=4)
    stage.locator("input").press("ArrowLeft")
    assert float(stage.evaluate("stage => parseFloat(stage.style.getPropertyValue('--split'))")) == split - 1
    assert page.locator(".slider img").evaluate_all("all => all.every(image => image.naturalWidth > 0)")


def test_votes_are_blind_until_they_are_saved_to_a_file(page: Page, tmp_path: Path) -> None:
    ballot = page.locator("#ballot")
    expect(page.get_by_role("button", name="Save votes")).to_be_disabled()
    for choice in ("Left is better", "No preference", "Left is better"):
        ballot.get_by_role("button", name=choice).click()
    misjudged = ballot.locator("img").evaluate_all("all => all.map(image => image.src)")
    ballot.get_by_role("button", name="Right is better").click()
    ballot.get_by_role("button", name="Take back").click()
    assert ballot.locator("img").evaluate_all("all => all.map(image => image.src)") == misjudged
    ballot.get_by_role("button", name="Take back").click()
    ballot.get_by_role("button", name="Right is better").click()
    expect(page.locator("#tally")).to_contain_text("3 of 8")  # four rows by lot, in two runs against the first
    named = ballot.locator("img").evaluate_all("all => all.map(image => image.alt)")
    assert set(named) == {"Person", "Garment", "Left", "Right"}
    with page.expect_download() as download:
        page.get_by_role("button", name="Save votes").click()
    download.value.save_as(tmp_path / "votes.json")
    kept = json.loads((tmp_path / "votes.json").read_text())
    assert kept["runs"] == ["a", "b", "c"]
    assert [vote["choice"] for vote in kept["votes"]] == ["left", "tie", "right"]
    first, tie, last = kept["votes"]
    assert (first["winner"], tie["winner"], last["winner"]) == (first["left"], None, last["right"])
    expect(page.locator("#tally")).to_contain_text("no preference 1")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window_follows_light_and_dark_and_is_open_to_everybody(
    page: Page, axe: Callable[[Page], list[Any]], width: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cut = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).length"
    assert page.locator(".strip td, #cost td, #ballot button, select").evaluate_all(cut) == 0
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(shade) < 64) == (scheme == "dark")
