"""What became of a row. A leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """`picture`: a PNG's bytes, or None with the `error` of why there is none, in a sentence.

    `sha256`: column of the inputs that were read -> digest. `seconds`: stage -> seconds; `made_by`: the device, or a
    service's generation. `peak_bytes`: the most that its GPU, or on a CPU its process, had held until then; 0 where
    nobody knows.
    """

    row: int
    picture: bytes | None = None
    error: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    optimisations: tuple[Mapping[str, Any], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    made_by: str = ""
    peak_bytes: int = 0
