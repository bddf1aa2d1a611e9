"""What a card's placement costs: bytes on the device, bytes moved, seconds. Of the card alone: no torch, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from models.card import ModelCard

DENOISERS = ("transformer/", "unet/")
LINK_BYTES_S = 20e9  # from pinned memory over 16 lanes of PCIe 4.0, about
GB = 1e9


@dataclass(frozen=True, slots=True)
class Footprint:
    """`device_bytes`: of weights that stay on the device; `moved_bytes`: in each step."""

    device_bytes: int
    moved_bytes: int = 0

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """As the weights lie on the disk. Guided networks are walked twice a step, and so fetched twice."""
        weights = {file.path: file.size for file in card.files if file.path.endswith(".safetensors")}
        if card.placement != "offload":
            return cls(sum(weights.values()))
        num_walks = 2 if card.guidance_scale > 1 else 1
        moved = sum(size for path, size in weights.items() if path.startswith(DENOISERS))
        staying = sum(size for path, size in weights.items() if path.startswith("vae/"))
        return cls(staying, num_walks * moved)

    def seconds_a_step(self, link_bytes_s: float = LINK_BYTES_S) -> float:
        """That the moving takes; the part of it that computing does not hide is what a step gets slower by."""
        return self.moved_bytes / link_bytes_s


def told_of(card: ModelCard, link_bytes_s: float = LINK_BYTES_S) -> str:
    """The cost of a placement, in a sentence; nothing where all lies on one device."""
    cost = Footprint.of(card)
    if card.placement == "balanced":
        return f"{cost.device_bytes / GB:.3g} GB of weights shared out between the GPUs, which work one after the other"
    if card.placement == "device":
        return ""
    return (
        f"{cost.moved_bytes / GB:.3g} GB move to the device in each step: a step takes at least "
        f"{cost.seconds_a_step(link_bytes_s):.2g} s at {link_bytes_s / GB:.3g} GB/s, or as long as it computes; "
        f"{cost.device_bytes / GB:.3g} GB of weights stay there"
    )


def largest_network(card: ModelCard) -> int:
    """Bytes of the largest of its networks, a folder each; files outside of folders are one."""
    sizes: dict[str, int] = {}
    for file in card.files:
        if file.path.endswith(".safetensors"):
            folder = file.path.rpartition("/")[0]
            sizes[folder] = sizes.get(folder, 0) + file.size
    return max(sizes.values(), default=0)
