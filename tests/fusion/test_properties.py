"""What no study's prediction depends on, for studies of every shape."""

from functools import cache
from random import Random
from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from camchex.fusion import mmbt
from camchex.fusion import study_fusion as fusion
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_fusion import place_by_study
from tests.networks.small import INDICATIONS, SIZE, VITALS, camchex, tokenizer

MODULES: dict[str, ModuleType] = {"camchex": fusion, "mmbt": mmbt, "input_heads": fusion}
every_architecture = pytest.mark.parametrize("architecture", MODULES)
STUDIES = st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=4)  # views of each
few = settings(max_examples=25, deadline=None)


@cache
def model(architecture: str) -> CaMChex:
    """With large weights where new ones are so small that no token would matter."""
    heads = architecture == "input_heads"
    made = camchex(architecture="camchex" if heads else architecture, input_heads=heads)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.startswith(("text", "joint", "input_heads")) and weight.ndim > 1:
                weight.mul_(10)
    return made


def packed(views: list[list[bool]], seed: int, *, numbers: list[int] | None = None) -> StudyBatch:
    """Studies of given views, or some of them in a given order; images follow from the seed."""
    generator = torch.Generator().manual_seed(seed)
    images = [torch.rand(len(v), 1, SIZE, SIZE, generator=generator) for v in views]
    numbers = list(range(len(views))) if numbers is None else numbers
    counts = torch.tensor([len(views[n]) for n in numbers])
    read = tokenizer()
    return StudyBatch(
        images=torch.cat([images[n] for n in numbers]),
        study=torch.arange(len(numbers)).repeat_interleave(counts),
        slot=torch.cat([torch.arange(len(views[n])) for n in numbers]),
        lateral=torch.tensor([v for n in numbers for v in views[n]], dtype=torch.bool),
        indication=read.encode([INDICATIONS[n] for n in numbers], 16),
        vitals=read.encode([VITALS[n] for n in numbers], 32),
    )


def close(first: Tensor, second: Tensor) -> None:
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@every_architecture
@few
@given(STUDIES, st.integers(0, 9), st.randoms(use_true_random=False))
def test_a_study_does_not_depend_on_its_batch(
    architecture: str, views: list[list[bool]], seed: int, random: Random
) -> None:
    net = model(architecture)
    together = net(packed(views, seed))
    numbers = random.sample(range(len(views)), random.randint(1, len(views)))
    close(net(packed(views, seed, numbers=numbers)), together[numbers])


@torch.no_grad()
@every_architecture
@few
@given(STUDIES, st.integers(0, 9), st.randoms(use_true_random=False))
def test_by_type_the_order_of_images_does_not_matter(
    architecture: str, views: list[list[bool]], seed: int, random: Random
) -> None:
    net, batch = model(architecture), packed(views, seed)
    order = torch.tensor(random.sample(range(len(batch.study)), len(batch.study)), dtype=torch.long)
    study, slot = batch.study[order], torch.empty(len(order), dtype=torch.long)
    for number in range(len(views)):  # slots are given out anew, in the new order
        slot[study == number] = torch.arange(len(views[number]))
    shuffled = StudyBatch(
        images=batch.images[order],
        study=study,
        slot=slot,
        lateral=batch.lateral[order],
        indication=batch.indication,
        vitals=batch.vitals,
    )
    close(net(shuffled), net(batch))


@torch.no_grad()
@every_architecture
@few
@given(STUDIES, st.integers(0, 9), st.floats(-1e3, 1e3))
def test_what_an_absent_image_holds_does_not_matter(
    architecture: str, views: list[list[bool]], seed: int, held: float
) -> None:
    net, batch = model(architecture), packed(views, seed)

    def filled(tokens: Tensor, images: StudyBatch, size: int, *_: object) -> tuple[Tensor, Tensor]:
        return place_by_study(tokens, images, size, torch.tensor(held), slots=6)

    before = net(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULES[architecture], "place_by_study", filled)
        close(net(batch), before)


@torch.no_grad()
@every_architecture
def test_what_another_study_holds_does_not_matter(architecture: str) -> None:
    net, views = model(architecture), [[False, True], [True], [False, False, True]]
    batch = packed(views, 0)
    before = net(batch)
    theirs = (batch.study == 2)[:, None, None, None]
    spoilt = net(batch.map_images(lambda images: torch.where(theirs, torch.nan, images)))
    close(spoilt[:2], before[:2])
    assert spoilt[2].isnan().all()
