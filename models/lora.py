"""LoRA files merged into a network's tensors before it is built: `W + scale * (alpha / rank) * B A`.

The files come as their trainers write them: `lora_A`/`lora_B` or `lora_down`/`lora_up`, with or without `.alpha`,
below the prefixes of PREFIXES or FLAT_PREFIXES, under diffusers' names or FLUX.2's own. Nothing in them is passed over:
a key that lands nowhere is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.catalog import Lora, ModelCard
from models.files.checking import WeightsError, checked_file
from models.files.mapping import overwrite
from models.flux_names import in_diffusers, published_names

DENOISERS = ("transformer/", "unet/")
"""Folders of a checkpoint that LoRAs are for; a checkpoint without folders is one network."""

PREFIXES = ("base_model.model.", "diffusion_model.", "transformer.", "unet.")
FLAT_PREFIXES = ("lora_unet_", "lora_transformer_")
"""Of kohya's trainers, which write underscores for the dots between a module's names."""

KINDS = {
    "lora_A.weight": "down",
    "lora_A.default.weight": "down",
    "lora_down.weight": "down",
    "lora_B.weight": "up",
    "lora_B.default.weight": "up",
    "lora_up.weight": "up",
    "lora.down.weight": "down",
    "lora.up.weight": "up",
    "alpha": "alpha",
}
"""How a key ends -> which of a pair it is."""

NUM_NAMED = 5  # keys in a message


@dataclass(slots=True)
class Pair:
    """What one file adds to one weight. `parts`: down `[rank, in, ...]`, up `[out, rank, ...]`, alpha `[]` or none."""

    scale: float
    alpha: float | None = None  # where the file says it once for all
    parts: dict[str, Tensor] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def fits(self, weight: Tensor) -> bool:
        up, down = self.parts.get("up"), self.parts.get("down")
        if up is None or down is None or min(up.ndim, down.ndim, weight.ndim) < 2:
            return False
        up, down = up.flatten(1), down.flatten(1)
        return up.shape[1] == down.shape[0] and (up.shape[0], down.shape[1]) == weight.flatten(1).shape

    def add_to(self, total: Tensor) -> None:
        """Add its product to `total`, float32 of the weight's shape."""
        up, down = (self.parts[part].to(total).flatten(1) for part in ("up", "down"))
        rank = down.shape[0]
        alpha = self.parts.get("alpha")
        factor = (rank if self.alpha is None else self.alpha) if alpha is None else float(alpha)
        total.flatten(1).addmm_(up, down, alpha=self.scale * factor / rank)


def merged(card: ModelCard, tensors: dict[str, Tensor], folder: str = "") -> dict[str, Tensor]:
    """`tensors` of a card's `folder` with its LoRAs in them, if this is the network that LoRAs are for.

    Each sum is made in float32 on the weight's device, and takes the weight's place in memory and its dtype.

    Raises:
        WeightsError: a file is missing or damaged, or keys in it fit no weight; they are named.
    """
    if not card.loras or ("/" in folder and not folder.startswith(DENOISERS)):
        return tensors
    pairs: dict[str, list[Pair]] = {}
    for lora in card.loras:
        for name, pair in _pairs(card, lora, tensors).items():
            pairs.setdefault(name, []).append(pair)
    weights = [tensors[name] for name in pairs]
    if not weights:
        return tensors
    # One space for all sums: one after the other, they would leave holes in the heap, which count as memory, too.
    space = weights[0].new_empty(max(weight.numel() for weight in weights), dtype=torch.float32)
    for name, added in pairs.items():
        weight = tensors[name]
        total = space[: weight.numel()].view(weight.shape).copy_(weight)
        for pair in added:
            pair.add_to(total)
        overwrite(weight, total)
    return tensors


def _pairs(card: ModelCard, lora: Lora, tensors: Mapping[str, Tensor]) -> dict[str, Pair]:
    """Name of a weight -> what the file adds to it."""
    pairs: dict[str, Pair] = {}
    stray: set[str] = set()
    read, alpha = _read(card, lora)
    for key, value in read.items():
        landings = _landings(key, value, tensors)
        if not landings:
            stray.add(key)
        for name, kind, part in landings:
            pair = pairs.setdefault(name, Pair(lora.scale, alpha))
            if kind in pair.parts:
                stray.add(key)
            pair.parts[kind] = part
            pair.keys.append(key)
    if not read:
        raise WeightsError(f"The LoRA {lora.file} of {card.name} is empty. {card.correcting}")
    stray |= {key for name, pair in pairs.items() if not pair.fits(tensors[name]) for key in pair.keys}
    if stray:
        named = ", ".join(sorted(stray)[:NUM_NAMED]) + (
            f" and {len(stray) - NUM_NAMED} more" * (len(stray) > NUM_NAMED)
        )
        raise WeightsError(f"The LoRA {lora.file} of {card.name} does not fit its network: {named}. {card.correcting}")
    return pairs


def _landings(key: str, value: Tensor, tensors: Mapping[str, Tensor]) -> list[tuple[str, str, Tensor]]:
    """The weights that a key is for, which of a pair it is, and its part of `value`; nothing when there are none."""
    ending = next((ending for ending in KINDS if key.endswith(f".{ending}")), None)
    if ending is None:
        return []
    kind, names = KINDS[ending], _weights(key.removesuffix(f".{ending}"), tensors)
    parts = torch.tensor_split(value, len(names)) if kind == "up" and names else [value] * len(names)
    return [(name, kind, part) for name, part in zip(names, parts, strict=True)]


def _weights(module: str, tensors: Mapping[str, Tensor]) -> list[str]:
    """Of a module in a LoRA, by its own name or by another that is known, without what it is below."""
    for modules in ((module,), in_diffusers(module)):
        names = [f"{one}.weight" for one in modules]
        if names and all(name in tensors for name in names):
            return names
    if flat := next((prefix for prefix in FLAT_PREFIXES if module.startswith(prefix)), ""):
        return _weights(_dotted(module.removeprefix(flat), tensors), tensors)
    prefix = next((prefix for prefix in PREFIXES if module.startswith(prefix)), "")
    return _weights(module.removeprefix(prefix), tensors) if prefix else []


def _dotted(flat: str, tensors: Mapping[str, Tensor]) -> str:
    """The module that is called so where underscores stand for dots; empty when there is none."""
    own = (name.removesuffix(".weight") for name in tensors if name.endswith(".weight"))
    return next((name for name in (*own, *published_names(flat)) if name.replace(".", "_") == flat), "")


def _read(card: ModelCard, lora: Lora) -> tuple[dict[str, Tensor], float | None]:
    """The file's tensors, and the alpha in its header, where diffusers writes it."""
    path = checked_file(card, next(file for file in card.files if file.path == lora.file))
    try:
        with safe_open(path, framework="pt") as mapped:
            tensors = {key: mapped.get_tensor(key) for key in mapped.keys()}  # noqa: SIM118 - not a dict
            header = json.loads((mapped.metadata() or {}).get("lora_adapter_metadata", "{}"))
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path} is no safetensors file: {error}. {card.correcting}") from error
    said = {key.rpartition(".")[2]: value for key, value in header.items()}
    if said.get("use_rslora") or said.get("alpha_pattern") or said.get("use_dora"):
        raise WeightsError(
            f"The LoRA {lora.file} of {card.name} is of a kind that is not known (rsLoRA, DoRA, patterns)."
        )
    return tensors, said.get("lora_alpha")
