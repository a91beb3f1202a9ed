"""The image classifier: backbone, position encoding, ML-Decoder."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

from pydantic import Field
from torch import Tensor, nn

from camchex.contract.image_store import MOST_PX
from camchex.contract.labels import Classes
from camchex.contract.params import Section
from camchex.networks import folder as model_folder
from camchex.networks.hub import HubOptions
from camchex.networks.image_encoder import NO_WEIGHTS, ImageEncoder, resolved
from camchex.networks.ml_decoder import MLDecoder
from camchex.networks.params import EncoderParams
from camchex.networks.position import position_encoding


class ImageClassifierConfig(Section):
    """Content of an image classifier's ``config.json``."""

    encoder: EncoderParams  # its `pretrained` is none: the weights lie beside config.json
    classes: Classes
    image_size: int = Field(ge=1, le=MOST_PX)
    mirrored: bool = True  # trained on mirrored images too (augmentation.flip_p)


class ImageClassifier(nn.Module):
    """Network from one grey image to one logit per class; its weights are random.

    Raises:
        ModelError: If timm cannot build the backbone.

    Source: paper section 3.1.
    """

    def __init__(self, config: ImageClassifierConfig) -> None:
        super().__init__()
        self.config, encoder = config, config.encoder
        self.encoder = ImageEncoder(encoder, config.image_size)
        self.decoder = MLDecoder(
            self.encoder.channels,
            len(config.classes),
            width=encoder.decoder_width,
            ffn=encoder.decoder_ffn,
            heads=encoder.decoder_heads,
        )

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the logits."""
        return list(self.config.classes)

    @property
    def image_size(self) -> int:
        """Height and width of the images, pixels."""
        return self.config.image_size

    @property
    def mirrored(self) -> bool:
        """Whether a prediction averages over an image and its mirror."""
        return self.config.mirrored

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits (B, Q) from grey images (B, 1, H, W) in [0, 1]."""
        maps = self.encoder(images)  # (B, C, h, w)
        maps = maps + position_encoding(self.config.encoder.position_encoding, maps)
        logits: Tensor = self.decoder(maps.flatten(2).transpose(1, 2))
        return logits

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``; equal models give equal bytes."""
        model_folder.write_model(folder, self.config, self)

    @classmethod
    def from_pretrained(  # noqa: PLR0913 - the keywords of every model of the Hub
        cls,
        name: str | Path,
        image_size: int | None = None,
        classes: Sequence[str] | None = None,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        token: str | bool | None = None,
    ) -> Self:
        """Load a model that is ready to predict.

        Args:
            name: Folder of the model, or ``owner/name`` of the Hugging Face Hub.
            image_size: Height and width of the images that it is to read, pixels, where the
                backbone allows another size; None: that of its training.
            classes: Classes of the data, which must be those of the model; None: not checked.
            revision: Branch, tag or commit of a model of the Hub; None: the main branch.
            cache_dir: Folder of the Hub's local copies; None: that of its library.
            local_files_only: Whether an earlier copy is to do, and the Hub is not asked.
            force_download: Whether files are downloaded although they are here.
            token: Of a user, for models that are not public; None: that of ``hf auth login``.

        Raises:
            ModelError: If the model is missing, damaged, of another kind or of other classes, or
                its backbone cannot read images of this size.
        """
        hub = HubOptions(revision, cache_dir, local_files_only, force_download, token)
        folder, config = model_folder.open_model(name, ImageClassifierConfig, hub)
        model_folder.check_classes(folder, config.classes, classes)
        model = model_folder.build_loaded(folder, partial(cls, config))
        if image_size is None or image_size == config.image_size:
            return model.eval()
        args = {**config.encoder.backbone_args}
        args |= {"img_size": image_size} if "img_size" in args else {}
        encoder = config.encoder.model_copy(update={"backbone_args": args})
        resized = cls(config.model_copy(update={"encoder": encoder, "image_size": image_size}))
        resized.decoder.load_state_dict(model.decoder.state_dict())
        resized.encoder.adopt(model.encoder.backbone.state_dict(), str(folder))
        return resized.eval()


def build_image_classifier(
    encoder: EncoderParams, classes: Sequence[str], image_size: int
) -> ImageClassifier:
    """Build a new classifier whose backbone has the weights that ``encoder.pretrained`` names.

    Raises:
        ModelError: If the backbone cannot be built, or its weights cannot be had.
    """
    saved = resolved(encoder).model_copy(update={"pretrained": NO_WEIGHTS})
    config = ImageClassifierConfig(encoder=saved, classes=tuple(classes), image_size=image_size)
    model = ImageClassifier(config)
    model.encoder.load_pretrained(encoder)
    return model
