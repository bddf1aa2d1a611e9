"""What the model must reach, and whether it does."""

from __future__ import annotations

from typing import Any

from models.catalog import load_card
from models.paperdoll.patterns import NAMES
from models.paperdoll.scoring import Tally

STEPS = (1, 4, 8)
DEFAULT_STEPS = load_card("paperdoll").num_inference_steps


def report(seen: Tally, unseen: Tally, steps: int, size_mb: float, seconds: float) -> dict[str, Any]:
    """All figures as one JSON object; `steps` is what `seen` and `unseen` are reported at."""
    chosen = str(steps)
    sources = dict.fromkeys([chosen, *map(str, STEPS), "composite"])
    groups = {"seen": seen, "unseen": unseen}
    figures = {
        "seen": seen.means(chosen),
        "unseen": unseen.means(chosen),
        "patterns": _patterns(seen, chosen) | _patterns(unseen, chosen),
        "outside_changed_pixels": int(sum(sum(tally.values["outside_changed"]) for tally in groups.values())),
        "steps": steps,
        "by_steps": {source: seen.means(source) for source in sources},
        "baselines": {
            group: {name: tally.means(name, ("db", "ssim")) for name in ("unchanged", "mean_colour")}
            for group, tally in groups.items()
        },
        "truth_kind": round(seen.mean("truth/kind"), 4),
        "megabytes": round(size_mb, 2),
        "seconds_a_picture": round(seconds, 3),
    }
    met = _met(figures)
    return {**figures, "bars": met, "bars_met": all(met.values())}


def _patterns(tally: Tally, chosen: str) -> dict[str, dict[str, float]]:
    """PSNR of the model and of the mean colour, for each pattern that was drawn."""
    return {
        name: {
            "model": round(tally.mean(f"{chosen}/db/{name}"), 2),
            "mean_colour": round(tally.mean(f"mean_colour/db/{name}"), 2),
        }
        for name in NAMES
        if f"{chosen}/db/{name}" in tally.values
    }


def _met(figures: dict[str, Any]) -> dict[str, bool]:
    seen, unseen, by_steps = figures["seen"], figures["unseen"], figures["by_steps"]
    return {
        "seen": seen["db"] >= 21.0 and seen["ssim"] >= 0.76,
        "unseen": unseen["db"] >= 16.5 and unseen["ssim"] >= 0.66,
        "every_pattern": all(row["model"] > row["mean_colour"] for row in figures["patterns"].values()),
        "limbs": seen["limb_db"] >= 20.5 and seen["kind"] >= 0.96,
        "outside": figures["outside_changed_pixels"] == 0,
        "denoiser_helps": all(seen[name] > by_steps["composite"][name] for name in ("db", "limb_db", "edge_ssim")),
        "steps_hold": all(by_steps[k]["db"] >= by_steps["1"]["db"] - 0.1 for k in ("4", "8")),
        "small": figures["megabytes"] <= 16,
        "quick": figures["seconds_a_picture"] <= 1.0,
    }
