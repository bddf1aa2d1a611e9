from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import torch

from inference.batching import BatchPolicy, DeviceLostError, EngineError, make_one, wait_for_company_s
from inference.engine import Engine
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.loading import family_of
from inference.options import EngineOptions
from inference.profiles import Profile, Timing
from models import catalog
from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs, UnusableInput
from models.catalog import Licence, ModelCard, WeightFile
from models.exactness import Approximations, Exactness, Optimisation, exactly
from models.flops import FlopCount

ALONE = EngineOptions(overlap=False)
KEY = BatchKey("counting", None, None)
BROKEN_PERSON, BROKEN_GARMENT = 1, 2


@dataclass
class State:
    prepared: list[TryOnInputs]
    settings: SamplingSettings
    num_steps: int = 0


WARM = ["begin 1", "step", "step", "decode"]


@dataclass
class Counting(TryOnFamily[TryOnInputs, State, int]):
    """A family whose pictures count the steps that made them."""

    categories: ClassVar[frozenset[str]] = frozenset({"upper", "lower"})  # the card knows one
    calls: list[str] = field(default_factory=list)
    fails_with: Exception | None = None
    holds: int = 8  # jobs at once

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
        if len(prepared) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.calls.append(f"begin {len(prepared)}")
        return State(list(prepared), settings)

    def step(self, state: State) -> None:
        assert torch.is_inference_mode_enabled()
        if self.fails_with is not None:
            raise self.fails_with
        self.calls.append("step")
        state.num_steps += 1

    def decode(self, state: State) -> list[int]:
        self.calls.append("decode")
        return [state.num_steps + inputs.seed for inputs in state.prepared]

    def finish(self, prepared: TryOnInputs, canvas: int) -> Image:
        return np.full((2, 2, 3), canvas, np.uint8)


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
    monkeypatch.setattr("inference.loading.family_of", lambda card: Counting)
    engine = Engine(card, "cpu", ALONE)
    assert family.calls == WARM, "it is warm"
    family.calls.clear()
    return engine


@pytest.fixture
def overlapping(family: Counting, card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    monkeypatch.setattr(Counting, "load", lambda card, device, loading: family)
    monkeypatch.setattr("inference.loading.family_of", lambda card: Counting)
    monkeypatch.setattr("inference.warming.measured", larger_is_faster)
    return Engine(card, "cpu", EngineOptions(cache_folder=tmp_path))


def test_an_engine_for_pictures_one_by_one_times_no_batches(
    family: Counting, card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Counting, "load", lambda card, device, loading: family)
    monkeypatch.setattr("inference.loading.family_of", lambda card: Counting)
    engine = Engine(card, "cpu", EngineOptions(cache_folder=tmp_path, alone=True))
    assert family.calls == WARM
    assert engine.profile is None
    assert engine.policy.max_jobs == 1
    assert list(tmp_path.glob("profiles/*")) == [], "the next worker times its own"


def larger_is_faster(run: Callable[[int], Timing], *, memory_bytes: int | None) -> Profile:
    run(2)
    return Profile({1: 0.8, 2: 0.4, 4: 0.2, 8: 0.1}, {})


def run(
    engine: Engine,
    *batch: TryOnInputs,
    steps: int | None = None,
    stopped: Callable[[int], bool] = lambda index: False,
) -> tuple[list[int | None], list[float]]:
    """A level of each picture, None for what was stopped; and the progress that was told."""
    progress: list[float] = []
    prepared = [engine.prepare(one, KEY) for one in batch]
    canvases = engine.denoise(prepared, BatchKey("counting", steps, None), progress.append, stopped)
    pairs = zip(prepared, canvases, strict=True)
    pictures = [None if canvas is None else engine.finish(one, canvas) for one, canvas in pairs]
    return [None if picture is None else int(picture.image[0, 0, 0]) for picture in pictures], progress


def test_each_input_gets_its_own_picture_after_the_card_s_number_of_steps(engine: Engine, family: Counting) -> None:
    assert run(engine, inputs(10), inputs(20)) == ([14, 24], [0.25, 0.5, 0.75, 1.0])
    assert family.calls == ["begin 2", "step", "step", "step", "step", "decode"]


def test_a_batch_s_own_number_of_steps_wins(engine: Engine) -> None:
    assert run(engine, inputs(10), steps=2) == ([12], [0.5, 1.0])


def test_a_picture_names_what_made_it(engine: Engine, family: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "optimisations", lambda settings: exactly("nothing done twice"))
    assert make_one(engine, inputs(), KEY).optimisations == exactly("nothing done twice")
    fewer = make_one(engine, inputs(), BatchKey("counting", 2, None)).optimisations
    assert [one.exactness for one in fewer] == [Exactness.EXACT, Exactness.APPROXIMATE]
    prepared = [engine.prepare(inputs(seed), KEY) for seed in (1, 2)]
    canvases = engine.denoise(prepared, KEY, lambda done: None, lambda index: False)
    together = [engine.finish(*pair).optimisations for pair in zip(prepared, canvases, strict=True)]
    assert {one.exactness for one in together[0]} == {Exactness.EXACT, Exactness.NEAR}


def test_what_is_not_offered_is_refused_before_anything_is_made(
    engine: Engine, family: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = BatchKey("counting", None, None, strict=True)
    engine.prepare(inputs(), strict)
    quantised = (Optimisation("int8 weights", Exactness.APPROXIMATE, 0.01),)
    monkeypatch.setattr(family, "optimisations", lambda settings: quantised)
    for key in (strict, BatchKey("counting", None, None, Approximations(garment_reuse_steps=2))):
        with pytest.raises(GenerationError) as caught:
            engine.prepare(inputs(), key)
        assert caught.value.code is ErrorCode.NOT_OFFERED
    assert family.calls == []


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"person": BROKEN_PERSON}, ErrorCode.PHOTO_UNUSABLE, "Show your arms."),
        ({"garment": BROKEN_GARMENT}, ErrorCode.GARMENT_UNUSABLE, "This is no garment."),
        ({"category": "lower"}, ErrorCode.GARMENT_UNUSABLE, "Products worn on the legs"),
    ],
)
def test_unusable_inputs_are_refused_before_the_device_sees_them(
    engine: Engine, family: Counting, changes: dict[str, Any], code: ErrorCode, sentence: str
) -> None:
    with pytest.raises(GenerationError, match=sentence) as caught:
        engine.prepare(inputs(**changes), KEY)
    assert caught.value.code is code
    assert family.calls == []


