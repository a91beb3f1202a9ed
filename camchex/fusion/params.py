"""Section ``text``, and the parts of ``fusion`` and others that are kept beside the weights."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from camchex.contract.image_store import Fit, ImageParams
from camchex.contract.params import Section, unique
from camchex.networks.params import PositionKind, require_heads_divide
from camchex.texts.params import Cleaner, IndicationParams

Modality = Literal["images", "indication", "vitals"]
INPUTS: tuple[Modality, ...] = ("images", "indication", "vitals")
TEXTS = INPUTS[1:]
Segments = Literal["by_type", "by_slot"]
Architecture = Literal["camchex", "mmbt"]
Encoders = Literal["by_view", "shared"]
BeyondMaxImages = Literal["choose", "average"]
MOST_TOKENS, MOST_IMAGES = 8192, 256  # of a text and of a study: far more than there are
MOST_LAYERS = 256  # of one network: far more than any has; each is made before its weights are read
TINY = "tiny"
"""Value of ``text.model`` for a small BERT that is trained from scratch with the fusion."""


class TextParams(Section):
    """Section ``text``: the encoder that the indication and the vital signs share.

    Source: paper section 3.2 (BioBERT, its first token).
    """

    #: tiny, a transformers hub name, or a local folder with model.safetensors
    model: str = Field(min_length=1)
    #: most words and parts of words; tiny only, as are the next four
    vocabulary: int = Field(ge=128)
    width: int = Field(ge=1)  #: channels
    layers: int = Field(ge=1, le=MOST_LAYERS)  #: transformer layers
    heads: int = Field(ge=1)  #: heads of the attention
    ffn: int = Field(ge=1)  #: hidden units of the feed-forward layers
    #: most tokens of an indication; the rest is cut off
    max_tokens_indication: int = Field(ge=3, le=MOST_TOKENS)
    #: most tokens of the vital signs; the rest is cut off
    max_tokens_vitals: int = Field(ge=3, le=MOST_TOKENS)

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        require_heads_divide(self.width, self.heads, "width, heads")
        return self

    @property
    def longest(self) -> int:
        """Most tokens of any text."""
        return max(self.max_tokens_indication, self.max_tokens_vitals)


class FusionArchitecture(Section):
    """The keys of section ``fusion`` that decide the network; kept beside the weights.

    Source: paper section 3.2 and Figure 2.
    """

    architecture: Architecture  #: mmbt: image regions and words in the one BERT of section text
    #: what the network reads
    inputs: Annotated[tuple[Modality, ...], Field(min_length=1), AfterValidator(unique)]
    encoders: Encoders  #: shared: one image encoder, the frontal one, for every view
    #: transformer layers over all inputs; camchex only, as are the next five
    layers: int = Field(ge=1, le=MOST_LAYERS)
    heads: int = Field(ge=1)  #: heads of the attention in these layers
    ffn: int = Field(ge=1)  #: hidden units of the feed-forward in these layers
    dropout: float = Field(ge=0, lt=1)  #: share of the values that are dropped in these layers
    norm_first: bool = False  #: norms before attention and feed-forward, not after
    input_heads: bool = False  #: each input's own log-odds, and those of all together added up
    regions: int = Field(ge=1)  #: regions per side of an image; mmbt only
    #: images per study; a study with more is read in part
    max_images: int = Field(ge=1, le=MOST_IMAGES)
    #: at prediction: some images, or the mean over groups that hold them all
    beyond_max_images: BeyondMaxImages
    #: learnt marks: by frontal, lateral, indication, vitals; or one per slot and text
    segments: Segments
    #: identical tokens per text; the release: 256; camchex only
    text_tokens: int = Field(ge=1, le=MOST_TOKENS)
    mask_padding: bool  #: false: the decoder reads a learnt token in every empty slot; camchex only
    freeze_encoders: bool  #: whether image encoders stay as they are; the text encoder learns
    position_encoding: PositionKind  #: that of the feature maps, as encoder.position_encoding


class Preparation(Section):
    """How training inputs were prepared; kept beside the weights, for new studies."""

    fit: Fit  # images.fit
    jpeg_quality: int = Field(ge=1, le=100)  # images.jpeg_quality
    cleaner: Cleaner  # indications.cleaner
    mirrored: bool = True  # whether augmentation.flip_p mirrored some images


def prepared_as(images: ImageParams, indications: IndicationParams) -> Preparation:
    """Collect what sections ``images`` and ``indications`` say of the training inputs."""
    return Preparation(
        fit=images.fit, jpeg_quality=images.jpeg_quality, cleaner=indications.cleaner
    )
