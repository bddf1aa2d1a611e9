"""Whether a family computes what its published code computes: cases of tensors in, relative errors out.

A case is a folder: `case.json` (family, network, scheduler, sampling), weights under the published key names,
`inputs.safetensors`, and `expected.safetensors` with what the published code gave.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

FAMILIES = {
    "fashn_vton": "models.fashn_vton.parity:run_case",
    "catvton": "models.sd_inpaint.parity:run_case",
    "leffa": "models.sd_inpaint.parity:run_case",
}
"""Family in `case.json` -> import string of what runs the case.

`run_case(case, folder, exact_savings, dtype)` returns every tensor that is expected, by name.
"""

LIMIT = 1e-4
FIRST_FORWARD_LIMIT = 1e-5
FIRST_FORWARD = ("noise", "timesteps", "velocity_", "latents_after_first_step")

RunCase = Callable[[dict[str, Any], Path, bool, torch.dtype], dict[str, Tensor]]


class CaseError(ValueError):
    """A folder that is not a whole parity case; the message says what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far our tensor is from the expected one: `norm(ours - expected) / norm(expected)`."""

    tensor: str
    relative_error: float
    limit: float

    @property
    def holds(self) -> bool:
        """False for a NaN, too."""
        return self.relative_error <= self.limit


def compare(folder: Path, *, exact_savings: bool = True, dtype: torch.dtype = torch.float32) -> Iterator[Agreement]:
    """The agreement of each expected tensor of a case, computed on the CPU in `dtype`.

    Raises:
        CaseError: the folder is not a whole case.
    """
    ours, expected = _run(folder, exact_savings, dtype)
    for name, tensor in sorted(expected.items()):
        limit = FIRST_FORWARD_LIMIT if name.startswith(FIRST_FORWARD) else LIMIT
        yield Agreement(name, relative_error(ours[name], tensor) if name in ours else float("inf"), limit)


def _run(folder: Path, exact_savings: bool, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Ours and the expected."""
    try:
        case = json.loads((folder / "case.json").read_text())
        expected = load_file(folder / "expected.safetensors")
        if case["family"] not in FAMILIES:
            raise CaseError(f"{folder}: family {case['family']!r} is none of {', '.join(FAMILIES)}.")
        run_case: RunCase = pkgutil.resolve_name(FAMILIES[case["family"]])
        return run_case(case, folder, exact_savings, dtype), expected
    except KeyError as error:
        raise CaseError(f"{folder} is not a whole parity case: {error} is missing.") from error
    except (OSError, json.JSONDecodeError, SafetensorError) as error:
        raise CaseError(f"{folder} is not a whole parity case: {error}") from error
    except (TypeError, RuntimeError) as error:  # settings, keys or shapes that do not go with the network
        raise CaseError(f"{folder} cannot be computed: {error}") from error


def relative_error(ours: Tensor, expected: Tensor) -> float:
    """Of tensors of any type; infinite where the shapes differ."""
    if ours.shape != expected.shape:
        return float("inf")
    ours, expected = ours.double(), expected.double()
    norm, distance = expected.norm().item(), (ours - expected).norm().item()
    return float(distance / norm if norm else distance)
