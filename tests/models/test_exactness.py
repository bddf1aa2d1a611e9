from __future__ import annotations

import json
from typing import Any

import pytest

from models.exactness import Approximations, Exactness, Optimisation

SOME = Approximations(num_inference_steps=2, guidance_interval=(0.25, 1.0), garment_reuse_steps=3)


@pytest.mark.parametrize("approximations", [Approximations(), SOME, Approximations(guidance_interval=(0, 1))])
def test_approximations_survive_json(approximations: Approximations) -> None:
    assert Approximations.of(json.loads(json.dumps(approximations.as_dict()))) == approximations


@pytest.mark.parametrize("error", [None, 0.0, 0.125])
def test_an_optimisation_survives_json(error: float | None) -> None:
    optimisation = Optimisation("int8 weights", Exactness.APPROXIMATE, error)
    assert Optimisation.of(json.loads(json.dumps(optimisation.as_dict()))) == optimisation


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("num_inference_steps", value) for value in (0, -1, 1000, 2.0, True, "2")),
        *(("garment_reuse_steps", value) for value in (0, 1000, 1.5)),
        *(
            ("guidance_interval", value)
            for value in (
                [0.5, 0.5],
                [0.6, 0.4],
                [-0.1, 1],
                [0, 1.1],
                [0],
                [0, 0.5, 1],
                [0, float("nan")],
                [False, 1],
                1,
            )
        ),
        ("colour", "red"),
    ],
)
def test_what_is_out_of_bounds_is_told_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} "):
        Approximations.of({name: value})


def test_what_a_request_leaves_open_is_the_card_s() -> None:
    asked = Approximations(guidance_interval=(0, 1), garment_reuse_steps=1)
    assert asked.over(SOME) == Approximations(2, (0, 1), 1)
    assert Approximations().over(SOME) == SOME


def test_two_intervals_that_meet_share_out_the_steps() -> None:
    early, late = Approximations(guidance_interval=(0, 0.4)), Approximations(guidance_interval=(0.4, 1))
    for num_steps in (1, 2, 3, 4, 7, 30):
        guided = [(early.is_guided(step, num_steps), late.is_guided(step, num_steps)) for step in range(num_steps)]
        assert guided == sorted(guided, reverse=True)
        assert all(first != second for first, second in guided)


def test_all_steps_are_guided_and_take_their_own_garment_unless_asked_otherwise() -> None:
    for off in (Approximations(), Approximations(1, (0, 1), 1)):
        assert all(off.is_guided(step, 30) and off.source_of(step) == step for step in range(30))
    assert [SOME.source_of(step) for step in range(7)] == [0, 0, 0, 3, 3, 3, 6]
