"""A run through a live service asks for each row once, whoever is killed; its workers' model is a sleep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_runs import batch, kept, killed_after, manifest, small_samples, write_table

from scripts.bench.live import box
from scripts.bench.live.stack import Stack

PICTURE_S = 0.05


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("service"), {"card": "paperdoll"}) as stack:
        stack.add_box(box.argv(PICTURE_S, 1), 1)
        stack.wait_for_workers(1, 120)
        yield stack


def num_generations(stack: Stack) -> int:
    return len(list(stack.redis.scan_iter("rq:job:gen_*")))


def check_kills(service: Stack, num_rows: int, kills: tuple[int, ...], folder: Path) -> None:
    figures, _ = small_samples(folder / "inputs")
    rows = [
        {"person": figures[number % 6], "garment": "gid://shopify/Product/1001", "seed": number}
        for number in range(num_rows)
    ]
    options = (write_table(folder / "pairs.csv", rows), "--via", service.url, "--at-once", "2")
    before = num_generations(service)
    for num_pictures in kills:
        killed_after(num_pictures, folder / "killed", *options)
    code, told, said = batch("-o", folder / "killed", *options)
    assert (code, told["made"], told["left"]) == (0, num_rows, 0), said
    assert kills[0] <= told["before"] < num_rows
    assert num_generations(service) == before + num_rows
    code, _, said = batch("-o", folder / "unbroken", *options)
    assert code == 0, said
    assert num_generations(service) == before + 2 * num_rows
    assert kept(folder / "killed") == kept(folder / "unbroken")
    assert len({line["output"] for line in manifest(folder / "killed")}) == num_rows


@pytest.mark.timeout(300)
def test_each_row_is_asked_for_once_through_two_kills(service: Stack, tmp_path: Path) -> None:
    check_kills(service, 24, (4, 12), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_of_five_hundred_rows_is_asked_for_once_through_three_kills(service: Stack, tmp_path: Path) -> None:
    check_kills(service, 500, (90, 250, 410), tmp_path)


@pytest.mark.timeout(300)
def test_a_garment_is_found_among_the_products_by_its_bytes_and_a_strange_one_is_its_row_s_error(
    service: Stack, tmp_path: Path
) -> None:
    figures, strange = small_samples(tmp_path / "inputs")
    known = Path("api/static/samples/products/breton-top-red.png").absolute()
    rows = [
        {"person": figures[0], "garment": known, "steps": 2},
        {"person": figures[1], "garment": strange[0]},
        {"person": figures[2], "garment": "gid://shopify/Product/999999"},
        {"person": tmp_path / "nobody.png", "garment": known},
        {"person": figures[3], "garment": known, "card": "leffa-vitonhd"},
    ]
    table = write_table(tmp_path / "pairs.csv", rows)
    code, told, said = batch("-o", tmp_path / "run", table, "--via", service.url)
    assert (code, told["made"], told["failed"]) == (1, 1, 4), said
    first, *failed = manifest(tmp_path / "run")
    assert first["output_sha256"]
    assert first["card"] == "paperdoll"
    sentences = ("has no product with this picture", "Product not found", "cannot be read", "not with leffa-vitonhd")
    for line, sentence in zip(failed, sentences, strict=True):
        assert sentence in line["error"]


@pytest.mark.timeout(120)
def test_the_service_decides_card_and_device(tmp_path: Path) -> None:
    table = write_table(tmp_path / "pairs.csv", [{"person": "a.png", "garment": "b.png"}])
    code, _, said = batch("-o", tmp_path / "run", table, "--via", "http://127.0.0.1:1", "--card", "paperdoll")
    assert code == 2
    assert "leave them out" in said
