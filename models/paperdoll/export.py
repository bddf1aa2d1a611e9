"""Checkpoints of the three trainings to one file of half-precision weights, and its size and hash into the card."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.catalog import CARDS_FOLDER
from models.paperdoll.networks import Networks

WEIGHTS = Path(__file__).parent / "weights" / "paperdoll.safetensors"


def load_averaged(networks: Networks, folder: Path, names: tuple[str, ...]) -> None:
    """Fill the named networks with the running averages of their checkpoints in `folder`."""
    for name in names:
        saved = torch.load(folder / f"{name}.pt", weights_only=True, mmap=True)
        getattr(networks, name).load_state_dict(saved["averaged"])


def export(folder: Path) -> Path:
    """Write the weights file from the checkpoints in `folder`, and set the card's `size` and `sha256` to it."""
    networks = Networks()
    load_averaged(networks, folder, ("person", "flat", "denoiser"))
    WEIGHTS.parent.mkdir(exist_ok=True)
    save_file({key: value.half().contiguous() for key, value in networks.state_dict().items()}, WEIGHTS)
    WEIGHTS.chmod(0o644)
    data, card = WEIGHTS.read_bytes(), CARDS_FOLDER / "paperdoll.toml"
    text = re.sub(r"(?m)^size = .*$", f"size = {len(data)}", card.read_text())
    card.write_text(re.sub(r"(?m)^sha256 = .*$", f'sha256 = "{hashlib.sha256(data).hexdigest()}"', text))
    return WEIGHTS
