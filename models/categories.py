"""Where a garment is worn. A leaf: standard library only."""

from __future__ import annotations

from typing import Literal, get_args

Category = Literal["upper", "lower", "overall"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
