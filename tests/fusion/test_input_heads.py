"""Each input's own log-odds: added up, of that input alone, and exactly 0 where it is missing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from camchex.errors import ParamsError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_training import vary
from camchex.fusion.tokenizer import NO_INDICATION, NO_VITALS
from camchex.networks.batches import Batch
from camchex.networks.samples import Prevalence
from camchex.training.learner import Learner
from camchex.training.loss import weighted_asymmetric_loss
from camchex.training.task import Task
from tests.fusion.test_camchex import close
from tests.networks.small import CLASSES, TEXT, camchex, fusion_params, only, studies, tokenizer
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
def test_the_evidence_of_images_is_the_mean_over_their_normalised_tokens() -> None:
    net, batch = model(), only(studies(), [3])
    tokens, absent = net.fusion.tokens(net.encode_images(batch), {}, 1)["images"]
    assert not absent.any()
    norm, read_out = net.input_heads.heads["images"]
    variance, middle = torch.var_mean(tokens[0], dim=1, correction=0, keepdim=True)
    expected = read_out.weight @ ((tokens[0] - middle) / (variance + norm.eps).sqrt()).mean(0)
    close(net(batch, by_input=True)[1][0, 0] - net.decoder.pooling_bias, expected)


def test_the_losses_of_the_inputs_are_added_by_their_weight_and_only_where_an_input_is() -> None:
    """Against sums written out; a study's own loss counts the inputs that it has."""
    net, weight = model(dropout=0.0), 0.25
    targets = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    known = torch.tensor([[True, True, False]]).expand(4, 3)
    images = (studies().images * 255).round()
    batch = Batch(studies().map_images(lambda _: images), targets, known, torch.arange(4))
    counts = Prevalence(np.array([3.0, 2, 1]), np.array([9.0, 9, 9]))
    task = Task(net, nn.Identity(), None, None, counts, input_loss=weight)  # type: ignore[arg-type]
    found = Learner(task, TRAINING, 1).training_step(batch)

    logits, own, given = net(studies().map_images(lambda _: images / 255), by_input=True)
    share = torch.tensor([3.0, 2, 1])

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return weighted_asymmetric_loss(logits[rows], targets[rows], share, 9.0, known[rows])

    sums = [loss(own[:, k], given[:, k]) * given[:, k].sum() for k in range(3)]
    expected = loss(logits, torch.ones(4, dtype=torch.bool)) + weight * sum(sums) / given.sum()
    close(found, expected)
    found.backward()
    assert all(p.grad is not None for p in net.input_heads.parameters())


@pytest.mark.parametrize("name", ["images", "indication", "vitals"])
def test_a_model_of_one_input_counts_its_prior_once_and_its_input_as_given(name: str) -> None:
    net, batch = model(inputs=(name,)), only(studies(), [0, 1, 3])
    with torch.no_grad():
        logits, own, given = net(batch, by_input=True)
        bare = camchex(inputs=(name,))
        bare.load_state_dict(net.state_dict(), strict=False)
        close(logits - bare(batch), own[:, 0] - net.decoder.pooling_bias)
        net.input_heads.heads[name][1].weight.zero_()
        close(net(batch), bare(batch))
    assert own.shape == (3, 1, len(CLASSES))
    assert given.all()


def test_the_loss_of_the_inputs_needs_their_heads() -> None:
    with pytest.raises(ParamsError, match=r"input_loss.*input_heads"):
        vary(fusion_params(), 0, ["input_loss=0.5"])
    vary(fusion_params(), 0, ["input_loss=0.5", "input_heads=true"])
