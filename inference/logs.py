"""Log lines of every process in one format: text on a terminal, else JSON, each with what it is about."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from inference.scrubbing import Scrubbed

LogFormat = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s%(about)s"
QUIET = ("httpx", "httpcore", "httpx2", "httpcore2")  # they write whole addresses, and those may be signed
NOT_TOLD = ("about", "color_message")  # attributes of records that are for text and for terminals

_generations: ContextVar[tuple[str, ...]] = ContextVar("generations", default=())
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure(log_format: LogFormat | None, process: str, file: Path | None = None) -> None:
    """All that this process logs, libraries' lines and warnings too, goes to stderr, as `process` (api, worker, ...).

    Without a format it is text where stderr is a terminal, else JSON. With a `file` all goes there, and to stderr only
    what is wrong.
    """
    shown = logging.StreamHandler()
    handlers = [_formatted(shown, process, as_json=is_json(log_format))]
    if file is not None:
        shown.setLevel(logging.WARNING)
        handlers.append(_formatted(_File(file), process, as_json=log_format != "text"))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(True)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # neither format names them
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda caught: _log_uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)


def is_json(log_format: LogFormat | None) -> bool:
    return log_format == "json" or (log_format is None and not sys.stderr.isatty())


class _File(logging.FileHandler):
    """One that goes on when its disk is full: that is told in a sentence, once until lines are written again."""

    _has_failed = _has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        self._has_failed = False
        super().emit(record)
        self._has_told = self._has_failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._has_failed = True
        if not self._has_told:
            words = f"{self.baseFilename} cannot be written: {error.strerror}. Lines are lost until that is mended."
            with suppress(OSError):
                sys.stderr.write(f"fitting-room: {words}\n")


@contextmanager
def about(*generation_ids: str) -> Iterator[None]:
    """Lines of this thread or task within the block concern these generations."""
    token = _generations.set(generation_ids)
    try:
        yield
    finally:
        _generations.reset(token)


def concern(generation_id: str) -> None:
    """So do those of this task from now on."""
    _generations.set((generation_id,))


def answer_request(request_id: str) -> None:
    """Lines of this task from now on belong to this request."""
    _request_id.set(request_id)


def concerned() -> tuple[str, ...]:
    """The generations that lines concern here and now."""
    return _generations.get()


def moment(seconds: float) -> str:
    """As lines tell it, in UTC: 2030-01-31T12:00:00.123+00:00."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(1000 * (seconds - whole)):03d}+00:00"


def _formatted(handler: logging.Handler, process: str, *, as_json: bool) -> logging.Handler:
    handler.addFilter(_tell)
    handler.setFormatter(Scrubbed(_json(process) if as_json else logging.Formatter(TEXT)))
    return handler


def _tell(record: logging.LogRecord) -> bool:
    told: dict[str, Any] = {}
    if generations := _generations.get():
        one = len(generations) == 1
        told |= {"generation_id": generations[0]} if one else {"generation_ids": list(generations)}
    if request_id := _request_id.get():
        told["request_id"] = request_id
    record.__dict__.update(told)
    record.about = f" {json.dumps(told)}" if told else ""
    return True


def _json(process: str) -> logging.Formatter:
    from pythonjsonlogger.core import RESERVED_ATTRS  # a terminal has no use for it
    from pythonjsonlogger.json import JsonFormatter

    class Lines(JsonFormatter):
        def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
            log_data["time"] = moment(record.created)
            super().add_fields(log_data, record, message_dict)

    return Lines(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "error"},
        static_fields={"process": process},
        reserved_attrs=[*RESERVED_ATTRS, *NOT_TOLD],
    )


def _log_uncaught(kind: type[BaseException], error: BaseException | None, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical("%s", kind.__name__, exc_info=(kind, error or kind(), traceback))
