"""What a stretch of load comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.bench.live.ledger import Record
from scripts.bench.live.shopper import Outcome

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Visits, the service's records of them, and what its workers counted meanwhile."""

    outcomes: Sequence[Outcome]
    records: Sequence[Record]
    counted: Counter[str]
    offered: float | None = None  # arrivals a second, on average, where they wait for nobody

    @property
    def pictures_s(self) -> list[float]:
        """From when each visit was due to its picture."""
        return [outcome.picture_s for outcome in self.outcomes if outcome.picture_s is not None]

    @property
    def num_pictures(self) -> int:
        return len(self.pictures_s)

    @property
    def num_lost(self) -> int:
        """Accepted, and no picture came of it."""
        return sum(bool(outcome.generation_id) and outcome.picture_s is None for outcome in self.outcomes)

    @property
    def num_refused(self) -> int:
        return sum(not outcome.generation_id for outcome in self.outcomes)

    @property
    def problems(self) -> list[str]:
        """Each once."""
        return sorted({outcome.problem for outcome in self.outcomes if outcome.problem})

    @property
    def pickups_s(self) -> list[float]:
        """From each POST to the start of its job; the client and Redis go by one clock, this machine's."""
        started = {record.generation_id: record.started_at for record in self.records}
        return [started[each.generation_id] - each.due_at for each in self.outcomes if started.get(each.generation_id)]

    @property
    def rate(self) -> float:
        """Pictures a second, from when the first was due to when the last had come."""
        ends = [outcome.due_at + outcome.picture_s for outcome in self.outcomes if outcome.picture_s is not None]
        return len(ends) / (max(ends) - min(outcome.due_at for outcome in self.outcomes)) if ends else 0.0

    @property
    def denoiser_share(self) -> float | None:
        """Of the workers' wall time from the first claim to the last ending, the share that the denoiser ran."""
        busy_s = max((record.ended_at for record in self.records), default=0.0) - min(
            (record.started_at for record in self.records), default=0.0
        )
        num_workers = len({record.worker for record in self.records})
        return self.counted["seconds.denoise"] / (busy_s * num_workers) if busy_s and num_workers else None

    @property
    def batches(self) -> dict[str, int]:
        """Batch size -> how many."""
        return {
            name.partition(".")[2]: int(count)
            for name, count in sorted(self.counted.items())
            if name.startswith("batches.") and count
        }

    @property
    def jobs_a_batch(self) -> float | None:
        num = sum(self.batches.values())
        return sum(int(size) * count for size, count in self.batches.items()) / num if num else None

    @property
    def hit_rates(self) -> dict[str, float]:
        """Tier of what is kept -> share of its look-ups that found something."""
        tiers = {name.rpartition(".")[0] for name in self.counted if name.startswith("reuse.")}
        asked = {tier: self.counted[f"{tier}.hits"] + self.counted[f"{tier}.misses"] for tier in sorted(tiers)}
        return {tier.removeprefix("reuse."): self.counted[f"{tier}.hits"] / num for tier, num in asked.items() if num}

    def told(self) -> dict[str, Any]:
        """For JSON; times in milliseconds."""
        return {
            "submitted": len(self.outcomes),
            "pictures": self.num_pictures,
            "lost": self.num_lost,
            "refused": self.num_refused,
            "arrivals_per_s": self.offered,
            "pictures_per_s": self.rate,
            "picture_ms": percentiles_ms(self.pictures_s),
            "answer_ms": percentiles_ms([each.answered_s for each in self.outcomes if each.generation_id]),
            "queue_ms": percentiles_ms([record.queue_s for record in self.records if record.started_at]),
            "batches": self.batches,
            "jobs_a_batch": self.jobs_a_batch,
            "denoiser_share": self.denoiser_share,
            "hit_rates": self.hit_rates,
            "problems": self.problems,
        }


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """`p50`, `p95`, `p99` in milliseconds; nothing of nothing."""
    if not seconds:
        return {}
    values = np.percentile(seconds, PERCENTILES, method="inverted_cdf")
    return {f"p{share}": 1000 * float(value) for share, value in zip(PERCENTILES, values, strict=True)}


def together(stretches: Sequence[Stretch]) -> Stretch:
    """As one, for figures over all rounds."""
    counted: Counter[str] = Counter()
    for stretch in stretches:
        counted.update(stretch.counted)
    return Stretch(
        [outcome for stretch in stretches for outcome in stretch.outcomes],
        [record for stretch in stretches for record in stretch.records],
        counted,
    )
