"""Each input's own log-odds: added up, of that input alone, and exactly 0 where it is missing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.tokenizer import NO_INDICATION, NO_VITALS
from camchex.networks.batches import Batch
from camchex.networks.samples import Prevalence
from camchex.training.learner import Learner
from camchex.training.loss import weighted_asymmetric_loss
from camchex.training.task import Task
from tests.fusion.test_camchex import close
from tests.networks.small import CLASSES, TEXT, camchex, only, studies, tokenizer
from tests.training.factories import TRAINING

SILENT = (TEXT["max_tokens_indication"], TEXT["max_tokens_vitals"])


def model(**changes: object) -> CaMChex:
    return camchex(input_heads=True, **changes)


def without_texts(batch: StudyBatch) -> StudyBatch:
    """The studies as they are read where neither indication nor vital signs are known."""
    read, size = tokenizer(), batch.size
    return replace(
        batch,
        indication=read.encode([NO_INDICATION] * size, SILENT[0]),
        vitals=read.encode([NO_VITALS] * size, SILENT[1]),
    )


def without_joint(net: CaMChex) -> CaMChex:
    """The model without what all inputs say together, the priors included."""
    with torch.no_grad():
        net.decoder.pooling.zero_()
        net.decoder.pooling_bias.zero_()
    return net


@torch.no_grad()
def test_missing_inputs_contribute_exactly_nothing() -> None:
    net, batch = without_joint(model()), without_texts(studies())
    logits = net(batch)
    assert torch.equal(logits[2], torch.zeros(len(CLASSES)))  # study 2 has no image either
    assert (logits[[0, 1, 3]].abs().amax(1) > 0).all()
    assert torch.equal(net(only_text_of(batch)), torch.zeros(1, len(CLASSES)))
    assert (net(studies()).abs().amax(1) > 0).all()


def only_text_of(batch: StudyBatch) -> StudyBatch:
    """Study 2 alone, which has no image, without its texts."""
    return without_texts(only(batch, [2]))


@torch.no_grad()
def test_without_the_joint_reading_an_input_says_the_same_beside_any_other() -> None:
    """Sums of functions of one input each: what an exchange changes does not depend on the rest."""
    net, batch = without_joint(model()), studies()
    signs = replace(batch, vitals=tokenizer().encode([f"Heart rate: {n}.0" for n in range(4)], 32))
    for rest in (
        {"images": 1 - batch.images},
        {"lateral": ~batch.lateral},
        {"indication": batch.vitals},
    ):
        change = net(signs) - net(batch)
        assert (change.abs().amax(1) > 1e-6).all()
        close(net(replace(signs, **rest)) - net(replace(batch, **rest)), change)


@torch.no_grad()
def test_the_logits_are_those_of_all_inputs_together_plus_the_evidence_of_each() -> None:
    net, batch = model(), studies()
    logits, own, given = net(batch, by_input=True)
    assert torch.equal(logits, net(batch))
    assert own.shape == (4, 3, len(CLASSES))
    assert given.tolist() == [[True] * 3, [True] * 3, [False, True, True], [True] * 3]
    evidence = own - net.decoder.pooling_bias
    bare = camchex()
    bare.load_state_dict(net.state_dict(), strict=False)
    close(bare(batch) + evidence.sum(1), logits)
    assert torch.equal(own[2, 0], net.decoder.pooling_bias)  # nothing but the prior
    nothing = net(without_texts(batch), by_input=True)[2]
    assert nothing.tolist() == [[n != 2, False, False] for n in range(4)]


@torch.no_grad()
def test_the_evidence_of_images_is_that_of_a_head_over_their_tokens_without_a_prior() -> None:
    net, batch = model(), only(studies(), [3])
    read = net.read(batch)["images"]
    assert not read.absent.any()
    expected = net.input_heads.images(read.tokens)[0]
    close(net(batch, by_input=True)[1][0, 0] - net.decoder.pooling_bias, expected)
    assert not net.input_heads.images.pooling_bias.any()


@torch.no_grad()
def test_the_evidence_of_a_text_is_linear_in_its_normalised_token() -> None:
    net, batch = model(inputs=("vitals",)), studies()
    token = net.text(batch.vitals) + net.fusion.segments[0]
    norm, read_out = net.input_heads.texts["vitals"]
    variance, middle = torch.var_mean(token, dim=1, correction=0, keepdim=True)
    expected = (token - middle) / (variance + norm.eps).sqrt() @ read_out.weight.T
    close(net(batch, by_input=True)[1][:, 0] - net.decoder.pooling_bias, expected)


def test_encoders_learn_from_each_input_alone_and_the_rest_from_all_together() -> None:
    net = model(dropout=0.0)
    joint, own, given = net(studies(), by_input=True)
    own_parts = ("frontal", "lateral", "text", "input_heads", "fusion.reduce", "fusion.segments")

    def reached(logits: Tensor) -> set[str]:
        net.zero_grad()
        logits.sum().backward(retain_graph=True)
        return {
            name
            for name, weight in net.named_parameters()
            if weight.grad is not None and weight.grad.any()
        }

    alone, together = reached(own[given]), reached(joint)
    assert {name for name in alone if not name.startswith(own_parts)} == {"decoder.pooling_bias"}
    assert not {name for name in together if name.startswith(own_parts)}
    for part in (*own_parts, "decoder", "fusion.encoder"):
        assert any(name.startswith(part) for name in alone | together), part


def test_the_losses_of_the_inputs_are_added_only_where_an_input_is() -> None:
    """Against sums written out; a study's own loss counts the inputs that it has."""
    net = model(dropout=0.0)
    targets = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    known = torch.tensor([[True, True, False]]).expand(4, 3)
    images = (studies().images * 255).round().to(torch.uint8)
    batch = Batch(studies().map_images(lambda _: images), targets, known, torch.arange(4))
    counts = Prevalence(np.array([3.0, 2, 1]), np.array([9.0, 9, 9]))
    task = Task(net, nn.Identity(), None, None, counts, by_input=True)  # type: ignore[arg-type]
    found = Learner(task, TRAINING, 1).training_step(batch)

    logits, own, given = net(studies().map_images(lambda _: images / 255), by_input=True)
    share = torch.tensor([3.0, 2, 1])

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return weighted_asymmetric_loss(logits[rows], targets[rows], share, 9.0, known[rows])

    sums = [loss(own[:, k], given[:, k]) * given[:, k].sum() for k in range(3)]
    expected = loss(logits, torch.ones(4, dtype=torch.bool)) + 3 * sum(sums) / given.sum()
    close(found, expected)
    found.backward()
    learnt = [p for p in net.input_heads.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learnt)


@pytest.mark.parametrize("name", ["images", "indication", "vitals"])
def test_a_model_of_one_input_counts_its_prior_once_and_its_input_as_given(name: str) -> None:
    net, batch = model(inputs=(name,)), only(studies(), [0, 1, 3])
    with torch.no_grad():
        logits, own, given = net(batch, by_input=True)
        bare = camchex(inputs=(name,))
        bare.load_state_dict(net.state_dict(), strict=False)
        close(logits - bare(batch), own[:, 0] - net.decoder.pooling_bias)
        for weight in net.input_heads.parameters():
            weight.zero_()
        close(net(batch), bare(batch))
    assert own.shape == (3, 1, len(CLASSES))
    assert given.all()
