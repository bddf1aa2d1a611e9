"""What a card says of acceleration. A leaf: standard library only."""

from __future__ import annotations

from dataclasses import dataclass

SWITCH = ("auto", "on", "off")
QUANTISATIONS = ("none", "int8", "fp8")


@dataclass(frozen=True, slots=True)
class Switches:
    """A card's `[acceleration]` table. `auto` is what the device gains by; `quantisation` is approximate.

    Raises:
        ValueError: a value is none of those there are.
    """

    compile: str = "auto"
    cuda_graphs: str = "auto"
    attention: str = "auto"
    quantisation: str = "none"

    def __post_init__(self) -> None:
        for name in ("compile", "cuda_graphs", "attention"):
            if getattr(self, name) not in SWITCH:
                raise ValueError(f"acceleration.{name} must be one of {', '.join(SWITCH)}, not {getattr(self, name)!r}")
        if self.quantisation not in QUANTISATIONS:
            raise ValueError(
                f"acceleration.quantisation must be one of {', '.join(QUANTISATIONS)}, not {self.quantisation!r}"
            )


AUTO = Switches()
