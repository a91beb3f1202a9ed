"""MMBT: the same studies through one BERT."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from camchex.errors import ModelError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from tests.networks.small import CLASSES, camchex, classifier, only, studies, text_params


def mmbt(**changes: object) -> CaMChex:
    """With regions ten times as large: beside new words, those of a new model hardly count."""
    model = camchex(**({"architecture": "mmbt"} | changes))
    with torch.no_grad():
        for weight in model.joint.parameters():
            weight.mul_(10 if weight.ndim > 1 else 1)
    return model


def close(first: Tensor, second: Tensor) -> None:
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_it_is_a_bert_over_regions_and_words_written_out() -> None:
    """One study of a frontal and a lateral image, composed by hand."""
    model, batch = mmbt(), only(studies(), [0])
    bert, joint = model.text.model, model.joint
    table = bert.embeddings.word_embeddings.weight
    parts, positions = [table[model.tokenizer.start][None]], [0]
    encoders = (model.frontal, model.lateral)
    for number, encoder in enumerate(encoders):
        maps = encoder(batch.images[number : number + 1])[0]  # (C, 2, 2): one feature per region
        regions = functional.interpolate(maps[None], size=(2, 2)).squeeze(0).flatten(1).T
        assert maps.shape[1:] == (2, 2)
        weight, bias = joint.projection.weight, joint.projection.bias
        parts.append(regions @ weight.T + bias + joint.segments[number])
        positions += [1, 2, 3, 4]
    for number, text in enumerate((batch.indication, batch.vitals), start=2):
        words = text.ids[0, 1:]
        parts.append(table[words] + joint.segments[number])
        positions += range(1, len(words) + 1)
    states = bert(
        inputs_embeds=torch.cat(parts)[None],
        position_ids=torch.tensor([positions]) + 1,  # RoBERTa and its kin keep one for padding
    ).last_hidden_state
    close(model.classifier(states[:, 0]), model(batch))


@torch.no_grad()
def test_a_text_alone_is_read_as_its_bert_reads_it() -> None:
    model, batch = mmbt(inputs=["indication"]), studies()
    model.joint.segments.zero_()
    tokens = batch.indication
    reference = model.text.model(input_ids=tokens.ids, attention_mask=tokens.mask)
    close(model(batch), model.classifier(reference.last_hidden_state[:, 0]))


@torch.no_grad()
@pytest.mark.parametrize("encoders", ["by_view", "shared"])
def test_a_study_does_not_depend_on_its_batch(encoders: str) -> None:
    model, batch = mmbt(encoders=encoders), studies()
    together = model(batch)
    assert together.shape == (4, len(CLASSES))
    for numbers in ([0], [1], [3], [2], [1, 0], [3, 2, 1]):
        close(model(only(batch, numbers)), together[numbers])


@torch.no_grad()
def test_the_order_of_images_does_not_matter() -> None:
    model, batch = mmbt(), studies()
    shuffle = torch.tensor([5, 2, 0, 4, 1, 3])
    packed = replace(
        batch,
        images=batch.images[shuffle],
        study=batch.study[shuffle],
        slot=batch.slot[shuffle],
        lateral=batch.lateral[shuffle],
    )
    reverse = replace(batch, slot=batch.study.bincount()[batch.study] - 1 - batch.slot)
    for other in (packed, reverse):
        close(model(other), model(batch))
    by_slot = mmbt(segments="by_slot")
    assert not torch.allclose(by_slot(reverse), by_slot(batch), atol=1e-5)


def images_of(batch: StudyBatch, study: int, change: Tensor) -> StudyBatch:
    theirs = (batch.study == study)[:, None, None, None]
    return batch.map_images(lambda images: torch.where(theirs, change, images))


@torch.no_grad()
def test_every_input_matters_and_no_other_study_does() -> None:
    model, batch = mmbt(), studies()
    before = model(batch)
    for changed in (
        replace(batch, images=1 - batch.images),
        replace(batch, lateral=~batch.lateral),
        replace(batch, indication=batch.vitals),
        replace(batch, vitals=batch.indication),
    ):
        assert ((model(changed) - before).abs().amax(1)[[0, 1, 3]] > 1e-6).all()
    alone = model(images_of(batch, 3, torch.tensor(7.0)))
    assert not torch.allclose(alone[3], before[3], atol=1e-5)
    close(alone[:3], before[:3])  # study 0 has a slot that only study 3 fills


@torch.no_grad()
def test_an_image_is_pooled_to_its_regions() -> None:
    model, batch = mmbt(regions=1), only(studies(), [1])
    embeddings, *_ = model.joint(torch.zeros(8), model.encode_images(batch), [], 1)
    assert embeddings.shape == (1, 2, 8)
    mean = model.frontal(batch.images).mean(dim=(2, 3))
    close(embeddings[0, 1:], model.joint.projection(mean) + model.joint.segments[0])


def test_more_regions_than_positions_are_refused() -> None:
    longest = text_params().max_tokens_vitals
    assert longest == 32
    mmbt(regions=5)  # 25 and the leading token
    with pytest.raises(ModelError, match=r"fusion\.regions: 6 x 6 regions.* 32 positions"):
        mmbt(regions=6)


@torch.no_grad()
def test_a_sentence_may_be_longer_than_the_text_encoder_reads() -> None:
    model, batch = mmbt(regions=4), studies()
    assert model.text.positions < 3 * 16
    assert model(batch).isfinite().all()


def test_every_weight_is_used_in_training() -> None:
    for changes in ({}, {"encoders": "shared"}, {"inputs": ["vitals"]}):
        model = mmbt(**changes).train()
        model(studies()).sum().backward()
        unused = [name for name, p in model.named_parameters() if p.grad is None]
        assert unused == []


def test_a_study_with_nothing_to_read_is_refused() -> None:
    model = mmbt(inputs=["images"])
    assert model(only(studies(), [0, 1, 3])).isfinite().all()
    for batch in (studies(), only(studies(), [2])):
        with pytest.raises(ModelError, match="no image"):
            model(batch)
    with pytest.raises(ModelError, match="3 images, at most 2"):
        mmbt(segments="by_slot", max_images=2)(studies())


@torch.no_grad()
@pytest.mark.parametrize("changes", [{}, {"inputs": ["images"]}, {"encoders": "shared"}])
def test_a_saved_model_predicts_the_same(changes: dict[str, object], tmp_path: Path) -> None:
    model, batch = mmbt(**changes), only(studies(), [0, 1, 3])
    model.save_pretrained(tmp_path)
    again = CaMChex.from_pretrained(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(batch), model(batch))


@torch.no_grad()
def test_it_starts_from_the_trained_encoders() -> None:
    model, images = mmbt(), torch.rand(2, 1, 32, 32)
    assert torch.equal(model.lateral(images), classifier(2).encoder(images))
    assert torch.equal(model.frontal(images), classifier(1).encoder(images))


def test_frozen_encoders_learn_nothing() -> None:
    model = mmbt(freeze_encoders=True).train()
    model(studies()).sum().backward()
    assert all(p.grad is None for p in model.frontal.parameters())
    assert not model.frontal.training
    assert model.joint.projection.weight.grad is not None


@torch.no_grad()
def test_half_precision_changes_the_last_digits_only() -> None:
    model, batch = mmbt(), studies()
    expected = model(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(batch).float()
    torch.testing.assert_close(found, expected, atol=0.2, rtol=0.1)
    assert not torch.equal(found, expected)
