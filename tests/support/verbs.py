"""The last two verbs of a family together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.base import Image, TryOnFamily


def finished(family: TryOnFamily[Any, Any, Any], state: Any) -> list[Image]:
    """A batch's pictures, after its steps."""
    return [family.finish(one, canvas) for one, canvas in zip(state.prepared, family.decode(state), strict=True)]
