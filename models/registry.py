"""Which code a card's `family` names: one row a family, one folder a family."""

from __future__ import annotations

FAMILIES = {
    "paperdoll": "models.paperdoll.family:PaperDoll",
    "fashn_vton": "models.fashn_vton.family:FashnVton",
    "flux2_klein": "models.flux2_klein.family:Flux2Klein",
    "qwen_edit": "models.qwen_edit.family:QwenEdit",
    "sd_inpaint": "models.sd_inpaint.family:SdInpaint",
}
"""Family name -> import string of its `models.base.TryOnFamily`."""

APPROXIMATIONS = {
    "paperdoll": frozenset({"num_inference_steps"}),
    "fashn_vton": frozenset({"num_inference_steps", "guidance_interval", "garment_reuse_steps"}),
    "flux2_klein": frozenset({"num_inference_steps", "guidance_interval"}),
    "qwen_edit": frozenset({"num_inference_steps", "guidance_interval"}),
    "sd_inpaint": frozenset({"num_inference_steps", "guidance_interval", "garment_reuse_steps"}),
}
"""Family name -> which of `models.exactness.Approximations` it honours."""

HELPERS = {
    "dwpose": "models.preprocess.dwpose:DWPose",
    "segformer": "models.preprocess.segformer:SegFormer",
    "sam": "models.preprocess.sam:Sam",
}
"""Helper name -> import string of the network that prepares pictures for families."""

JUDGES = {
    "inception": "models.judges.inception:Inception",
    "vgg": "models.judges.vgg:Perceptual",
    "clip": "models.judges.clip:Clip",
}
"""Judge name -> import string of the network that scores pictures."""
