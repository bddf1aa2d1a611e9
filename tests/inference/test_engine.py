from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pytest
import torch

from inference.batching import Batch, BatchPolicy, DeviceLostError, EngineError, Picture, wait_for_company_s
from inference.engine import Engine, family_of
from inference.jobs import ErrorCode, GenerationError
from models import catalog
from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs, UnusableInput
from models.catalog import Licence, ModelCard
from models.flops import FlopCount

if TYPE_CHECKING:
    from inference.batching import Generator

BROKEN_PERSON, BROKEN_GARMENT = 1, 2


@dataclass
class State:
    prepared: list[TryOnInputs]
    settings: SamplingSettings
    num_steps: int = 0


@dataclass
class Counting(TryOnFamily[TryOnInputs, State]):
    """A family whose pictures count the steps that made them."""

    categories: ClassVar[frozenset[str]] = frozenset({"upper", "lower"})  # the card knows one
    calls: list[str] = field(default_factory=list)
    fails_with: Exception | None = None

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        return cls()

    @classmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        raise NotImplementedError

    def prepare(self, inputs: TryOnInputs) -> TryOnInputs:
        if inputs.person[0, 0, 0] == BROKEN_PERSON:
            raise UnusableInput("person", "Show your arms.")
        if inputs.garment[0, 0, 0] == BROKEN_GARMENT:
            raise UnusableInput("garment", "This is no garment.")
        return inputs

    def begin(self, prepared: Sequence[TryOnInputs], settings: SamplingSettings) -> State:
        self.calls.append(f"begin {len(prepared)}")
        return State(list(prepared), settings)

    def step(self, state: State) -> None:
        assert torch.is_inference_mode_enabled()
        if self.fails_with is not None:
            raise self.fails_with
        self.calls.append("step")
        state.num_steps += 1

    def finish(self, state: State) -> list[Image]:
        self.calls.append("finish")
        return [np.full((2, 2, 3), state.num_steps + inputs.seed, np.uint8) for inputs in state.prepared]


def inputs(seed: int = 0, *, person: int = 9, garment: int = 9, category: str = "upper") -> TryOnInputs:
    flat = np.ones((2, 2, 3), np.uint8)
    return TryOnInputs(flat * np.uint8(person), flat * np.uint8(garment), category, seed)


@pytest.fixture
def family() -> Counting:
    return Counting()


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    monkeypatch.setitem(catalog.FAMILIES, "counting", "nowhere:Counting")
    licence = Licence("MIT", "MIT", "yes", "ours")
    return ModelCard("counting", "Counting", "counting", "", licence, (), 8, 8, 4, 1.5, ("upper",))


