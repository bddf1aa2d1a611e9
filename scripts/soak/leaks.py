"""Looks for the planted markers in everything the service wrote that is not meant to hold them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from scripts.soak.estate import Estate
from scripts.soak.findings import Findings
from scripts.soak.plan import Site


async def look_for_marks(findings: Findings, site: Site, estate: Estate) -> None:
    """In every log, the metrics, Redis's file, and the metadata of what is stored."""
    logs = [*estate.all_logs(), *await _metrics(estate)]
    records = [path for path in estate.folder.rglob("*.aof") if path.is_file()]
    stored = [path for path in (estate.folder / "blobs").rglob("*") if path.is_file()]
    for where, files in (("logs and metrics", logs), ("Redis's files", records), ("stored pictures", stored)):
        found = await asyncio.to_thread(site.marks.leaks_in, files, are_for_people=files is logs)
        size_mb = sum(path.stat().st_size for path in files) / 1e6
        findings.tell(
            f"planted markers in {where}",
            f"{len(found)} in {len(files)} files, {size_mb:.3g} MB. {'; '.join(found[:3])}".strip(". "),
            kept=not found,
            leaks=findings.figures.get("leaks", 0) + len(found),
        )


async def _metrics(estate: Estate) -> list[Path]:
    """What each API process tells a monitor, in files."""
    files = []
    async with httpx.AsyncClient(trust_env=False) as http:
        for port, url in zip(estate.ports, estate.urls, strict=True):
            bearer = {"Authorization": f"Bearer {estate.metrics_token}"}
            answer = (await http.get(f"{url}/metrics", headers=bearer)).raise_for_status()
            files.append(estate.logs / f"metrics-{port}.txt")
            files[-1].write_bytes(answer.content)
    return files
