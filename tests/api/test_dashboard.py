"""The dashboard, the alerts and the page about them name metrics and labels that a real scrape has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.exposition import exposition
from api.http_metrics import HttpMetrics
from inference.overview import Overview
from tests.api.test_contract import PRODUCT, UNWEARABLE, states_until_final, uploaded

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Service

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "grafana" / "dashboard.json").read_text())
ALERTS = yaml.safe_load((ROOT / "grafana" / "alerts.yml").read_text())
ROWS = ["Traffic", "Queue", "Workers and GPUs", "Stages and batches", "Caches", "Errors", "Storefronts"]
NAME = re.compile(r"\b((?:fitting_room|process)_\w+)")
SELECTOR = re.compile(r"\b((?:fitting_room|process)_\w+)\{([^}]*)\}")
GROUPED = re.compile(r"by \(([^)]*)\)")
OF_PROMETHEUS = {"instance"}
QUEUE = [b"card", 1, 0, 0, [b"shop.example", 1, b"90"], [], []]


@pytest.fixture(scope="module")
def scraped(service: Service) -> dict[str, set[str]]:
    """The labels of each sample: of a service that made pictures, and of a worker with a GPU, as its beat tells."""
    with service.api.client() as client:
        photo = uploaded(client)
        made, _ = (wanted(client, photo, product) for product in (PRODUCT, UNWEARABLE))
        told = {"event": "widget:result_view", "timestamp": "2026-11-24T10:00:00Z", "$insert_id": "dashboard"}
        client.post("/public/tracking/events", json={"events": [told], "context": {}})
        client.post("/public/share-generation", json={"generationId": made})
        client.post("/public/collect-email", json={"email": "ada@example.com"})
        text = client.get("/metrics").text
    return labels_of(text) | labels_of(with_a_gpu()) | labels_of(text)


def wanted(client: httpx.Client, photo: str, product: str) -> str:
    job = str(client.post("/public/fitting-room", json={"userImageId": photo, "productId": product}).json()["jobId"])
    states_until_final(client, job)
    return job


def with_a_gpu() -> str:
    told = {f"device.{name}": 1 for name in ("memory_used_bytes", "memory_total_bytes", "memory_reserved_bytes")}
    told |= {"device.utilisation": 0.5, "process.resident_bytes": 1, "process.cpu_s": 1, "wall_s": 1}
    told |= {"reuse.latents.device.hits": 1, "reuse.latents.misses": 1, "reuse.latents.device.bytes": 1}
    worker = [b"worker", b"busy", b"card", json.dumps(told).encode(), b"99", b"200", []]
    return exposition(HttpMetrics(), Overview.of([b"100", [QUEUE], [worker], []]), 1, "")[0].decode()


def labels_of(text: str) -> dict[str, set[str]]:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def expressions() -> list[str]:
    of_panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return of_panels + [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]


def test_every_metric_that_is_asked_for_is_scraped(scraped: dict[str, set[str]]) -> None:
    for expression in expressions():
        names = NAME.findall(expression)
        assert names
        assert set(names) <= set(scraped), expression
        for name, selectors in SELECTOR.findall(expression):
            assert set(re.findall(r"(\w+)[=!]~?", selectors)) <= scraped[name], expression
        known = set[str]().union(*(scraped[name] for name in names)) | OF_PROMETHEUS
        for grouped in GROUPED.findall(expression):
            assert set(re.split(r",\s*", grouped)) <= known, expression
    (card,) = [variable for variable in DASHBOARD["templating"]["list"] if variable["name"] == "card"]
    assert set(NAME.findall(card["query"]["query"])) <= set(scraped)


def test_every_metric_is_shown_and_told_of(scraped: dict[str, set[str]]) -> None:
    ours = {name for name in scraped if name.startswith("fitting_room_") and not name.endswith("_created")}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in ours}
    asked = {re.sub("_(bucket|sum|count)$", "", name) for each in expressions() for name in NAME.findall(each)}
    assert families - asked == set()
    page = (ROOT / "docs" / "operating.md").read_text()
    assert families == set(re.findall(r"^\| `(fitting_room_\w+)`", page, re.MULTILINE))
    for name in families:
        (row,) = re.findall(rf"^\| `{name}` \| ([^|]*) \|", page, re.MULTILINE)
        labels = set[str]().union(*(scraped[each] for each in ours if re.sub("_(bucket|sum|count)$", "", each) == name))
        assert set(re.findall(r"`(\w+)`", row)) == labels - {"le"}, name


def test_the_dashboard_s_panels_are_whole() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ROWS
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in DASHBOARD["panels"]):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & places
        places |= cells


def test_alerts_say_what_to_do() -> None:
    rules: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        for shown in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            assert shown in re.findall(r"\w+", " ".join(GROUPED.findall(rule["expr"])))


def test_what_the_monitoring_containers_mount_exists() -> None:
    compose = yaml.safe_load((ROOT / "grafana" / "compose.yaml").read_text())
    mounted = [volume.split(":")[0] for each in compose["services"].values() for volume in each["volumes"]]
    files = [path for path in mounted if path.startswith("./")]
    assert files
    assert [path for path in files if not (ROOT / path).exists()] == []
