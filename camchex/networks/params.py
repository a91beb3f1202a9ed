"""Section ``encoder``: the image classifier of every generation and of both views."""

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from camchex.contract.params import Section

PositionKind = Literal["correct", "released"]


def require_heads_divide(width: int, heads: int, names: str) -> None:
    """Refuse a width that the attention heads cannot divide evenly."""
    if width % heads:
        raise ValueError(f"{names}: {width} channels cannot be shared by {heads} heads")


class EncoderParams(Section):
    """Section ``encoder``: the image classifier of every generation and of both views.

    Source: paper section 3.1 (ConvNeXt and ML-Decoder).
    """

    backbone: str = Field(min_length=1)  # a timm name
    pretrained: str = Field(min_length=1)  # none, hub, or a folder that holds model.safetensors
    backbone_args: dict[str, JsonValue]  # given to timm.create_model
    position_encoding: PositionKind
    decoder_width: int = Field(ge=1)  # the ML-Decoder, here and in the fusion
    decoder_ffn: int = Field(ge=1)
    decoder_heads: int = Field(ge=1)

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        require_heads_divide(self.decoder_width, self.decoder_heads, "decoder_width, decoder_heads")
        return self
