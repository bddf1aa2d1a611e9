"""Compiles a small network below a folder, or restores it from there; tells what it did as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import nn
from torch._dynamo.utils import counters

from inference.acceleration import accelerate
from models.card import ModelCard
from models.licence import Licence
from models.switches import Switches

SWITCHES = Switches(compile="on")
LICENCE = Licence("MIT", "MIT", "yes", "ours")


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 64)).requires_grad_(False)
    family = SimpleNamespace(networks={"denoiser": network}, has_one_canvas=True, repeated=())
    card = ModelCard("one", "One", "paperdoll", "", LICENCE, (), 8, 8, 4, 1.5, ("upper",), acceleration=SWITCHES)
    with torch.inference_mode():
        accelerated = accelerate(cast("Any", family), card, torch.device("cpu"), Path(sys.argv[1]))
        found = float(network(torch.ones(1, 64)).sum())
        accelerated.settle()
    told = {
        "hits": counters["inductor"]["fxgraph_cache_hit"],
        "misses": counters["inductor"]["fxgraph_cache_miss"],
        "found": found,
        "error": accelerated.optimisations[0].error,
    }
    sys.stdout.write(json.dumps(told) + "\n")


main()
