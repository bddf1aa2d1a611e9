from __future__ import annotations

import pytest

from inference.jobs import BatchKey, ErrorCode, GenerationError, GenerationRequest
from inference.terms import check_card, check_offered, fewer_steps, settings_of
from models.base import SamplingSettings
from models.catalog import CardError, Licence, ModelCard
from models.exactness import Approximations, Exactness, Optimisation

LICENCE = Licence("MIT", "MIT", "yes", "ours")
QUANTISED = Optimisation("int8 weights", Exactness.APPROXIMATE, 0.01)
COMPILED = Optimisation("compiled", Exactness.NEAR)
ALL = frozenset({"num_inference_steps", "guidance_interval", "garment_reuse_steps"})


def card(approximations: Approximations | None = None, *, strict: bool = False) -> ModelCard:
    return ModelCard(
        "a", "A", "paperdoll", "", LICENCE, (), 8, 8, 4, 1.5, ("upper",),
        approximations=approximations or Approximations(), strict=strict,
    )  # fmt: skip


def batch(approximations: Approximations | None = None, *, strict: bool = False, steps: int | None = None) -> BatchKey:
    return BatchKey("a", steps, None, approximations or Approximations(), strict)


def test_the_batch_s_word_goes_over_the_card_s() -> None:
    usual = card(Approximations(num_inference_steps=2, garment_reuse_steps=2))
    assert settings_of(batch(), usual) == SamplingSettings(2, 1.5, usual.approximations)
    asked = settings_of(batch(Approximations(3, garment_reuse_steps=1)), usual)
    assert (asked.num_inference_steps, asked.approximations.garment_reuse_steps) == (3, 1)
    assert settings_of(batch(steps=9), usual).num_inference_steps == 9


def test_a_strict_batch_takes_none_of_the_card_s_approximations() -> None:
    usual = card(Approximations(num_inference_steps=2, guidance_interval=(0, 0.5)))
    assert settings_of(batch(strict=True), usual) == SamplingSettings(4, 1.5)


def test_fewer_steps_than_the_card_s_are_an_approximation_and_more_are_none() -> None:
    assert [fewer_steps(SamplingSettings(steps, 1.5), card()) != () for steps in (3, 4, 5)] == [True, False, False]


@pytest.mark.parametrize(
    ("asked", "of", "making"),
    [
        (batch(Approximations(guidance_interval=(0, 0.5))), card(), ()),  # the family has none
        (batch(Approximations(num_inference_steps=5)), card(), ()),
        (batch(strict=True), card(), (COMPILED, QUANTISED)),
        (batch(), card(strict=True), (QUANTISED,)),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(
    asked: BatchKey, of: ModelCard, making: tuple[Optimisation, ...]
) -> None:
    with pytest.raises(GenerationError) as caught:
        check_offered(asked, of, ALL - {"guidance_interval"}, making)
    assert caught.value.code is ErrorCode.NOT_OFFERED
    assert caught.value.sentence.endswith(".")


def test_what_there_is_is_let_through() -> None:
    check_offered(batch(Approximations(4, (0, 0.5), 2)), card(), ALL, (QUANTISED,))
    check_offered(batch(strict=True), card(), ALL, (COMPILED,))


def test_a_strict_card_refuses_what_is_approximate_when_it_is_loaded() -> None:
    check_card(card(strict=True), ALL, (COMPILED,))
    with pytest.raises(CardError, match="int8 weights"):
        check_card(card(strict=True), ALL, (QUANTISED,))
    with pytest.raises(ValueError, match="strict"):
        card(Approximations(num_inference_steps=2), strict=True)


def test_a_card_that_asks_for_what_its_family_has_not_says_what_to_take_out() -> None:
    with pytest.raises(CardError, match=r"approximations\.guidance_interval"):
        check_card(card(Approximations(guidance_interval=(0, 0.5))), ALL - {"guidance_interval"}, ())


def test_a_card_s_fewer_steps_are_not_more_than_its_own() -> None:
    with pytest.raises(ValueError, match="at most 4"):
        card(Approximations(num_inference_steps=5))


def test_a_request_survives_json_and_one_of_before_is_read() -> None:
    request = GenerationRequest("gen_1", "s", "", "p", "g", "upper", "a", 1, approximations=Approximations(2, (0, 0.5)))
    assert GenerationRequest.from_json(request.to_json()) == request
    before = request.to_json().replace('"approximations":{"num_inference_steps":2,"guidance_interval":[0,0.5]},', "")
    assert GenerationRequest.from_json(before).approximations == Approximations()


def test_jobs_that_are_approximated_otherwise_share_no_batch() -> None:
    keys = [
        GenerationRequest("gen_1", "s", "", "p", "g", "upper", "a", 1, approximations=asked, strict=strict).batch_key
        for asked, strict in (
            (Approximations(), False),
            (Approximations(), True),
            (Approximations(num_inference_steps=2), False),
            (Approximations(guidance_interval=(0, 0.5)), False),
            (Approximations(guidance_interval=(0.5, 1)), False),
            (Approximations(garment_reuse_steps=2), False),
        )
    ]
    assert len(set(keys)) == len({str(key) for key in keys}) == len(keys)