def test_a_picture_comes_with_its_family_s_warnings(
    engine: Engine, family: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family, "warnings", lambda prepared: (f"seed {prepared.seed}",))
    assert make_one(engine, inputs(1), BatchKey("counting", 1, None)).warnings == ("seed 1",)


def test_a_stopped_input_ends_between_steps_and_its_mates_go_on(engine: Engine, family: Counting) -> None:
    levels, progress = run(
        engine, inputs(10), inputs(20), stopped=lambda index: index == 0 and family.calls.count("step") >= 2
    )
    assert levels == [None, 24]
    assert progress[-1] == 1.0


def test_when_all_are_stopped_no_further_step_is_made(engine: Engine, family: Counting) -> None:
    assert run(engine, inputs(), inputs(), stopped=lambda index: family.calls.count("step") >= 2)[0] == [None, None]
    assert family.calls == ["begin 2", "step", "step"]


def test_gradients_are_on_again_while_the_worker_is_told_of_progress(engine: Engine) -> None:
    told: list[bool] = []
    engine.denoise(
        [engine.prepare(inputs(), KEY)],
        KEY,
        lambda fraction: told.append(torch.is_inference_mode_enabled()),
        lambda index: False,
    )
    assert told == [False] * 4


def test_an_error_of_the_accelerator_is_a_lost_device_and_no_job_s_fault(engine: Engine, family: Counting) -> None:
    family.fails_with = torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700)
    with pytest.raises(DeviceLostError):
        run(engine, inputs())


def test_a_batch_that_memory_does_not_hold_is_made_in_halves_and_the_next_are_no_larger(
    overlapping: Engine, family: Counting
) -> None:
    family.holds = 2
    assert overlapping.policy.max_jobs > 2
    levels, progress = run(overlapping, *(inputs(10 * k) for k in range(1, 6)), steps=2)
    assert levels == [12, 22, 32, 42, 52]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert overlapping.policy.max_jobs <= 2


def test_while_one_half_runs_a_job_of_the_other_can_be_stopped(overlapping: Engine, family: Counting) -> None:
    family.holds = 2
    family.calls.clear()
    levels, _ = run(
        overlapping,
        *(inputs(10 * k) for k in range(4)),
        steps=2,
        stopped=lambda index: index == 3 or (index == 0 and family.calls.count("decode") == 1),
    )
    assert levels == [None, 12, 22, None]
    assert [call for call in family.calls if call.startswith("begin")] == ["begin 2", "begin 1"]


@pytest.mark.parametrize("large", [{"tflop_per_picture": 763.2}, {"files": (WeightFile("big", 2 * 10**9),)}])
def test_a_large_card_on_a_cpu_makes_no_warm_up_picture_and_no_batches(
    family: Counting, card: ModelCard, monkeypatch: pytest.MonkeyPatch, large: dict[str, Any]
) -> None:
    monkeypatch.setattr(Counting, "load", lambda card, device, loading: family)
    monkeypatch.setattr("inference.loading.family_of", lambda card: Counting)
    engine = Engine(dataclasses.replace(card, **large), "cpu", EngineOptions())
    assert family.calls == []
    assert engine.policy == BatchPolicy(1, 0.0)


def test_a_second_start_measures_nothing_and_knows_what_memory_held(
    overlapping: Engine, family: Counting, card: ModelCard, tmp_path: Path
) -> None:
    family.holds = 2
    run(overlapping, *(inputs() for _ in range(4)))
    family.calls.clear()
    again = Engine(card, "cpu", EngineOptions(cache_folder=tmp_path))
    assert family.calls == []
    assert again.policy == overlapping.policy
    Engine(dataclasses.replace(card, height=16), "cpu", EngineOptions(cache_folder=tmp_path))
    assert len(family.calls) > len(WARM), "another canvas is measured anew"


def test_too_little_memory_for_one_is_an_error_of_its_job(engine: Engine, family: Counting) -> None:
    family.fails_with = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        run(engine, inputs())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_refused_with_a_sentence(card: ModelCard) -> None:
    with pytest.raises(EngineError, match="--device cpu"):
        Engine(card, "cuda:0", ALONE)


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
