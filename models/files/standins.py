"""What is sometimes saved in a checkpoint's place, under its name: the pointer that Git LFS keeps, or a web page."""

from __future__ import annotations

from pathlib import Path

LOOKED_AT = 1024  # bytes from the beginning

POINTER = b"version https://git-lfs.github.com/spec/"
PAGES = (b"<!doctype html", b"<html")


def problem_of_kind(path: Path) -> str:
    """What lies there instead of a checkpoint's file, and what to do; empty when neither does."""
    with path.open("rb") as stream:
        beginning = stream.read(LOOKED_AT)
    if beginning.startswith(POINTER):
        return "is only Git LFS's pointer to the file: run `git lfs pull` where it comes from"
    if beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES):
        return "is a web page, as a site sends one that wants a log-in or has no such file: download the file itself"
    return ""
