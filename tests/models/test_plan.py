from __future__ import annotations

import pytest

from models.exactness import NONE, Approximations
from models.plan import Step, planned, source_of

GUIDED, UNGUIDED = Step(is_guided=True), Step(is_guided=False)


def test_without_approximations_each_step_is_fresh_and_guided_as_the_family_says() -> None:
    assert planned(3, lambda step: step < 2, NONE) == (GUIDED, GUIDED, UNGUIDED)


def test_outside_the_interval_no_step_is_guided() -> None:
    assert planned(4, lambda step: True, Approximations(guidance_interval=(0.25, 0.75))) == (
        *(UNGUIDED, GUIDED, GUIDED, UNGUIDED),
    )
    assert planned(4, lambda step: False, Approximations(guidance_interval=(0.0, 1.0))) == (UNGUIDED,) * 4


@pytest.mark.parametrize(("reuse", "fresh"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [0, 3]), (9, [0])])
def test_a_garment_is_walked_once_in_so_many_steps(reuse: int, fresh: list[int]) -> None:
    plan = planned(5, lambda step: True, Approximations(garment_reuse_steps=reuse))
    assert [number for number, step in enumerate(plan) if step.is_fresh] == fresh
    assert [source_of(plan, number) for number in range(5)] == [max(one for one in fresh if one <= n) for n in range(5)]


def test_what_is_kept_is_what_the_next_step_takes() -> None:
    for reuse in (1, 2, 3, 4):
        plan = planned(7, lambda step: True, Approximations(garment_reuse_steps=reuse))
        for step, following in zip(plan, [*plan[1:], GUIDED], strict=True):
            assert step.is_kept == (step.is_fresh and not following.is_fresh)


def test_guidance_that_sets_in_walks_the_garment_anew() -> None:
    plan = planned(6, lambda step: True, Approximations(guidance_interval=(0.6, 1.0), garment_reuse_steps=3))
    assert [step.is_guided for step in plan] == [False, False, False, False, True, True]
    assert [step.is_fresh for step in plan] == [True, False, False, True, True, False]
