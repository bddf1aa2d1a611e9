"""A dataclass from a table that a person wrote: what does not fit is told by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")

NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def filled(kind: type[T], prefix: str, table: Mapping[str, Any]) -> T:
    """`kind(**table)`. `prefix` goes before the names of fields in messages.

    Raises:
        ValueError: a field is unknown, missing or of another type; the message names it.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    if unknown := sorted(set(table) - set(fields)):
        raise ValueError(f"{prefix}{unknown[0]} is not a field; known: {', '.join(fields)}")
    for name, field in fields.items():
        is_required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if is_required and name not in table:
            raise ValueError(f"{prefix}{name} is missing")
        if name in table and not _fits(hints[name], table[name]):
            raise ValueError(f"{prefix}{name} must be {NAMES[hints[name]]}, not {table[name]!r}")
    return kind(**table)


def _fits(hint: Any, value: object) -> bool:
    """Whether a plain field has its type; those of others are the caller's business."""
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return hint not in NAMES or (isinstance(value, hint) and isinstance(value, bool) == (hint is bool))
