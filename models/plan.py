"""What each step of a walk computes, decided before the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.exactness import NONE, Approximations, Exactness, Optimisation


@dataclass(frozen=True, slots=True)
class Step:
    """`is_guided`: with what guidance leads away from.

    `is_fresh`: with keys and values of the garment of its own, which the steps after it take over until one is fresh
    again; `is_kept`: there is such a step.
    """

    is_guided: bool
    is_fresh: bool = True
    is_kept: bool = False


def planned(num_steps: int, guides: Callable[[int], bool], approximations: Approximations) -> tuple[Step, ...]:
    """`guides`: whether a step is guided but for the approximations.

    Guidance that sets in makes a step fresh: what it leads away from has keys and values, too.
    """
    guided = [guides(step) and approximations.is_guided(step, num_steps) for step in range(num_steps)]
    fresh = [
        approximations.source_of(step) == step or (guided[step] and not guided[step - 1]) for step in range(num_steps)
    ]
    kept = [is_fresh and not follows for is_fresh, follows in zip(fresh, [*fresh[1:], True], strict=True)]
    return tuple(map(Step, guided, fresh, kept))


def source_of(plan: Sequence[Step], number: int) -> int:
    """The step whose keys and values of the garment a step takes: the last fresh one."""
    return max(earlier for earlier in range(number + 1) if plan[earlier].is_fresh)


def told(num_steps: int, guides: Callable[[int], bool], approximations: Approximations) -> tuple[Optimisation, ...]:
    """What the approximations change of such a plan, by name."""
    plan, usual = (planned(num_steps, guides, chosen) for chosen in (approximations, NONE))
    names = []
    if [step.is_guided for step in plan] != [step.is_guided for step in usual]:
        first, last = approximations.guidance_interval or (0.0, 1.0)
        names.append(f"guidance from {first:g} to {last:g} of the schedule only")
    if not all(step.is_fresh for step in plan):
        names.append(f"garment's keys and values kept for {approximations.garment_reuse_steps} steps")
    return tuple(Optimisation(name, Exactness.APPROXIMATE) for name in names)
