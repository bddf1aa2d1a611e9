"""The settings of this process, and what refuses to start: whatever is unknown, malformed or unsafe."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from api.settings_model import DAY_S, ENV_PREFIX, FILE_VARIABLE, SAMPLES, Mode, Settings, settings_file
from api.shops import ShopSettings

__all__ = [
    "DAY_S",
    "ENV_PREFIX",
    "FILE_VARIABLE",
    "SAMPLES",
    "InvalidSettings",
    "Mode",
    "Settings",
    "load_settings",
    "settings_file",
]


class InvalidSettings(ValueError):
    """The settings cannot be used; the message has one line for each thing to mend."""


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` (of the command line) win over environment and file.

    Raises:
        InvalidSettings: a value is unknown, malformed or unsafe, or the named settings file is missing.
    """
    _refuse_unknown_variables()
    if (named := os.environ.get(FILE_VARIABLE)) and not Path(named).is_file():
        raise InvalidSettings(f"{FILE_VARIABLE} names {named}, which is not a file.")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if problem["type"] != "default_factory_not_called"]
        raise InvalidSettings("\n".join(_line(problem) for problem in problems)) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{settings_file().absolute()} is not TOML: {error}.") from error
    except OSError as error:
        raise InvalidSettings(f"The settings file {error.filename} cannot be read: {error.strerror}.") from error
    except (SettingsError, ValueError) as error:
        raise InvalidSettings(f"The settings cannot be read: {error}.") from error


def _refuse_unknown_variables() -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE}
    for variable in sorted(os.environ):
        if variable.startswith(ENV_PREFIX) and variable not in known:
            hint = _meant(variable, known) or "Remove it."
            raise InvalidSettings(
                f"{variable} is not a setting. {hint} Names of shops' secrets must not begin with {ENV_PREFIX}."
            )


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else ""


def _line(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known = ShopSettings.model_fields if len(problem["loc"]) > 1 else Settings.model_fields
        hint = _meant(str(problem["loc"][-1]), known) or "Remove it, or correct its name."
        return f"{where} is not a setting. {hint}"
    return f"{where}: {message}" if where else message
