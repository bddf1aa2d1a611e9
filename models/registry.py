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

HELPERS = {
    "dwpose": "models.preprocess.dwpose:DWPose",
    "segformer": "models.preprocess.segformer:SegFormer",
    "sam": "models.preprocess.sam:Sam",
}
"""Helper name -> import string of the network that prepares pictures for families."""
