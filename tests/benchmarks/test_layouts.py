"""The two layouts that are timed against each other hold the same studies and do the same work."""

import copy
import math

import numpy as np
import published_layout as published
import pytest
import torch
from layouts import in_common, in_slots, parts_of
from torch import nn

from camchex.estimate.random_batches import images_of_studies, random_studies
from camchex.estimate.random_networks import untrained_camchex, untrained_classifier
from camchex.fusion.camchex import CaMChex
from camchex.networks.ml_decoder import MLDecoder
from camchex.networks.position import position_encoding
from camchex.profiles.profiles import Params, locate, validate_file
from camchex.training.loss import weighted_asymmetric_loss
from tests.networks.small import camchex

IMAGES = (2, 1, 3, 5)


@pytest.fixture(scope="module")
def demo() -> Params:
    return in_common(validate_file(locate("demo")))


def studies(model: CaMChex | None = None) -> object:
    return random_studies(IMAGES, model or camchex(), np.random.default_rng(0))


def test_slots_hold_the_packed_images_in_order() -> None:
    batch = studies()
    slots = in_slots(batch)
    assert (slots.views != 0).sum(1).tolist() == [2, 1, 3, 4]
    assert torch.equal(slots.images[slots.views != 0], batch.inputs.images)
    assert not slots.images[slots.views == 0].any()
    assert (slots.views == published.LATERAL).sum() == batch.inputs.lateral.sum() == 3


def test_texts_are_padded_and_nothing_of_them_is_lost() -> None:
    batch = studies()
    slots = in_slots(batch)
    for (ids, mask), text, length in (
        (slots.indication, batch.inputs.indication, 384),
        (slots.vitals, batch.inputs.vitals, 128),
    ):
        assert ids.shape == mask.shape == (4, length)
        assert mask.sum() == text.mask.sum()
        assert torch.equal(ids[mask], text.ids[text.mask])


def test_the_published_fusion_has_no_more_weights_than_ours(demo: Params) -> None:
    """Apart from 2 segments, 1 padding token and the longer texts' positions it is the same net."""
    classes = demo.labels.classes
    ours = untrained_camchex(
        demo.fusion, demo.text, untrained_classifier(demo.encoder, classes, 64)
    )
    theirs = published.PublishedFusion(parts_of(demo, ours, frozen=False))
    mine, other = (sum(p.numel() for p in net.parameters()) for net in (ours, theirs))
    width = demo.text.width
    assert other - mine == (2 + 1) * width + (384 - demo.text.max_tokens_indication) * width


def test_what_an_empty_slot_holds_does_not_reach_the_encoders(demo: Params) -> None:
    ours = untrained_camchex(
        demo.fusion, demo.text, untrained_classifier(demo.encoder, demo.labels.classes, 64)
    )
    network = published.PublishedFusion(parts_of(demo, ours, frozen=False))
    seen = []
    for encoder in (network.frontal, network.lateral):
        encoder.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    slots = in_slots(studies(ours))
    logits = network(slots.images.float() / 255, slots)
    assert sum(seen) == 2 + 1 + 3 + 4
    assert logits.shape == (4, 26)


def test_the_published_head_is_the_ml_decoder() -> None:
    torch.manual_seed(0)
    parts = published.Parts("", {}, classes=5, decoder=(16, 32, 4))
    theirs, ours = published.Head(8, parts).eval(), MLDecoder(8, 5, 16, ffn=32, heads=4).eval()
    state = theirs.state_dict()
    state["pooling_bias"] = state.pop("bias")
    state["pooling"] = state["pooling"][:, :, None]
    ours.load_state_dict(state)
    tokens = torch.randn(3, 7, 8)
    torch.testing.assert_close(theirs(tokens), ours(tokens))


def test_the_published_positions_and_loss_are_the_method_s() -> None:
    maps = torch.zeros(1, 16, 3, 5)
    torch.testing.assert_close(published.positions(16, 3, 5), position_encoding("correct", maps))
    torch.manual_seed(0)
    logits, targets = torch.randn(6, 4), (torch.rand(6, 4) < 0.5).float()
    share = torch.rand(4)
    torch.testing.assert_close(
        published.asymmetric_loss(logits, targets, share),
        weighted_asymmetric_loss(logits, targets, share * 1000, 1000.0),
    )


def test_the_published_step_learns_and_averages() -> None:
    """One step against AdamW and the average written out."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    before = copy.deepcopy(network)
    step = published.PublishedStep(network, nn.Identity(), 0.01, None, ema_decay=0.9)
    images = torch.randint(0, 256, (5, 1, 2, 2), dtype=torch.uint8)
    targets, share = torch.ones(5, 3), torch.full((3,), 0.1)
    step((images, targets), share)

    loss = published.asymmetric_loss(before(images / 255), targets, share)
    gradients = torch.autograd.grad(loss, list(before.parameters()))
    pairs = zip(
        before.parameters(), gradients, network.parameters(), step.average.parameters(), strict=True
    )
    for old, gradient, new, mean in pairs:
        # The first step of Adam is the learning rate in the direction of the gradient's sign.
        expected = old * (1 - 0.01 * 0.01) - 0.01 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(new, expected)
        torch.testing.assert_close(mean, 0.9 * old + 0.1 * new)


def test_studies_are_as_large_as_those_of_cxr_lt() -> None:
    draws = images_of_studies(20_000, np.random.default_rng(0))
    total = 69_478 + 71_298 + 13_529 + 1_422 + 96
    for images, published_count in ((1, 69_478), (2, 71_298), (3, 13_529), (4, 1_422)):
        share = published_count / total
        error = math.sqrt(share * (1 - share) / 20_000)
        assert abs(draws.count(images) / 20_000 - share) < 4 * error
