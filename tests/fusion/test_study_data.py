"""A batch of studies holds what its studies hold, in the training and at test."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from camchex.errors import ModelError
from camchex.fusion.params import TextParams
from camchex.fusion.study_data import StudyDataset, StudyReader, StudySamples, cohort_studies
from camchex.fusion.tokenizer import NO_INDICATION, Tokenizer, build_tokenizer
from camchex.networks.batches import batch_loader, check_size, to_unit_range
from camchex.networks.samples import ImageDataset
from camchex.networks.sampling import BatchRows, ShuffledBatches
from camchex.runs.runtime import RuntimeParams
from tests.networks.test_samples import cohort
from tests.training.factories import MemoryStore, samples

TEXT = TextParams(
    model="tiny",
    vocabulary=200,
    width=8,
    layers=1,
    heads=1,
    ffn=8,
    max_tokens_indication=6,
    max_tokens_vitals=12,
)
COUNTS = (1, 6, 2)


def tokenizer() -> Tokenizer:
    return build_tokenizer(TEXT, ["cough and fever"])


def studies() -> StudySamples:
    total = sum(COUNTS)
    images = np.arange(total, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    ends = np.cumsum((0, *COUNTS))
    return StudySamples(
        store=MemoryStore(images, [str(i) for i in range(total)]),
        study_ids=["s0", "s1", "s2"],
        splits=["train", "test", "test"],
        rows=[np.arange(a, b) for a, b in pairwise(ends)],
        lateral=[np.arange(n) % 2 == 1 for n in COUNTS],
        indications=["cough", None, "fever and cough and fever and cough"],
        vitals=["Gender: F"] * 3,
        targets=np.array([[1, np.nan], [0, 1], [0, 0]], np.float32),
    )


def dataset(seed: int | None = None, most: int = 4) -> StudyDataset:
    reader = StudyReader(tokenizer(), 6, 12, most)
    return StudyDataset(studies(), reader, seed)


def test_studies_keep_the_order_of_the_cohort() -> None:
    found = cohort_studies(cohort(), ["train", "test"])
    assert found.study_ids == ["a", "b", "c"]
    assert found.splits == ["train", "test", "train"]
    assert [row.tolist() for row in found.rows] == [[3, 2], [1], [0]]
    assert [side.tolist() for side in found.lateral] == [[False, True], [False], [True]]
    assert found.indications == ["cough .", None, None]


def test_images_follow_their_studies_and_keep_their_slots() -> None:
    batch = dataset()[BatchRows(0, np.array([2, 0]))]
    assert batch.inputs.images[:, 0, 0, 0].tolist() == [7, 8, 0]
    assert batch.inputs.study.tolist() == [0, 0, 1]
    assert batch.inputs.slot.tolist() == [0, 1, 0]
    assert batch.inputs.lateral.tolist() == [False, True, False]
    assert batch.known.tolist() == [[True, True], [True, False]]
    assert batch.rows.tolist() == [2, 0]
    assert batch.inputs.size == 2


def test_a_missing_indication_reads_as_the_placeholder_and_a_long_one_is_cut() -> None:
    batch = dataset()[BatchRows(0, np.array([1, 2]))]
    expected = tokenizer().encode([NO_INDICATION], 6).ids[0]
    assert batch.inputs.indication.ids[0].tolist() == expected.tolist()
    assert batch.inputs.indication.ids.shape[1] <= 6


def test_at_test_a_study_always_shows_the_same_images() -> None:
    data = dataset()
    shown = [data[BatchRows(e, np.array([1]))].inputs.images[:, 0, 0, 0].tolist() for e in (0, 1)]
    assert shown[0] == shown[1] == [1, 2, 3, 4]


def test_in_training_a_study_of_six_images_shows_other_four_each_epoch() -> None:
    data = dataset(seed=0)
    shown = {
        tuple(data[BatchRows(e, np.array([1]))].inputs.images[:, 0, 0, 0].tolist())
        for e in range(10)
    }
    assert len(shown) > 1
    assert all(len(set(four)) == 4 for four in shown)
    again = dataset(seed=0)[BatchRows(3, np.array([0, 1, 2]))]
    first = data[BatchRows(3, np.array([0, 1, 2]))]
    assert torch.equal(again.inputs.images, first.inputs.images)


def test_a_model_without_images_decodes_none() -> None:
    batch = dataset(seed=0, most=0)[BatchRows(0, np.array([0, 1]))]
    assert batch.inputs.images.numel() == 0
    assert batch.inputs.size == 2
    assert batch.map_images(to_unit_range).to(torch.device("cpu")).inputs.images.numel() == 0


@pytest.mark.slow
def test_batches_do_not_depend_on_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camchex.networks.batches.LIGHT_BATCH", 0)

    def read(workers: int) -> list[list[float]]:
        runtime = RuntimeParams(workers=workers, accelerator="cpu", devices=1, compile=False)
        sampler = ShuffledBatches(3, 2, seed=0)
        sampler.set_epoch(4)
        loader = batch_loader(dataset(seed=5), sampler, 2, runtime)
        assert isinstance(loader, DataLoader)
        assert loader.num_workers == workers
        return [
            [*b.inputs.images.flatten().tolist(), *b.inputs.indication.ids.flatten().tolist()]
            for b in loader
        ]

    assert read(0) == read(2)


def test_images_of_another_size_are_refused() -> None:
    check_size(ImageDataset([samples(3)]), 16)
    with pytest.raises(ModelError, match="reads images of 32 px, the image store holds 16 px"):
        check_size(ImageDataset([samples(3)]), 32)
