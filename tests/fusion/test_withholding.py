"""What a training withholds: as often as asked, never all, by study, epoch and seed alone."""

from itertools import chain, combinations

import numpy as np
import pytest

from camchex.errors import ParamsError
from camchex.fusion.params import Modality
from camchex.fusion.study_data import StudyDataset, StudyReader
from camchex.fusion.study_training import vary, withholder_of
from camchex.fusion.tokenizer import NO_INDICATION, NO_VITALS
from camchex.fusion.withholding import Withholder
from camchex.networks.sampling import BatchRows
from camchex.texts.vitals_text import vitals_text
from tests.fusion.test_study_data import studies, tokenizer
from tests.networks.small import fusion_params

CHANCES: dict[Modality, float] = {"images": 0.2, "indication": 0.5, "vitals": 0.7}
DRAWS = 4000
SUBSETS = list(chain.from_iterable(combinations(CHANCES, n) for n in range(4)))


def test_the_placeholder_is_what_missing_vital_signs_read() -> None:
    assert vitals_text({}, None) == NO_VITALS


def drawn(given: set[Modality], withholder: Withholder) -> list[set[Modality]]:
    return [set(withholder.draw(given, f"s{n}", epoch=n % 7)) for n in range(DRAWS)]


@pytest.mark.parametrize("given", SUBSETS)
def test_each_input_goes_as_often_as_asked_but_never_all(given: tuple[Modality, ...]) -> None:
    """Against all outcomes of independent draws: where all are drawn, any one may stay."""
    found = drawn(set(given), Withholder(CHANCES, 0, seed=1))
    assert all(one < set(given) or not one for one in found)
    all_drawn = float(np.prod([CHANCES[name] for name in given]))
    total = sum(map(len, found)) / DRAWS
    expected = sum(CHANCES[name] for name in given) - (all_drawn if given else 0)
    assert total == pytest.approx(expected, abs=4 * 0.5 * len(given) / DRAWS**0.5 + 1e-9)
    for name in given:
        rate = np.mean([name in one for one in found])
        assert CHANCES[name] - all_drawn - 0.032 < rate < CHANCES[name] + 0.032  # 4 deviations


def test_chance_1_leaves_one_input_and_chance_0_all() -> None:
    always = Withholder(dict.fromkeys(CHANCES, 1.0), 0, seed=0)
    kept = [set(CHANCES) - one for one in drawn(set(CHANCES), always)]
    assert {len(one) for one in kept} == {1}
    assert set.union(*kept) == set(CHANCES)  # not always the same
    never = Withholder(dict.fromkeys(CHANCES, 0.0), 0, seed=0)
    assert not any(drawn(set(CHANCES), never))


def test_an_input_that_the_model_does_not_read_does_not_count() -> None:
    images_alone = Withholder({"images": 1.0}, 0, seed=0)
    assert not any(drawn(set(CHANCES), images_alone))


def test_nothing_is_withheld_before_the_first_epoch_and_the_seed_and_epoch_decide() -> None:
    late = Withholder(CHANCES, 3, seed=0)
    ids = [f"s{n}" for n in range(200)]

    def draws(withholder: Withholder, epoch: int) -> list[set[Modality]]:
        return [set(withholder.draw(set(CHANCES), name, epoch)) for name in ids]

    assert not any(draws(late, 2))
    assert any(draws(late, 3))
    assert draws(late, 3) == draws(Withholder(CHANCES, 0, seed=0), 3)
    assert draws(late, 3) != draws(late, 4)
    assert draws(late, 3) != draws(Withholder(CHANCES, 3, seed=1), 3)


def test_a_study_is_shown_as_if_it_lacked_what_is_withheld_whatever_its_batch() -> None:
    withholder = Withholder(CHANCES, 1, seed=5)
    reader, plain = StudyReader(tokenizer(), 6, 64, 4), studies()
    data, whole = StudyDataset(plain, reader, 5, withholder), StudyDataset(plain, reader, 5)
    no_text, no_signs = tokenizer().encode([NO_INDICATION], 6), tokenizer().encode([NO_VITALS], 64)
    seen = set()
    for epoch in range(1, 40):
        batch = data[BatchRows(epoch, np.array([2, 0, 1]))].inputs
        for place, row in enumerate((2, 0, 1)):
            alone = data[BatchRows(epoch, np.array([row]))].inputs
            full = whole[BatchRows(epoch, np.array([row]))].inputs
            assert batch.images[batch.study == place].tolist() == alone.images.tolist()
            given: set[Modality] = {"images", "vitals"} | ({"indication"} if row != 1 else set())
            gone = withholder.draw(given, plain.study_ids[row], epoch)
            assert alone.images.tolist() == ([] if "images" in gone else full.images.tolist())
            text = no_text if "indication" in gone else full.indication
            assert alone.indication.ids.tolist() == text.ids.tolist()
            signs = no_signs if "vitals" in gone else full.vitals
            assert alone.vitals.ids.tolist() == signs.ids.tolist()
            seen |= gone
    assert seen == set(CHANCES)


def test_the_section_says_what_is_withheld_and_when() -> None:
    off = fusion_params()
    assert withholder_of(off) is None
    late = vary(off, 3, ["withhold.images=0.5", "withhold.after=0.4", "training.epochs=10"])
    assert withholder_of(late) == Withholder(
        {"images": 0.5, "indication": 0.0, "vitals": 0.0}, first_epoch=4, seed=3
    )
    alone = vary(late, 3, ["inputs=[vitals]"])
    assert withholder_of(alone) is None
    for wrong in ("withhold.images=1.5", "withhold.after=1", "withhold.texts=0.5"):
        with pytest.raises(ParamsError, match="withhold"):
            vary(off, 0, [wrong])
