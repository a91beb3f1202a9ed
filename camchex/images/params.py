"""Section ``images`` of params.yaml: what a published image is turned into."""

from typing import Literal

from pydantic import Field

from camchex.params import Section

LARGEST_SHARD_MB = 1024  # its 32-bit offsets end at 2 GiB, and one image may still follow the limit


class ImageParams(Section):
    """Section ``images``."""

    size: int = Field(ge=8)  # pixels of either side of a prepared image
    fit: Literal["stretch", "pad"]  # pad keeps the aspect
    jpeg_quality: int = Field(ge=1, le=100)
    shard_mb: int = Field(ge=1, le=LARGEST_SHARD_MB)  # a shard is closed once it is this large
    max_unreadable: float = Field(ge=0, le=1)  # fraction of a data set
