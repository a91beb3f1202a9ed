"""Section ``encoder``: the image classifier of every generation and of both views."""

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from camchex.contract.params import Section

PositionKind = Literal["correct", "released"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
LARGEST = 1e38  # of float32, in which images are normalised, nearly
REFUSED_ARGS = {
    *("checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay"),
    *("pretrained_strict", "pretrained_model_args", "cache_dir", "pruned", "auto_map"),
    *("num_classes", "in_chans", "global_pool", "features_only", "scriptable", "exportable"),
}
"""Arguments of timm that fetch or unpickle other weights, or make another thing than a backbone."""


def require_heads_divide(width: int, heads: int, names: str) -> None:
    """Refuse a width that the attention heads cannot divide evenly."""
    if width % heads:
        raise ValueError(f"{names}: {width} channels cannot be shared by {heads} heads")


class EncoderParams(Section):
    """Section ``encoder``: the image classifier of every generation and of both views.

    Source: paper section 3.1 (ConvNeXt and ML-Decoder).
    """

    backbone: str = Field(min_length=1)  #: a timm name, or hf: and a name or folder of transformers
    #: first weights: none, hub, or a folder that holds model.safetensors
    pretrained: str = Field(min_length=1)
    #: arguments of timm.create_model, or keys that replace some of config.json
    backbone_args: dict[str, JsonValue]
    #: that of the feature maps: correct, or with the axes mixed up as released
    position_encoding: PositionKind
    decoder_width: int = Field(ge=1)  #: channels of the ML-Decoder, here and in the fusion
    decoder_ffn: int = Field(ge=1)  #: hidden units of its feed-forward layer
    decoder_heads: int = Field(ge=1)  #: heads of its attention

    @model_validator(mode="after")
    def _arguments_build_a_backbone(self) -> Self:
        if refused := sorted(REFUSED_ARGS.intersection(self.backbone_args)):
            raise ValueError(
                f"backbone_args: {refused[0]}: weights come from `pretrained` alone, and the "
                "network decides its channels, its head and its pooling"
            )
        for name in ("mean", "std"):
            if name in self.backbone_args:
                values = self.backbone_args[name]
                numbers = isinstance(values, list) and [
                    isinstance(v, int | float) and abs(v) <= LARGEST and (name == "mean" or v > 0)
                    for v in values
                ]
                if not numbers or not all(numbers):
                    raise ValueError(f"backbone_args: {name}: expected a number for each channel")
        return self

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        require_heads_divide(self.decoder_width, self.decoder_heads, "decoder_width, decoder_heads")
        return self
