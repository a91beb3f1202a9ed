"""The networks of a profile and the same batches in both layouts: ours, and the published one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import published_layout as published
import torch
from contest import EMA_DECAY, Contest, Run, over_and_over, time_loop
from torch import nn
from transformers import AutoConfig

from camchex.estimate.probe import Timing, Window, repeated, time_training
from camchex.estimate.random_batches import images_of_studies, random_images, random_studies
from camchex.estimate.random_networks import untrained_camchex, untrained_classifier
from camchex.fusion.camchex import CaMChex
from camchex.networks.batches import Batch
from camchex.networks.image_classifier import ImageClassifier
from camchex.profiles.profiles import Params
from camchex.training.augmentation import Augmentation
from camchex.training.params import TrainingParams

BATCHES = 8  # different ones, which take turns


def parts_of(params: Params, model: CaMChex | None, *, frozen: bool) -> published.Parts:
    """The networks of a profile as the published layout takes them."""
    encoder, fusion = params.encoder, params.fusion
    bert = None
    if model is not None:
        longer = published.INDICATION_TOKENS - params.text.max_tokens_indication
        bert = AutoConfig.for_model(**model.config.text_config)
        bert.max_position_embeddings += longer
    return published.Parts(
        backbone=encoder.backbone,
        backbone_args=dict(encoder.backbone_args),
        classes=len(params.labels.classes),
        decoder=(encoder.decoder_width, encoder.decoder_ffn, encoder.decoder_heads),
        fusion=(fusion.layers, fusion.heads, fusion.ffn, fusion.dropout),
        bert=bert,
        frozen=frozen,
    )


def in_slots(batch: Batch) -> published.SlotBatch:
    """The same studies in the published layout."""
    studies, size = batch.inputs, len(batch.targets)
    place = (studies.study, studies.slot)
    images = torch.zeros(size, published.SLOTS, *studies.images.shape[1:], dtype=torch.uint8)
    views = torch.zeros(size, published.SLOTS, dtype=torch.long)
    images[place] = studies.images
    views[place] = torch.where(studies.lateral, published.LATERAL, published.FRONTAL)
    lengths = (published.INDICATION_TOKENS, published.VITALS_TOKENS)
    texts = [
        published.padded(text.ids, text.mask, length)
        for text, length in zip((studies.indication, studies.vitals), lengths, strict=True)
    ]
    return published.SlotBatch(images, views, *texts, batch.targets)


def published_step(run: Run, network: nn.Module, training: TrainingParams) -> Callable[..., None]:
    """The published step over a network, once per repetition like ours."""
    augment = Augmentation(run.params.augmentation, run.params.images.size)
    step = published.PublishedStep(
        network.to(run.device), augment, training.learning_rate, training.clip_norm, EMA_DECAY
    )
    share = torch.full((len(run.params.labels.classes),), 0.1, device=run.device)
    return lambda batch: step(batch, share)


def study_batches(run: Run, model: CaMChex) -> list[Batch]:
    """Studies of noise, as large as those of CXR-LT."""
    draw = np.random.default_rng(0)
    return [random_studies(images_of_studies(run.batch, draw), model, draw) for _ in range(BATCHES)]


def ours_on(
    run: Run,
    network: nn.Module,
    batches: Sequence[Batch],
    stage: TrainingParams,
    augment: nn.Module | None = None,
) -> Callable[[Window], Timing]:
    """Times our step over ready batches in memory; without ``augment``, that of the profile.

    The loader copies them to the device while the step before is computed, as in every training.
    """
    augment = augment or Augmentation(run.params.augmentation, run.params.images.size)

    def timed(window: Window) -> Timing:
        task = repeated(network, augment, batches, window)
        return time_training(task, run.training(stage), run.runtime, window)

    return timed


def theirs_on(
    run: Run, network: nn.Module, batches: Sequence[Any], stage: TrainingParams
) -> Callable[[Window], Timing]:
    """Times the published step over ready batches, which lie on the device."""
    step = published_step(run, network, stage)
    return lambda window: time_loop(step, over_and_over(batches), run.device, window)


def in_common(params: Params) -> Params:
    """A profile with the network that both layouts have: one token per text, no heads of inputs."""
    ours = {"text_tokens": 1, "input_heads": False, "input_loss": 0.0}
    return params.model_copy(update={"fusion": params.fusion.model_copy(update=ours)})


def fusion_network(run: Run, *, frozen: bool = False) -> CaMChex:
    """Our network of stage 2, untrained."""
    params = run.params
    fusion = params.fusion.model_copy(update={"freeze_encoders": frozen})
    return untrained_camchex(fusion, params.text, image_network(run))


def image_network(run: Run) -> ImageClassifier:
    """Our network of stage 1, untrained."""
    params = run.params
    return untrained_classifier(params.encoder, params.labels.classes, params.images.size)


def image_batches(run: Run) -> list[Batch]:
    """Images of noise."""
    draw, params = np.random.default_rng(0), run.params
    classes = len(params.labels.classes)
    return [random_images(run.batch, params.images.size, classes, draw) for _ in range(BATCHES)]


def fusion_contest(run: Run, *, frozen: bool) -> Contest:
    """Stage 2."""
    params = run.params
    model = fusion_network(run, frozen=frozen)
    batches = study_batches(run, model)
    network = published.PublishedFusion(parts_of(params, model, frozen=frozen))
    slots = [in_slots(batch).to(run.device) for batch in batches]
    kind = "frozen" if frozen else "trained"
    return Contest(
        f"fusion step, encoders {kind}",
        "studies",
        ours_on(run, model, batches, params.fusion.training),
        theirs_on(run, network, slots, params.fusion.training),
    )


def image_contest(run: Run) -> Contest:
    """Stage 1."""
    batches = image_batches(run)
    network = published.PublishedClassifier(parts_of(run.params, None, frozen=False))
    pairs = [(b.inputs.to(run.device), b.targets.to(run.device)) for b in batches]
    stage = run.params.noisy_student.teacher
    return Contest(
        "image step",
        "images",
        ours_on(run, image_network(run), batches, stage),
        theirs_on(run, network, pairs, stage),
    )
