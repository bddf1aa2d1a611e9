"""`fitting-room doctor`: what is missing on this machine, each with its fix."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from api.settings import InvalidSettings, Settings, load_settings
from inference.redis_server import RedisServerError, check_version, find_binary
from models.catalog import CardError, ModelCard
from models.files.checking import problem_at_a_glance, problem_of_content
from scripts.devices import num_gpus
from scripts.doctor import shop as connection
from scripts.doctor import workers
from scripts.doctor.finding import Finding
from scripts.options import card_of, uses_own_redis

MIN_FREE_GIB = 2.0


def run(
    ready: Annotated[bool, typer.Option("--ready", help="Only ask whether the running service has a worker.")] = False,
    shop: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Look at how this Shopify store is connected instead.")
    ] = None,
) -> None:
    """Say what is missing, with the fix. Ends with 1 when something is; the last line is JSON."""
    findings = asyncio.run(_of(shop)) if shop else list(_service() if ready else _machine())
    _show(findings)
    missing = [finding.what for finding in findings if finding.fix]
    told: dict[str, object] = {"ok": not missing, "missing": missing}
    if shop:
        told["look"] = [finding.what for finding in findings if finding.look]
    print(json.dumps(told))
    sys.exit(1 if missing else 0)


async def _of(shop: str) -> list[Finding]:
    return [finding async for finding in connection.findings(shop)]


def _show(findings: list[Finding]) -> None:
    table = Table("", "what", box=None)
    for name in ("found", "fix"):
        table.add_column(name, overflow="fold")  # a path is of use only as a whole
    for finding in findings:
        mark = "[red]no[/]" if finding.fix else "[yellow]look[/]" if finding.look else "[green]ok[/]"
        texts = (finding.what, finding.found, finding.fix or finding.look)
        table.add_row(mark, *(escape(text) for text in texts))
    Console().print(table)


def _service() -> Iterator[Finding]:
    yield workers.finding(load_settings())


def _machine() -> Iterator[Finding]:
    yield _python()
    yield _torch()
    try:
        settings = load_settings()
    except InvalidSettings as error:
        yield Finding("settings", "refused", str(error))
        return
    yield Finding("settings", f"{settings.mode} mode")
    checks: tuple[Callable[[Settings], Finding], ...] = (_redis, _data_folder, _card)
    for check in checks:
        yield check(settings)


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("Python", version, "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("PyTorch", "missing", "Run scripts/setup")
    import torch

    if num_gpus() and not torch.cuda.is_available():
        fix = "This build has no use of the GPU: remove .venv and run scripts/setup, and check the driver."
        return Finding("PyTorch", f"{torch.__version__}, CPU only", fix)
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Finding("PyTorch", f"{torch.__version__} on {', '.join(devices) or 'the CPU'}")


def _redis(settings: Settings) -> Finding:
    try:
        if uses_own_redis(settings):
            return Finding("Redis", f"{find_binary().name}, started by scripts/serve")
        check_version(settings.redis_url)
    except RedisServerError as error:
        return Finding("Redis", "unusable", str(error))
    return Finding("Redis", "answers")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Finding("data folder", str(folder), f"Make {existing} writable, or choose another with --data.")
    free_gib = shutil.disk_usage(existing).free / 2**30
    fix = "" if free_gib >= MIN_FREE_GIB else f"Free some space: pictures want at least {MIN_FREE_GIB:.0f} GiB."
    return Finding("data folder", f"{folder}, {free_gib:.0f} GiB free", fix)


def _card(settings: Settings) -> Finding:
    try:
        card = card_of(settings)
    except CardError as error:
        return Finding("model card", settings.card, str(error))
    for one in (card, *card.helpers):
        for file in one.files:
            if problem := problem_at_a_glance(one, file) or problem_of_content(one, file):
                return Finding("weights", problem, one.mending)
    size = decimal(sum(card.path(file.path).stat().st_size for file in card.files))
    return Finding("weights", f"{card.title}, {size}{_absent_helpers(card)}")


def _absent_helpers(card: ModelCard) -> str:
    """Those that it works without."""
    absent = [helper.name for helper in card.optional_helpers if not helper.is_fetched]
    told = f"; optional and not fetched: {', '.join(absent)}" if absent else ""
    left_out = [helper.name for helper in card.left_out_helpers]
    return told + (f"; left out, as their licences are not accepted: {', '.join(left_out)}" if left_out else "")
