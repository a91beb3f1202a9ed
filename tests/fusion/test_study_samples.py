"""Studies that are drawn from the cohort."""

from camchex.fusion.study_samples import cohort_studies
from tests.networks.test_samples import cohort


def test_studies_keep_the_order_of_the_cohort() -> None:
    studies = cohort_studies(cohort(), ["train", "test"])
    assert studies.study_ids == ["a", "b", "c"]
    assert studies.splits == ["train", "test", "train"]
    assert [row.tolist() for row in studies.rows] == [[3, 2], [1], [0]]
    assert [side.tolist() for side in studies.lateral] == [[False, True], [False], [True]]
    assert studies.indications == ["cough .", None, None]
