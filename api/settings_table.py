"""The README's settings tables, from the settings themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import PydanticUndefined

from api.settings import ENV_PREFIX, Settings
from api.shops import ShopSettings

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


def settings_table() -> str:
    """Markdown: every setting with its environment variable, then every field of a `[[shops]]` table."""
    settings = "| In the file | In the environment | Default | What it is |\n|---|---|---|---|\n"
    for name, field in Settings.model_fields.items():
        settings += f"| `{name}` | `{ENV_PREFIX}{name.upper()}` | {_default(field)} | {field.description} |\n"
    return f"{settings}\nA `[[shops]]` table:\n\n{_shops_table(ShopSettings)}"


def _shops_table(model: type[BaseModel]) -> str:
    rows = "| Field | Default | What it is |\n|---|---|---|\n"
    for name, field in model.model_fields.items():
        rows += f"| `{name}` | {_default(field)} | {field.description} |\n"
    return rows


def _default(field: FieldInfo) -> str:
    if isinstance(field.json_schema_extra, dict) and "shown" in field.json_schema_extra:
        return str(field.json_schema_extra["shown"])
    if field.default is PydanticUndefined:
        return "needed"
    return "" if field.default in (None, "", ()) else f"`{field.default}`"
