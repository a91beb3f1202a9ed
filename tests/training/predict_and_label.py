"""Predict studies and label external images, as the stages do; ``test_stages`` runs it twofold.

``python -m tests.training.predict_and_label COHORT STORE TEACHER STORES``, in the folder of a
small cohort with its models.
"""

import sys
from pathlib import Path

from camchex.contract import arithmetic

arithmetic.pin()

from stages import predict, pseudo_label  # noqa: E402 - as in a stage, torch after the arithmetic


def main(cohort: Path, store: Path, teacher: Path, stores: Path) -> None:
    """Predict in three parts, the join last; then label."""
    for part in ("2/3", "1/3", None):
        predict.main(
            model=Path("models/fusion/seed0"),
            cohort=cohort,
            store=store,
            out=Path("out/seed0.parquet"),
            counterfactual=Path("out/changed"),
            part=part,
        )
        assert Path("out").exists() <= (part is None)
    pseudo_label.main(
        teacher=teacher,
        labels=Path("data/interim/external"),
        stores=stores,
        out=Path("out/gen0"),
        metrics=Path("out/gen0.json"),
        quantiles=Path("out/gen0.csv"),
        generation=0,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
