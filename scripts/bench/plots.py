"""Plots as SVG for a page: text stays text, and every colour is a variable of the page, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH, HEIGHT = 6.4, 3.9  # inches of 72 points
INK, FAINT = "#010101", "#020202"
SERIES = ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306")
VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)
}
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Line:
    """Points, `joined` by a line and `marked` by dots. `low` and `high`: the ends of each point's interval."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    joined: bool = True
    marked: bool = True

    @property
    def style(self) -> str:
        return ("o" if self.marked else "") + ("-" if self.joined else "")


@dataclass(frozen=True, slots=True)
class Bar:
    """`series`: whose colour it has."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    series: int = 0


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines, or else bars. `x_scale`, `y_scale`: linear, log or log2; `levels`: label -> height of a dashed line."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    x_scale: str = "linear"
    y_scale: str = "linear"
    levels: Mapping[str, float] = field(default_factory=dict)
    caption: str = ""


def drawn(plot: Plot, salt: str) -> str:
    """The plot as an `<svg>`; `salt` keeps its identifiers apart from those of the page's other plots."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE | {"svg.hashsalt": salt}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        _draw_bars(axes, plot) if plot.bars else _draw_lines(axes, plot)
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        if len(plot.lines) > 1 or plot.levels:
            axes.legend()
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(written.getvalue(), salt)


def _draw_lines(axes: Any, plot: Plot) -> None:
    for number, line in enumerate(plot.lines):
        colour = SERIES[number % len(SERIES)]
        axes.plot(line.x, line.y, line.style, color=colour, label=line.label)
        if line.low:
            axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    for number, (label, height) in enumerate(plot.levels.items()):
        axes.axhline(height, color=SERIES[-1 - number], linestyle="--", linewidth=1.2, label=label)
    _scale(axes, "x", plot.x_scale, [value for line in plot.lines for value in line.x])
    _scale(axes, "y", plot.y_scale, [])
    if plot.y_scale == "linear":
        axes.set_ylim(bottom=0)


def _draw_bars(axes: Any, plot: Plot) -> None:
    places = range(len(plot.bars))
    axes.barh(places, [bar.value for bar in plot.bars], color=[SERIES[bar.series] for bar in plot.bars], height=0.6)
    for place, bar in zip(places, plot.bars, strict=True):
        if bar.low is not None and bar.high is not None:
            axes.hlines(place, bar.low, bar.high, color=INK, linewidth=1.5)
        axes.annotate(
            f"{bar.value:.3g}", (bar.high or bar.value, place), (5, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(list(places), [bar.label for bar in plot.bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)


def _scale(axes: Any, which: str, scale: str, values: Sequence[float]) -> None:
    if scale == "linear":
        return
    getattr(axes, f"set_{which}scale")("log", base=2 if scale == "log2" else 10)
    axis = getattr(axes, f"{which}axis")
    if scale == "log2" and values:
        axis.set_ticks(sorted(set(values)), [f"{value:g}" for value in sorted(set(values))])


def _for_page(svg: str, salt: str) -> str:
    """Without a prologue and a fixed size, and in the page's colours."""
    svg = svg[svg.index("<svg") :]
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img">', svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"font: [\d.]+px [^;\"]*", lambda found: found[0].split("px")[0] + "px var(--font)", svg)
    return re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{salt}-", svg)