@pytest.fixture
def engine(family: Counting, card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(Counting, "load", lambda card, device, loading: family)
    monkeypatch.setattr("inference.engine.family_of", lambda card: Counting)
    engine = Engine(card, "cpu")
    assert family.calls == ["begin 1", "step", "step", "finish"], "it is warm"
    family.calls.clear()
    return engine


def run(
    engine: Generator, batch: Batch, stopped: Callable[[int], bool] = lambda index: False
) -> tuple[dict[int, Picture | GenerationError], list[float]]:
    progress: list[float] = []
    outcomes = list(engine.generate(batch, progress.append, stopped))
    assert len(dict(outcomes)) == len(outcomes), "an input ended twice"
    return dict(outcomes), progress


def test_each_input_gets_its_own_picture_after_the_card_s_number_of_steps(engine: Engine, family: Counting) -> None:
    outcomes, progress = run(engine, Batch([inputs(10), inputs(20)], None, None))
    assert {index: int(picture.image[0, 0, 0]) for index, picture in outcomes.items()} == {0: 14, 1: 24}  # type: ignore[union-attr]
    assert progress == [0.25, 0.5, 0.75, 1.0]
    assert family.calls == ["begin 2", "step", "step", "step", "step", "finish"]


def test_a_batch_s_own_number_of_steps_wins(engine: Engine) -> None:
    outcomes, progress = run(engine, Batch([inputs(10)], 2, None))
    assert int(outcomes[0].image[0, 0, 0]) == 12  # type: ignore[union-attr]
    assert progress == [0.5, 1.0]


def test_unusable_inputs_fail_alone_before_the_first_step(engine: Engine, family: Counting) -> None:
    unusable = [inputs(person=BROKEN_PERSON), inputs(garment=BROKEN_GARMENT), inputs(category="lower")]
    outcomes, _ = run(engine, Batch([unusable[0], inputs(7), *unusable[1:]], 1, None))
    errors = {
        index: (told.code, told.sentence) for index, told in outcomes.items() if isinstance(told, GenerationError)
    }
    assert errors[0] == (ErrorCode.PHOTO_UNUSABLE, "Show your arms.")
    assert errors[2] == (ErrorCode.GARMENT_UNUSABLE, "This is no garment.")
    assert errors[3][0] is ErrorCode.GARMENT_UNUSABLE
    assert list(outcomes) == [0, 2, 3, 1], "errors are told before the picture"
    assert family.calls[0] == "begin 1"


def test_a_picture_comes_with_its_family_s_warnings(
    engine: Engine, family: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family, "warnings", lambda prepared: (f"seed {prepared.seed}",))
    outcomes, _ = run(engine, Batch([inputs(1), inputs(2)], 1, None))
    assert [outcomes[index].warnings for index in (0, 1)] == [("seed 1",), ("seed 2",)]  # type: ignore[union-attr]


def test_when_nothing_is_usable_nothing_begins(engine: Engine, family: Counting) -> None:
    run(engine, Batch([inputs(person=BROKEN_PERSON)], None, None))
    assert family.calls == []


def test_a_stopped_input_ends_between_steps_and_its_mates_go_on(engine: Engine, family: Counting) -> None:
    batch = Batch([inputs(10), inputs(20)], None, None)
    outcomes, progress = run(engine, batch, lambda index: index == 0 and family.calls.count("step") >= 2)
    assert isinstance(outcomes[0], GenerationError)
    assert outcomes[0].code is ErrorCode.CANCELLED
    assert int(outcomes[1].image[0, 0, 0]) == 24  # type: ignore[union-attr]
    assert progress[-1] == 1.0


def test_when_all_are_stopped_no_further_step_is_made(engine: Engine, family: Counting) -> None:
    run(engine, Batch([inputs(), inputs()], None, None), lambda index: family.calls.count("step") >= 2)
    assert family.calls == ["begin 2", "step", "step"]


def test_gradients_are_on_again_while_the_worker_handles_an_outcome(engine: Engine) -> None:
    for _ in engine.generate(Batch([inputs(), inputs()], None, None), lambda fraction: None, lambda index: False):
        assert not torch.is_inference_mode_enabled()


def test_an_error_of_the_accelerator_is_a_lost_device_and_no_job_s_fault(engine: Engine, family: Counting) -> None:
    family.fails_with = torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700)
    with pytest.raises(DeviceLostError):
        run(engine, Batch([inputs()], None, None))


def test_too_little_memory_is_an_error_of_the_batch(engine: Engine, family: Counting) -> None:
    family.fails_with = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        run(engine, Batch([inputs()], None, None))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_refused_with_a_sentence(card: ModelCard) -> None:
    with pytest.raises(EngineError, match="--device cpu"):
        Engine(card, "cuda:0")


@pytest.mark.parametrize("name", [name for name in catalog.card_names() if not catalog.read_card(name).is_helper])
def test_every_card_names_a_family_that_can_be_imported(name: str) -> None:
    assert issubclass(family_of(catalog.read_card(name)), TryOnFamily)


def test_an_idle_worker_waits_for_company_only_while_its_batch_has_room() -> None:
    policy = BatchPolicy(max_jobs=4, window_s=0.05)
    assert [wait_for_company_s(policy, waiting) for waiting in (1, 3, 4, 9)] == [0.05, 0.05, 0.0, 0.0]
    assert wait_for_company_s(dataclasses.replace(policy, max_jobs=1), 1) == 0.0


@pytest.mark.parametrize("wrong", [{"max_jobs": 0}, {"window_s": -1.0}])
def test_an_impossible_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a batch needs"):
        BatchPolicy(**wrong)  # type: ignore[arg-type]
