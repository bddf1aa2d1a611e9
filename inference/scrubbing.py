"""A net under the log: what names a shopper, or opens something, leaves a line before it is written.

No line is meant to have any of it. But a library's error may say which file or which address it failed at.
"""

from __future__ import annotations

import logging
import re

PATTERNS = (
    # Photographs and uploads. Results are named after their generation, by whose id lines are found.
    (re.compile(r"\b(photos|tmp)/[A-Za-z0-9.-]+/(?:[0-9a-f]{64}/)?[0-9a-f]{16,}(?:\.\w+)?(?:#\d+)?"), r"\1/[key]"),
    (re.compile(r"(?<=[:/])[0-9a-f]{64}\b"), "[identity]"),
    (re.compile(r"(/storage/)[\w.~-]+"), r"\1[token]"),
    (re.compile(r"\b((?:logged_in_customer_id|client_id|signature|hmac)=)[^\s&\"'\\]+"), r"\1[hidden]"),
    (re.compile(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<!GPU-)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "[uuid]"),
)


def scrubbed(text: str) -> str:
    """`text` without what names a shopper."""
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


class Scrubbed(logging.Formatter):
    """Another formatter's lines, scrubbed, tracebacks too."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        return scrubbed(self._formatter.format(record))
