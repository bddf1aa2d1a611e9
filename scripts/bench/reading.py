"""What a start cannot do without: torch, the family's networks as code, and the weights on the device. Its own process.

Usage: python -P -m scripts.bench.reading CARD DEVICE
"""

from __future__ import annotations

import pkgutil
import sys


def main() -> None:
    """Read every safetensors file of a card to a device, tensor by tensor, in the precision that is computed in."""
    import torch

    from models.catalog import FAMILIES, read_card
    from models.files.mapping import mapped_tensors
    from models.weights import precision_on

    card, device = read_card(sys.argv[1]), torch.device(sys.argv[2])
    dtype = precision_on(card, device)
    pkgutil.resolve_name(FAMILIES[card.family])
    for file in card.files:
        if file.path.endswith(".safetensors"):
            tensors = mapped_tensors(card.path(file.path), torch.device("cpu"))
            read = [tensor.to(device, dtype, copy=True) for tensor in tensors.values()]
            del tensors, read
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
