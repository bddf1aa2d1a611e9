"""What a benchmark leaves behind: a table, a page that needs nothing, and one JSON line."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.bench.machine import Machine, this_machine
from scripts.bench.plots import Bar, Line, Plot
from scripts.bench.report import Report, Table, publish
from scripts.bench.spread import Spread

MACHINE = Machine("A <fast> CPU", 2, 15.6, "Linux 6", "3.12.1", packages={"torch": "2.13.0"}, commit="a" * 40)
PLOTS = (
    Plot("Curve", "batch", "pictures/s", lines=[Line("ours", [1, 2, 4], [1.0, 1.8, 2.0], [0.9] * 3, [2.1] * 3)]),
    Plot("Bars", "seconds", "", bars=[Bar("ours", 1.0, 0.9, 1.2), Bar("published", 2.0)]),
    Plot("Roof", "x", "y", lines=[Line("a", [1, 8], [1, 8])], x_scale="log2", y_scale="log", levels={"peak": 9}),
)
REPORT = Report(
    name="engine-toy",
    title="Engine: a toy",
    command="fitting-room bench engine --card toy",
    machine=MACHINE,
    figures={"ratio": Spread(2.0, 1.5, 2.5, 5), "by_batch": {"1": {"seconds": Spread(1.0, 0.5, 1.5, 3)}}, "lost": 0},
    tables=(Table("Pictures", ("batch", "seconds"), [(1, Spread(1.0, 0.5, 1.5, 3)), (1024, 12345.6)]),),
    plots=PLOTS,
    notes=("Made up.",),
    measured_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
)
CHROMIUM = shutil.which("chromium")


class Strict(HTMLParser):
    """Collects what a page would load, and the identifiers in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                self.loaded.append(f"{tag} {value}")
            if name == "id" and value:
                self.ids.append(value)


def test_the_last_line_says_the_medians_their_intervals_and_where_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(REPORT, tmp_path / "sub" / "page.html")
    said = capsys.readouterr().out.splitlines()
    told = json.loads(said[-1])
    assert told["ratio"] == 2.0
    assert told["lost"] == 0
    assert told["spread"] == {"ratio": [1.5, 2.5], "by_batch.1.seconds": [0.5, 1.5]}
    assert told["machine"]["packages"] == {"torch": "2.13.0"}
    assert told["machine"]["commit"] == "a" * 40
    assert json.loads((tmp_path / "sub" / "page.json").read_text()) == told
    assert any("1 (0.5 to 1.5)" in line for line in said), "the table shows the spread"


def test_a_page_loads_nothing_and_its_identifiers_are_its_own() -> None:
    page = Strict()
    html = REPORT.html()
    page.feed(html)
    assert page.loaded == []
    assert len(page.ids) == len(set(page.ids))
    assert html.count("<svg") == len(PLOTS)
    assert "A &lt;fast&gt; CPU" in html


def test_every_reference_within_a_plot_finds_its_target() -> None:
    html = REPORT.html()
    targets = set(re.findall(r'href="#([^"]+)"', html)) | set(re.findall(r"url\(#([^)]+)\)", html))
    assert targets
    assert targets <= set(re.findall(r'id="([^"]+)"', html))


def test_plots_have_no_colour_of_their_own() -> None:
    drawn = "".join(re.findall(r"<svg.*?</svg>", REPORT.html(), re.DOTALL))
    assert re.findall(r"#[0-9a-f]{6}\b", drawn) == []
    assert "var(--series-1)" in drawn


def test_the_same_report_is_the_same_page_byte_for_byte() -> None:
    assert REPORT.html() == dataclasses.replace(REPORT).html()


def test_a_second_run_of_a_name_writes_over_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    publish(REPORT)
    publish(dataclasses.replace(REPORT, title="Again"))
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    folder = "benchmarks/a-fast-cpu-2-cores"
    assert written == [f"{folder}/engine-toy.html", f"{folder}/engine-toy.json"]
    assert "Again" in (tmp_path / written[0]).read_text()


def test_this_machine_names_what_it_can() -> None:
    machine = this_machine()
    assert machine.cpu
    assert machine.num_cores >= 1
    assert machine.memory_gib > 0
    assert "torch" in machine.packages
    assert re.fullmatch(r"[0-9a-f]{40}|", machine.commit)
    assert re.fullmatch(r"[a-z0-9-]+", machine.slug)
    assert machine.gpus == ()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_wide_tables_need_no_sideways_scrolling_on_a_desktop_and_the_page_none_on_a_phone(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    heads = ("", "times as fast as published", "its loop", "rounds", "pictures/s", "of matmul peak", "peak TFLOP/s")
    row = ("engine-fashn-vton-1.5-random-small", *("0.999 (0.999 to 0.999)",) * 2, 5, 0.1997, 0.09528, 0.08431)
    failed = f"failed with 1: {'device-side assert triggered ' * 8}"
    tables = (Table("Engine", heads, [row]), Table("Parts", ("", "state"), [(row[0], failed)]))
    publish(dataclasses.replace(REPORT, tables=tables), tmp_path / "page.html")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto((tmp_path / "page.html").as_uri())
        beyond = "[...document.querySelectorAll('.scroll')].map(one => one.scrollWidth - one.clientWidth)"
        assert page.evaluate(beyond) == [0, 0]
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        browser.close()
