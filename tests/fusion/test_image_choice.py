"""The images that stand for a study of many: with chance in training, without chance at test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.fusion.image_choice import draw_images, first_images, image_groups


def test_up_to_four_images_are_all_read() -> None:
    assert first_images(np.array([False, True]), 4).tolist() == [0, 1]
    assert draw_images(4, 4, "s", epoch=3, seed=1).tolist() == [0, 1, 2, 3]


def test_without_chance_both_views_take_turns_and_the_order_of_the_table_stays() -> None:
    lateral = np.array([False, False, False, False, True, True])
    assert first_images(lateral, 4).tolist() == [0, 1, 4, 5]
    assert first_images(np.array([False] * 5 + [True]), 4).tolist() == [0, 1, 2, 5]
    assert first_images(np.array([True] * 6), 4).tolist() == [0, 1, 2, 3]


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 6))
def test_the_choice_without_chance_keeps_both_views_if_there_are_two(
    lateral: list[bool], most: int
) -> None:
    sides = np.array(lateral)
    chosen = first_images(sides, most)
    assert len(chosen) == min(most, len(lateral))
    assert sorted(set(chosen.tolist())) == chosen.tolist()
    if most > 1:
        assert set(sides[chosen]) == set(lateral)


def test_the_random_four_depend_on_study_epoch_and_seed_alone() -> None:
    def choice(study: str = "s1", epoch: int = 0, seed: int = 0) -> list[int]:
        return draw_images(12, 4, study, epoch, seed).tolist()

    assert choice() == choice()
    others = [choice("s2"), choice(epoch=1), choice(seed=1)]
    assert choice() not in others
    seen = {i for epoch in range(40) for i in choice(epoch=epoch)}
    assert seen == set(range(12))


@pytest.mark.parametrize("most", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("count", range(10))
def test_groups_hold_every_image_once_and_spread_both_views(count: int, most: int) -> None:
    lateral = np.random.default_rng(count).random(count) < 0.5
    groups = image_groups(lateral, most)
    assert sorted(np.concatenate(groups).tolist()) == list(range(count))
    assert len(groups) == max(1, -(-count // most))  # as few as hold them
    assert all(len(group) <= most and group.tolist() == sorted(group) for group in groups)
    for view in (lateral, ~lateral):
        shares = [int(view[group].sum()) for group in groups]
        assert max(shares) - min(shares) <= 1
