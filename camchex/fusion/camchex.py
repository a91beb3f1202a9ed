"""CaMChex: the network that reads images, indication and vital signs of a study together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

import torch
from pydantic import Field, JsonValue
from torch import Tensor, nn

from camchex.contract.image_store import MOST_PX
from camchex.contract.labels import Classes
from camchex.contract.params import Section
from camchex.errors import ModelError, counted
from camchex.fusion.image_maps import require_one_size
from camchex.fusion.input_heads import InputHeads
from camchex.fusion.mmbt import JointSentence
from camchex.fusion.params import (
    TEXTS,
    TINY,
    FusionArchitecture,
    Modality,
    Preparation,
    TextParams,
)
from camchex.fusion.study_batch import StudyBatch, Tokens
from camchex.fusion.study_fusion import InputTokens, StudyFusion
from camchex.fusion.text_encoder import TextEncoder, text_config
from camchex.fusion.tokenizer import NO_INDICATION, NO_VITALS, Tokenizer
from camchex.networks.folder import (
    CONFIG,
    build_loaded,
    check_classes,
    open_model,
    write_model,
)
from camchex.networks.hub import HubOptions
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.image_encoder import ImageEncoder
from camchex.networks.ml_decoder import MLDecoder
from camchex.networks.model_files import read_text
from camchex.networks.params import EncoderParams

TOKENIZER = "tokenizer.json"
IMAGES: Modality = "images"


class CaMChexConfig(Section):
    """``config.json`` of a CaMChex: how to build the network, and how to prepare its inputs."""

    classes: Classes
    image_size: int = Field(ge=1, le=MOST_PX)
    preparation: Preparation
    fusion: FusionArchitecture
    frontal: EncoderParams
    lateral: EncoderParams
    text: TextParams
    text_config: dict[str, JsonValue]  # as transformers writes it


class CaMChex(nn.Module):
    """Network from one study to one logit per class; new weights are random.

    An input outside ``fusion.inputs`` has no encoder and no token. ``fusion.architecture`` decides
    whether a transformer of its own fuses the inputs, or the text encoder does (MMBT).

    Args:
        config: The networks, the classes, and how inputs are prepared.
        tokenizer: The tokenizer of the text encoder.

    Raises:
        ModelError: If the parts do not fit together.

    Source: paper section 3.2 and Figure 2.
    """

    no_indication: Tensor
    no_vitals: Tensor

    def __init__(self, config: CaMChexConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        inputs = config.fusion.inputs
        width = None
        if "images" in inputs:
            self.frontal = ImageEncoder(config.frontal, config.image_size)
            width = self.frontal.channels
            if config.fusion.encoders == "by_view":
                self.lateral = ImageEncoder(config.lateral, config.image_size)
                alike = self.lateral.channels == width
                self.lateral_projection = (
                    nn.Identity() if alike else nn.Conv2d(self.lateral.channels, width, 1)
                )
            for encoder in self.image_encoders if config.fusion.freeze_encoders else ():
                encoder.requires_grad_(requires_grad=False)
        if config.fusion.architecture == "mmbt":
            self.text = TextEncoder(config.text_config, None)
            self.joint = JointSentence(
                width, self.text.word_width, self.text.positions, config.fusion
            )
            self.classifier = nn.Linear(self.text.width, len(config.classes))
            return
        if set(TEXTS) & set(inputs):
            self.text = TextEncoder(config.text_config, width)
            width = self.text.width
        assert width is not None  # fusion.inputs is never empty
        self.fusion = StudyFusion(width, config.fusion)
        head = config.frontal
        sizes = {"width": head.decoder_width, "ffn": head.decoder_ffn, "heads": head.decoder_heads}
        self.decoder = MLDecoder(width, len(config.classes), **sizes)
        if config.fusion.input_heads:
            self.input_heads = InputHeads(width, len(config.classes), inputs, sizes)
            for name, text, most in (
                ("no_indication", NO_INDICATION, config.text.max_tokens_indication),
                ("no_vitals", NO_VITALS, config.text.max_tokens_vitals),
            ):
                self.register_buffer(name, tokenizer.encode([text], most).ids[0], persistent=False)

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the logits."""
        return list(self.config.classes)

    @property
    def image_size(self) -> int:
        """Height and width of the images, pixels."""
        return self.config.image_size

    @property
    def mirrored(self) -> bool:
        """Whether a prediction averages over a study and its mirror."""
        return self.config.preparation.mirrored

    @property
    def image_encoders(self) -> list[ImageEncoder]:
        """Image encoders: none, one that all views share, or one per view."""
        found = [getattr(self, view, None) for view in ("frontal", "lateral")]
        return [encoder for encoder in found if encoder is not None]

    def forward(
        self, batch: StudyBatch, *, by_input: bool = False
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Classify B studies, their images (M, 1, H, W) in [0, 1]: logits (B, Q).

        With ``by_input``, which needs ``fusion.input_heads``, also the logits of each of K inputs
        alone, (B, K, Q), and whether a study has that input, (B, K), bool. Encoders and input heads
        then learn from the logits of each input alone; what is read jointly learns the rest.

        Raises:
            ModelError: If a study has nothing that the model reads.
        """
        if self.config.fusion.architecture == "mmbt":
            return self._as_sentence(batch)
        read = self.read(batch)
        logits = self.fuse(read)
        if not by_input:
            return logits
        given = torch.stack([one.given for one in read.values()], dim=1)
        return logits, evidence_of(read) + self.decoder.pooling_bias, given

    def read(
        self, batch: StudyBatch, embeddings: Mapping[Modality, Tensor] | None = None
    ) -> dict[Modality, InputTokens]:
        """Read each input of B studies by itself, which mmbt does not.

        ``embeddings`` of :meth:`encode_texts` are not computed again.
        """
        images, texts = self.maps_of(batch), self._texts_of(batch)
        embedded = self.encode_texts(texts) if embeddings is None else embeddings
        read = {} if images is None else {IMAGES: self.read_images(images)}
        return read | {name: self.read_text(name, texts[name], embedded[name]) for name in texts}

    def read_images(self, encoded: StudyBatch) -> InputTokens:
        """Read the images of B studies by themselves; ``encoded`` has maps in their place."""
        return self._with_evidence(IMAGES, self.fusion.image_tokens(encoded))

    def read_text(self, name: Modality, text: Tokens, embedded: Tensor) -> InputTokens:
        """Read B texts of one kind, whose embeddings (B, C) are known, by themselves."""
        given = torch.ones(len(embedded), dtype=torch.bool, device=embedded.device)
        if self.config.fusion.input_heads:
            nothing = {"indication": self.no_indication, "vitals": self.no_vitals}
            given = ~text.equal(nothing[name])
        return self._with_evidence(name, self.fusion.text_tokens(name, embedded, given))

    def fuse(self, read: Mapping[Modality, InputTokens]) -> Tensor:
        """Read together the inputs of B studies that were read by themselves: logits (B, Q).

        Raises:
            ModelError: If a study has nothing that the model reads.
        """
        if not read.keys() & set(TEXTS) and not (read and bool(read[IMAGES].given.all())):
            raise ModelError("a study has no image, and the model reads nothing else")
        if not self.config.fusion.input_heads:
            logits: Tensor = self.decoder(*self.fusion(read))
            return logits
        # Nothing flows back: once images explain a finding, its words would no longer be learnt.
        fixed = {name: one._replace(tokens=one.tokens.detach()) for name, one in read.items()}
        joint: Tensor = self.decoder(*self.fusion(fixed))
        return joint + evidence_of(read).detach().sum(1)

    def _with_evidence(self, name: Modality, read: InputTokens) -> InputTokens:
        """Add what an input says by itself, where the model has a head for it."""
        if not self.config.fusion.input_heads:
            return read
        return read._replace(evidence=self.input_heads(name, read))

    def _as_sentence(self, batch: StudyBatch) -> Tensor:
        """Classify B studies as mmbt does: logits (B, Q)."""
        images, texts = self.maps_of(batch), self._texts_of(batch).values()
        start = self.text.words(batch.indication.ids.new_tensor(self.tokenizer.start))
        words = [(self.text.words(text.ids[:, 1:]), text.mask[:, 1:]) for text in texts]
        sentence = self.joint(start, images, words, batch.size)
        logits: Tensor = self.classifier(self.text.read_out(*sentence))
        return logits

    def _texts_of(self, batch: StudyBatch) -> dict[Modality, Tokens]:
        """Select the texts of a batch that the model reads, indication first."""
        texts = {"indication": batch.indication, "vitals": batch.vitals}
        return {name: texts[name] for name in TEXTS if name in self.config.fusion.inputs}

    def maps_of(self, batch: StudyBatch) -> StudyBatch | None:
        """Encode the images of a batch, if the model reads them and there are any."""
        params = self.config.fusion
        # Learnt padding stands for images also where no study of the batch has one.
        padded = params.architecture == "camchex" and not params.mask_padding
        read = IMAGES in params.inputs and (padded or len(batch.images) > 0)
        return self.encode_images(batch) if read else None

    def encode_texts(self, texts: Mapping[Modality, Tokens]) -> dict[Modality, Tensor]:
        """Embed texts, (B, C) for each kind; mmbt reads them with the images, so not by this."""
        # One call for each kind: together, the shorter would be padded to the longer.
        return {name: self.text(text) for name, text in texts.items()}

    def encode_images(self, batch: StudyBatch) -> StudyBatch:
        """Replace images by feature maps (M, C, h, w), each by the encoder of its view.

        A view without images runs no encoder. The order of the images may change. Maps that were
        kept in place of images are not encoded again.
        """
        if not len(batch.images):
            return batch.map_images(self._maps_of_no_image)
        if self.config.fusion.encoders == "shared":
            return batch.map_images(partial(_maps, self.frontal))
        order = batch.lateral.long().argsort(stable=True)  # frontal first
        count = int((~batch.lateral).sum())
        images = batch.images[order]
        found = [_maps(self.frontal, images[:count])] if count else []
        if count < len(images):
            found.append(self.lateral_projection(_maps(self.lateral, images[count:])))
        require_one_size([tuple(maps.shape[2:]) for maps in found])
        study, slot, lateral = (part[order] for part in (batch.study, batch.slot, batch.lateral))
        return replace(batch, images=torch.cat(found), study=study, slot=slot, lateral=lateral)

    @torch.no_grad()
    def _maps_of_no_image(self, images: Tensor) -> Tensor:
        """Give the maps (0, C, h, w) of no image: only the encoder knows how large they are."""
        mode = self.frontal.training
        self.frontal.eval()  # no statistics of a batch are to follow from nothing
        # Of one blank image: not every backbone takes a batch of none.
        maps: Tensor = self.frontal(images.new_zeros(1, 1, self.image_size, self.image_size))
        self.frontal.train(mode)
        return maps[:0]

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Switch the mode; frozen encoders stay in evaluation mode."""
        super().train(mode)
        for encoder in self.image_encoders if self.config.fusion.freeze_encoders else ():
            encoder.eval()
        return self

    def save_pretrained(self, folder: str | Path) -> None:
        """Write configuration, weights and tokenizer; equal models write equal bytes."""
        write_model(folder, self.config, self, {TOKENIZER: self.tokenizer.definition})

    @classmethod
    def from_pretrained(  # noqa: PLR0913 - the keywords of every model of the Hub
        cls,
        name: str | Path,
        classes: Sequence[str] | None = None,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        token: str | bool | None = None,
    ) -> Self:
        """Load a model that is ready to predict, and that has ``classes`` if these are given.

        Args:
            name: Folder of the model, or ``owner/name`` of the Hugging Face Hub.
            classes: Classes of the data, which must be those of the model; None: not checked.
            revision: Branch, tag or commit of a model of the Hub; None: the main branch.
            cache_dir: Folder of the Hub's local copies; None: that of its library.
            local_files_only: Whether an earlier copy is to do, and the Hub is not asked.
            force_download: Whether files are downloaded although they are here.
            token: Of a user, for models that are not public; None: that of ``hf auth login``.

        Raises:
            ModelError: If the model is missing, damaged, of another kind or of other classes.
        """
        hub = HubOptions(revision, cache_dir, local_files_only, force_download, token)
        folder, config = open_model(name, CaMChexConfig, hub)
        check_classes(folder, config.classes, classes)
        tokenizer = _own_tokenizer(folder, config)
        return build_loaded(folder, partial(cls, config, tokenizer)).eval()


def evidence_of(read: Mapping[Modality, InputTokens]) -> Tensor:
    """Collect the log-odds of each of K inputs alone, of a model with input heads: (B, K, Q)."""
    return torch.stack([one.evidence for one in read.values() if one.evidence is not None], dim=1)


def _own_tokenizer(folder: Path, config: CaMChexConfig) -> Tokenizer:
    """Read the tokenizer of a model folder.

    Raises:
        ModelError: If it is missing or damaged, or has words that the text encoder does not know.
    """
    path, text = folder / TOKENIZER, read_text(folder, TOKENIZER)
    try:
        tokenizer = Tokenizer(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    known = config.text_config.get("vocab_size")
    is_own = tokenizer.size == known if config.text.model == TINY else tokenizer.fits(known)
    if not is_own:
        raise ModelError(
            f"{path}: has {tokenizer.size} tokens, and {folder / CONFIG} a vocabulary of {known}: "
            "it is the tokenizer of another model"
        )
    return tokenizer


def _maps(encoder: ImageEncoder, images: Tensor) -> Tensor:
    """Encode images (M, 1, H, W); of maps in their place, take the encoder's channels."""
    return encoder(images) if images.shape[1] == 1 else images[:, : encoder.channels]


def build_camchex(
    fusion: FusionArchitecture,
    text: TextParams,
    frontal: ImageClassifier,
    lateral: ImageClassifier,
    tokenizer: Tokenizer,
    preparation: Preparation,
) -> CaMChex:
    """Build a new CaMChex over trained image encoders and a published or tiny text encoder.

    The backbones of both classifiers are copied, their heads are not; ``lateral`` is ignored where
    all views share the frontal encoder. ``tokenizer`` results from :func:`build_tokenizer` for
    ``text``; ``preparation`` says how the training inputs were prepared.

    Raises:
        ModelError: If the parts do not fit together, or the text encoder is not available.
    """
    if fusion.encoders == "shared":
        lateral = frontal
    if (frontal.classes, frontal.image_size) != (lateral.classes, lateral.image_size):
        sizes = [
            f"{counted(len(one.classes), 'class', 'classes')} at {one.image_size} px"
            for one in (frontal, lateral)
        ]
        raise ModelError(
            "the frontal and the lateral classifier differ in classes or image size: "
            f"{', '.join(sizes)}"
        )
    kept = fusion.model_dump(include=set(FusionArchitecture.model_fields))
    config = CaMChexConfig(
        classes=tuple(frontal.classes),
        image_size=frontal.image_size,
        preparation=preparation,
        fusion=FusionArchitecture.model_validate(kept),
        frontal=frontal.config.encoder,
        lateral=lateral.config.encoder,
        text=text,
        text_config=text_config(text, tokenizer),
    )
    model = CaMChex(config, tokenizer)
    if "images" in fusion.inputs:
        model.frontal.load_state_dict(frontal.encoder.state_dict())
        if fusion.encoders == "by_view":
            model.lateral.load_state_dict(lateral.encoder.state_dict())
    if set(fusion.inputs) - {"images"} or fusion.architecture == "mmbt":
        model.text.load_pretrained(text.model, tokenizer)
        model.text.require_reading(tokenizer, text.longest)
    return model
