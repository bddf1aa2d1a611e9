"""The networks that judge: they agree with others' code on the same weights, and load as cards do."""

from __future__ import annotations

import dataclasses
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics.functional.image.dists as published_dists
import torchmetrics.functional.image.lpips as published_lpips
from safetensors.torch import save_file
from torch import nn

from models.catalog import ModelCard, WeightFile, read_card
from models.files.fetching import fetch
from models.files.hub import RemoteFile, download
from models.judges.clip import Clip
from models.judges.inception import Inception, InceptionNetwork
from models.judges.vgg import Perceptual, Vgg, published_heads
from models.weights import WeightsError

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
ONE = RNG.integers(0, 256, (72, 64, 3), np.uint8)
OTHER = np.clip(ONE.astype(int) + RNG.integers(-40, 41, ONE.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def vgg() -> Vgg:
    torch.manual_seed(0)
    return Vgg().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def perceptual(vgg: Vgg) -> Perceptual:
    return Perceptual(vgg, *published_heads(), CPU)


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None] / 255


def test_lpips_is_that_of_torchmetrics(vgg: Vgg, perceptual: Perceptual, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_lpips, "_get_tv_model_features", lambda *_, **__: vgg.features)
    expected = published_lpips._LPIPS(net="vgg")(tensor(ONE), tensor(OTHER), normalize=True)
    assert perceptual(ONE, OTHER)["lpips"] == pytest.approx(float(expected), rel=1e-4)
    assert perceptual(ONE, ONE)["lpips"] == 0


def test_dists_is_that_of_torchmetrics(vgg: Vgg, perceptual: Perceptual, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_dists, "_TORCHVISION_AVAILABLE", True)
    monkeypatch.setattr(published_dists, "VGG16_Weights", SimpleNamespace(DEFAULT=None), raising=False)
    monkeypatch.setattr(published_dists, "vgg16", lambda **_: SimpleNamespace(features=vgg.features), raising=False)
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda path: load(path, map_location="cpu"))  # theirs asks for a GPU
    expected = published_dists.DISTSNetwork()(tensor(ONE), tensor(OTHER))
    monkeypatch.undo()
    assert perceptual(ONE, OTHER)["dists"] == pytest.approx(float(expected.detach()), abs=1e-4)
    assert perceptual(ONE, ONE)["dists"] == pytest.approx(0, abs=1e-5)


def inception_card(folder: Path, tensors: dict[str, torch.Tensor]) -> ModelCard:
    folder.mkdir()
    torch.save(tensors, folder / "weights.pth")
    file = WeightFile("inception.safetensors", 0, repository="acme/judges", source="weights.pth")
    return dataclasses.replace(read_card("fid-inception"), files=(file,), folder=folder / "fetched")


def test_inception_is_fetched_from_a_pickle_and_loaded_strictly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tensors = InceptionNetwork().state_dict()
    tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    tensors |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    mirror = tmp_path / "mirror"
    card = inception_card(mirror, tensors)
    (mirror / "acme/judges").mkdir(parents=True)
    (mirror / "weights.pth").rename(mirror / "acme/judges/weights.pth")
    fetch(card, mirror)
    features = Inception.load(card, CPU)([ONE, OTHER])
    assert features.shape == (2, 2048)
    assert features.dtype == np.float64
    assert (features[0] != features[1]).any()
    lacking = {name: value for name, value in tensors.items() if name != "Mixed_7c.branch1x1.conv.weight"}
    save_file(lacking, card.folder / "inception.safetensors")
    with pytest.raises(WeightsError, match="fitting-room fetch fid-inception"):
        Inception.load(card, CPU)


def test_a_file_at_a_url_is_looked_for_in_a_mirror_under_its_own_name(tmp_path: Path) -> None:
    card = dataclasses.replace(read_card("fid-inception"), folder=tmp_path / "fetched")
    with pytest.raises(ValueError, match=r"inception\.safetensors"):
        fetch(card, tmp_path)
    (tmp_path / card.files[0].source).write_bytes(b"another file")
    with pytest.raises(ValueError, match="the card says otherwise"):
        fetch(card, tmp_path)


@pytest.mark.parametrize("change", [{"url": "http://example.com/x.pth"}, {"sha256": ""}, {"repository": "acme/x"}])
def test_a_url_is_safe_and_its_file_known(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"files\.url"):
        dataclasses.replace(read_card("fid-inception").files[0], **change)


def test_the_hubs_token_is_sent_to_the_hub_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            moved = self.path == "/old"
            self.send_response(302 if moved else 200)
            self.send_header(*("Location", "/new") if moved else ("Content-Length", "5"))
            self.end_headers()
            self.wfile.write(b"" if moved else b"bytes")

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/old"
        download(RemoteFile(url, "x.pth", "", 5, "0" * 64), tmp_path / "partial")
    finally:
        server.shutdown()
        server.server_close()
    assert (tmp_path / "partial").read_bytes() == b"bytes"
    assert seen
    assert "hf_secret" not in str(seen)


def clip_card(folder: Path) -> ModelCard:
    """A CLIP of the same form, small, with the other half beside it."""
    from transformers.models.clip.configuration_clip import CLIPVisionConfig
    from transformers.models.clip.modeling_clip import CLIPVisionModelWithProjection

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"image_size": 32, "patch_size": 8, "projection_dim": 16}
    torch.manual_seed(0)
    tensors = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes)).state_dict()
    tensors |= {"text_model.final_layer_norm.weight": torch.ones(8), "logit_scale": torch.ones(())}
    tensors["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    folder.mkdir()
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors")
    card = read_card("clip-vit-b32")
    file = WeightFile("model.safetensors", 0)
    return dataclasses.replace(card, repository="", files=(file,), folder=folder, network=sizes)


def test_clip_finds_a_picture_most_like_itself(tmp_path: Path) -> None:
    card = clip_card(tmp_path / "clip")
    fetch(card)
    clip = Clip.load(card, CPU)
    assert float(clip(ONE) @ clip(ONE)) == pytest.approx(1)
    assert float(clip(ONE) @ clip(255 - ONE)) < 1 - 1e-4


def test_the_convolutions_have_the_names_of_the_checkpoint(vgg: Vgg) -> None:
    assert "features.0.weight" in vgg.state_dict()
    assert vgg.state_dict()["features.28.weight"].shape == (512, 512, 3, 3)
    assert isinstance(vgg.features[30], nn.MaxPool2d)
