"""Networks small enough to build in a test, and studies for them to read."""

from copy import deepcopy

import torch

from camchex.fusion.camchex import CaMChex, build_camchex
from camchex.fusion.params import Preparation, TextParams
from camchex.fusion.section import FusionParams
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.tokenizer import Tokenizer, build_tokenizer
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams

CLASSES = ("Edema", "Fracture", "Mass")
SIZE = 32
INDICATIONS = ["chest pain .", "fall from a ladder , rib pain on the left .", "cough .", "fever ."]
VITALS = [f"Temperature: {98 + i}.6 | Heart rate: {80 + i}.0" for i in range(4)]

ENCODER = {
    "backbone": "convnext_atto",
    "pretrained": "none",
    "backbone_args": {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16], "output_stride": 16},
    "position_encoding": "correct",
    "decoder_width": 16,
    "decoder_ffn": 16,
    "decoder_heads": 2,
}
TEXT = {
    "model": "tiny",
    "vocabulary": 200,
    "width": 8,
    "layers": 1,
    "heads": 2,
    "ffn": 16,
    "max_tokens_indication": 16,
    "max_tokens_vitals": 32,
}
TRAINING = {
    "epochs": 1,
    "batch_size": 2,
    "accumulate": 1,
    "loss": "weighted",
    "learning_rate": 0.001,
    "weight_decay": 0.0,
    "decay_norm_and_bias": True,
    "schedule": "constant",
    "warmup_fraction": 0.0,
    "ema_decay": None,
    "clip_norm": None,
    "precision": "32-true",
    "seed": 0,
}
FUSION = {
    "architecture": "camchex",
    "inputs": ["images", "indication", "vitals"],
    "encoders": "by_view",
    "layers": 2,
    "heads": 2,
    "ffn": 16,
    "dropout": 0.1,
    "regions": 2,
    "max_images": 4,
    "beyond_max_images": "choose",
    "segments": "by_type",
    "text_tokens": 1,
    "mask_padding": True,
    "freeze_encoders": False,
    "position_encoding": "correct",
    "training": TRAINING,
}
BUILT: dict[str, tuple[CaMChex, torch.Tensor]] = {}
"""Models by what was changed, with the random state behind each."""


def encoder_params(**changes: object) -> EncoderParams:
    return EncoderParams.model_validate(ENCODER | changes)


def text_params(**changes: object) -> TextParams:
    return TextParams.model_validate(TEXT | changes)


def fusion_params(**changes: object) -> FusionParams:
    return FusionParams.model_validate(FUSION | changes)


def classifier(seed: int = 0, **changes: object) -> ImageClassifier:
    torch.manual_seed(seed)
    return build_image_classifier(encoder_params(**changes), CLASSES, SIZE).eval()


def tokenizer() -> Tokenizer:
    return build_tokenizer(text_params(), [*INDICATIONS, *VITALS])


def camchex(**changes: object) -> CaMChex:
    """A small model in evaluation mode; ``changes`` go to section fusion.

    Each is built once, and copied, which takes less than half of the time. The random state is
    afterwards as if the model had been built.
    """
    key = repr(sorted(changes.items()))
    if key not in BUILT:
        BUILT[key] = _build(**changes), torch.get_rng_state()
    model, state = BUILT[key]
    torch.set_rng_state(state)
    return deepcopy(model)


def _build(**changes: object) -> CaMChex:
    frontal, lateral = classifier(1), classifier(2)
    torch.manual_seed(0)
    preparation = Preparation(fit="stretch", jpeg_quality=95, cleaner="released")
    return build_camchex(
        fusion_params(**changes), text_params(), frontal, lateral, tokenizer(), preparation
    ).eval()


def studies() -> StudyBatch:
    """Four studies: of two, one, no and three images; lateral ones in two of them."""
    generator = torch.Generator().manual_seed(0)
    read = tokenizer()
    return StudyBatch(
        images=torch.rand(6, 1, SIZE, SIZE, generator=generator),
        study=torch.tensor([0, 0, 1, 3, 3, 3]),
        slot=torch.tensor([0, 1, 0, 0, 1, 2]),
        lateral=torch.tensor([False, True, False, False, False, True]),
        indication=read.encode(INDICATIONS, 16),
        vitals=read.encode(VITALS, 32),
    )


def only(batch: StudyBatch, numbers: list[int]) -> StudyBatch:
    """Some studies of a batch, in another order if so wished, as a batch of their own."""
    read, place = tokenizer(), {number: i for i, number in enumerate(numbers)}
    rows = [i for i, study in enumerate(batch.study.tolist()) if study in place]
    return StudyBatch(
        images=batch.images[rows],
        study=torch.tensor([place[int(batch.study[i])] for i in rows], dtype=torch.long),
        slot=batch.slot[rows],
        lateral=batch.lateral[rows],
        indication=read.encode([INDICATIONS[n] for n in numbers], 16),
        vitals=read.encode([VITALS[n] for n in numbers], 32),
    )
