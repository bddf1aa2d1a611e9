"""The prompts as the network reads them: three hidden states of a Qwen3 language model, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2TokenizerFast, Qwen3Config, Qwen3Model

from models.catalog import ModelCard
from models.reuse import Kind, Memory, Store, code_identity, files_identity, machine_identity
from models.settings import settings_of
from models.weights import build_network, checked_file, load_tensors

HIDDEN_STATES = (9, 18, 27)
NUM_TOKENS = 512  # every prompt is padded to them, and the padding is read too
NO_PROMPT = ""  # what guidance leads away from


@dataclass(frozen=True, slots=True)
class PromptReader:
    """A tokenizer and a language model, without the head that would predict words."""

    tokenizer: Any
    model: Qwen3Model

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, dtype: torch.dtype, *, whole: bool) -> PromptReader:
        """From `text_encoder/` and `tokenizer/`; not `whole`: without the layers whose output nothing reads.

        Raises:
            models.weights.WeightsError: a file or key is missing or unexpected.
        """
        config = Qwen3Config.from_dict(settings_of(card, "text_encoder/config.json"))
        tensors = _without_head(load_tensors(card, "text_encoder/"))
        model = build_network(lambda: Qwen3Model(config), tensors, card, device, dtype)
        reader = cls(_tokenizer(card), model)
        if not whole:
            reader.shorten()
        return reader

    def shorten(self) -> None:
        """Drop all that comes after the last hidden state that is read."""
        del self.model.layers[max(HIDDEN_STATES) :]
        self.model.norm = torch.nn.Identity()

    @torch.inference_mode()
    def __call__(self, prompt: str) -> Tensor:
        """A prompt as `[1, 512, 3 * hidden_size]`."""
        message = [{"role": "user", "content": prompt}]
        text = self.tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        tokens = self.tokenizer(
            text, return_tensors="pt", padding="max_length", truncation=True, max_length=NUM_TOKENS
        ).to(self.model.device)
        return read(self.model, tokens["input_ids"], tokens["attention_mask"])


def read(model: Qwen3Model, tokens: Tensor, mask: Tensor) -> Tensor:
    """`tokens` and `mask` (0 where padded) `int64 [B, L]` to the hidden states `[B, L, 3 * hidden_size]`."""
    states = model(tokens, attention_mask=mask, output_hidden_states=True, use_cache=False).hidden_states
    assert states is not None, "the hidden states were asked for"
    return torch.cat([states[index] for index in HIDDEN_STATES], dim=-1)


def known_texts(
    card: ModelCard, prompts: Iterable[str], device: torch.device, dtype: torch.dtype, store: Store | None
) -> dict[str, Tensor]:
    """Prompt -> what the network reads of it: from the store, or read once by an encoder that then leaves."""
    encoder = files_identity(card, "text_encoder/", "tokenizer/")
    memory = Memory(store, "".join((encoder, code_identity(), machine_identity(device), str(dtype))))

    @cache
    def reader() -> PromptReader:
        return PromptReader.load(card, device, dtype, whole=False)

    def read_anew(prompt: str) -> Tensor:
        return reader()(prompt)

    return {
        prompt: memory.remembered(memory.key(Kind.TEXT, prompt), partial(read_anew, prompt))
        for prompt in dict.fromkeys(prompts)
    }


def _without_head(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The body's tensors under its own names; the head repeats the word embeddings and is not needed."""
    tensors.pop("lm_head.weight", None)
    return {key.removeprefix("model."): tensor for key, tensor in tensors.items()}


def _tokenizer(card: ModelCard) -> Any:
    for file in card.files:
        if file.path.startswith("tokenizer/"):
            checked_file(card, file)
    return Qwen2TokenizerFast.from_pretrained(card.path("tokenizer"))  # nosec B615: a checked folder
