"""The published files as networks: keys checked one by one, what no network needs checked and dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from models.catalog import ModelCard
from models.lora import merged
from models.sd_inpaint.architecture import LATENT_CHANNELS, Config, cross_attention_shapes, make_unet, make_vae
from models.sd_inpaint.attention_file import attention_tensors
from models.sd_inpaint.doubling import double_in_one_step
from models.sd_inpaint.unet import Reader, UNet
from models.weights import WeightsError, autoencoder_precision, build_network, load_tensors

Tensors = Mapping[str, Tensor]

_OLD_VAE_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLD_VAE_KEY = re.compile(r"(\.mid_block\.attentions\.0\.)(query|key|value|proj_attn)\.")


@dataclass(frozen=True, slots=True)
class LeffaNetworks:
    """`reader`: the reference UNet."""

    generator: UNet
    reader: Reader
    vae: Any


@dataclass(frozen=True, slots=True)
class Builder:
    """Networks for a card, on a device, in a precision. `exact`: with the savings of `models.sd_inpaint.doubling`.

    Every method raises `models.weights.WeightsError` when the tensors are not exactly the network's.
    """

    card: ModelCard
    device: torch.device
    dtype: torch.dtype
    exact: bool = True

    def vae(self, tensors: Tensors, config: Config) -> Any:
        """Under the keys of today's diffusers, or with the attention's keys of before 2023."""
        dtype = autoencoder_precision(self.dtype)
        renamed = {_OLD_VAE_KEY.sub(_new_name, key): tensor for key, tensor in tensors.items()}
        return self._ready(build_network(lambda: make_vae(config), renamed, self.card, self.device, dtype))

    def tensors(self, folder: str = "") -> dict[str, Tensor]:
        """Of the card's files below a folder, but for its LoRAs."""
        loras = {lora.file for lora in self.card.loras}
        files = tuple(file for file in self.card.files if file.path not in loras)
        return load_tensors(replace(self.card, files=files, loras=()), folder)

    def generator(self, tensors: Tensors, config: Config, in_channels: int) -> UNet:
        """The UNet that denoises, with the card's LoRAs in the weights that it has: those of `attn2` fit nowhere."""
        kept = merged(self.card, self._without_cross_attention(tensors, config), "unet/")
        return UNet(self._network(kept, config, in_channels))

    def reader(self, tensors: Tensors, config: Config) -> Reader:
        """The reference UNet."""
        return Reader(self._network(self._without_cross_attention(tensors, config), config, LATENT_CHANNELS))

    def catvton_unet(self, base: Tensors, attention: Tensors, config: Config, in_channels: int) -> UNet:
        """`base`: the inpainting UNet, whose self-attentions are replaced by those of CatVTON's file."""
        with torch.device("meta"):
            shapes = {key: tensor.shape for key, tensor in make_unet(config, in_channels).state_dict().items()}
        # A state dict lists down, up and mid blocks in this order, which is the published file's.
        replaced = {key: shape for key, shape in shapes.items() if ".attn1." in key}
        if missing := sorted(replaced.keys() - base.keys()):
            raise WeightsError(f"The base UNet of {self.card.name} lacks {missing[0]}. {self.card.correcting}")
        return self.generator({**base, **attention_tensors(attention, replaced, self.card)}, config, in_channels)

    def leffa_networks(self, tensors: Tensors, unet: Config, vae: Config, in_channels: int) -> LeffaNetworks:
        """All from one file, each below its prefix."""
        parts = {prefix: below(prefix, tensors) for prefix in ("unet.", "unet_encoder.", "vae.")}
        if stray := sorted(key for key in tensors if not key.startswith(tuple(parts))):
            raise WeightsError(
                f"The weights of {self.card.name} do not fit its network: unexpected {stray[0]}. {self.card.correcting}"
            )
        return LeffaNetworks(
            generator=self.generator(parts["unet."], unet, in_channels),
            reader=self.reader(parts["unet_encoder."], unet),
            vae=self.vae(parts["vae."], vae),
        )

    def _network(self, tensors: Tensors, config: Config, in_channels: int) -> Any:
        network = build_network(lambda: make_unet(config, in_channels), tensors, self.card, self.device, self.dtype)
        return self._ready(network)

    def _without_cross_attention(self, tensors: Tensors, config: Config) -> dict[str, Tensor]:
        """The weights of the skipped attentions are checked and dropped."""
        shapes = cross_attention_shapes(config)
        for key, shape in shapes.items():
            if key in tensors and tensors[key].shape != shape:
                raise WeightsError(
                    f"{key} of {self.card.name} is {tuple(tensors[key].shape)}, not {tuple(shape)}. "
                    f"{self.card.correcting}"
                )
        return {key: tensor for key, tensor in tensors.items() if key not in shapes}

    def _ready(self, network: Any) -> Any:
        if self.exact:
            double_in_one_step(network)
        # Convolutions on tensor cores want the channels last.
        return network.to(memory_format=torch.channels_last) if self.device.type == "cuda" else network


def below(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _new_name(match: re.Match[str]) -> str:
    return f"{match[1]}{_OLD_VAE_ATTENTION[match[2]]}."
