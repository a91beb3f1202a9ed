"""Two settings against each other, other labels, and files for the challenge."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from typer.testing import CliRunner

from camchex.cli.app import app
from camchex.comparisons.other_release import score_other_release
from camchex.comparisons.submission import write_submission
from camchex.comparisons.two_models import compare_settings
from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK2
from camchex.errors import DataError
from camchex.scores.benchmarks import BENCHMARKS, benchmark_rows
from camchex.scores.intervals import intervals
from camchex.scores.labelled_split import Split, labelled_split
from camchex.scores.params import BootstrapParams
from tests.report.workspace import write_workspace
from tests.scores import factories

RESAMPLES = 60
PARAMS = BootstrapParams(resamples=RESAMPLES, seed=0, level=0.9)


@pytest.fixture(scope="module")
def cohort() -> pa.Table:
    invented = factories.invent({"train": 60, "development": 20, "test": 120})
    labels = invented.truth.astype(float)
    labels[80:, 3] = np.arange(120) < 3  # few positives
    labels[80:, 4] = 0
    return factories.cohort(invented, labels)


@pytest.fixture(scope="module")
def test(cohort: pa.Table) -> Split:
    return labelled_split(cohort, "test", CXR_LT_2023)


def test_a_difference_is_that_of_scikit_learn_and_its_interval_that_of_the_patients(
    test: Split,
) -> None:
    left = [factories.guesses(test.labels, 1, seed) for seed in (0, 1)]
    right = [factories.guesses(test.labels, 2, seed) for seed in (2, 3, 4)]
    found = compare_settings(test, left, right, {"few": ["Fibrosis"]}, level=0.9, min_cell=5)
    column = CXR_LT_2023.index("Fibrosis")
    row = found["classes"]["Fibrosis"]
    for name, metric in (("AP", average_precision_score), ("AUROC", roc_auc_score)):
        sides = [
            np.mean([metric(test.labels[:, column], p[:, column]) for p in side])
            for side in (left, right)
        ]
        assert [row[name]["left"], row[name]["right"]] == pytest.approx(sides)
        assert row[name]["difference"] == pytest.approx(sides[1] - sides[0])
        low, high = row[name]["interval"]
        assert low < row[name]["difference"] < high
    assert found["means"]["few"] == row


def test_a_small_class_counts_in_the_mean_and_is_not_shown(test: Split) -> None:
    guesses = [factories.guesses(test.labels, 1, 0)]
    groups = {"tail": ["Consolidation"], "body": ["Edema"]}
    found = compare_settings(test, guesses, guesses, groups, level=0.95, min_cell=5)
    assert found["not_shown"] == ["Consolidation"]
    assert found["not_scored"] == ["Edema"]
    assert list(found["means"]) == ["macro"]
    assert found["means"]["macro"]["classes"] == 25
    same = [row[metric] for row in found["classes"].values() for metric in ("AP", "AUROC")]
    assert all(row["difference"] == 0 and row["interval"] == [0, 0] for row in same)


def test_the_policies_of_mimic_14_stand_side_by_side(test: Split) -> None:
    """Uncertain as negative, positive or left out, scored here the slow way."""
    table = test.table
    name = "mimic14.Pneumonia"
    values = [-1 if i % 7 == 0 else v for i, v in enumerate(table[name].to_pylist())]
    at = table.column_names.index(name)
    table = table.set_column(at, table.schema.field(name), [pa.array(values, pa.int8())])
    uncertain = Split(table, test.classes, test.labels, test.images)
    guesses = factories.guesses(test.labels, 1, 0)
    bounds = intervals(uncertain, guesses, 0.95)
    rows = [
        dict(zip(BENCHMARKS, row, strict=True))
        for row in benchmark_rows(uncertain, guesses, "cxr-lt-2023", bounds)
    ]
    found = {(r["benchmark"], r["blank"], r["uncertain"], r["level"]): r for r in rows}
    assert len(found) == len(rows) == 12
    classes = [n.removeprefix("mimic14.") for n in table.column_names if n.startswith("mimic14.")]
    for policy, value in {"left out": None, "negative": 0, "positive": 1}.items():
        scores = []
        for label in classes:
            known = [
                (value if v == -1 else v or 0, p)
                for v, p in zip(
                    table[f"mimic14.{label}"].to_pylist(),
                    guesses[:, CXR_LT_2023.index(label)],
                    strict=True,
                )
                if not (v == -1 and value is None)
            ]
            scores.append(average_precision_score(*zip(*known, strict=True)))
        row = found["mimic-14", "negative", policy, "study"]
        assert row["classes"] == 14
        assert row["mAP"] == pytest.approx(np.mean(scores))
    whole = found["cxr-lt-2023", "", "", "study"]
    assert (whole["classes"], whole["classes_not_scored"]) == (25, "Edema")


class TestSubmission:
    """The challenge's file has the sample's images and findings, in the sample's order."""

    @staticmethod
    def sample(path: Path, images: list[str], findings: list[str]) -> Path:
        rows = [["dicom_id", *findings], *([i, *["0.5"] * len(findings)] for i in images)]
        path.write_text("\n".join(",".join(row) for row in rows) + "\n")
        return path

    def test_a_byte_order_mark_is_no_part_of_the_header(self, test: Split, tmp_path: Path) -> None:
        image = test.table["image_ids"][0].as_py()[0]
        sample = self.sample(tmp_path / "sample.csv", [image], ["Edema"])
        sample.write_text(sample.read_text(), encoding="utf-8-sig")
        assert write_submission(test, test.labels, sample, tmp_path / "out.csv") == 1

    def test_an_image_twice_is_named_by_its_line_in_the_file(
        self, test: Split, tmp_path: Path
    ) -> None:
        image = test.table["image_ids"][0].as_py()[0]
        sample = tmp_path / "sample.csv"
        lines = ["", "dicom_id,Edema", "", f"{image},0.5", "", "", f"{image},0.5"]
        sample.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
        with pytest.raises(DataError, match=f"line 7, column 'dicom_id': found '{image}'"):
            write_submission(test, test.labels, sample, tmp_path / "out.csv")

    def test_every_image_has_the_prediction_of_its_study(self, test: Split, tmp_path: Path) -> None:
        images = [i for ids in test.table["image_ids"].to_pylist() for i in ids][::-1]
        findings = list(CXR_LT_2024_TASK2)[::-1]
        sample = self.sample(tmp_path / "sample.csv", images, findings)
        guesses = factories.guesses(test.labels, 1, 0)
        count = write_submission(test, guesses, sample, tmp_path / "out.csv")
        rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
        assert count == len(rows) == test.images.sum()
        assert [row["dicom_id"] for row in rows] == images
        assert list(rows[0]) == ["dicom_id", *findings]
        study = [i.rpartition("-")[0] for i in images].index(test.table["study_id"][5].as_py())
        assert float(rows[study]["Normal"]) == pytest.approx(
            guesses[5, CXR_LT_2023.index("No Finding")], rel=1e-6
        )

    @pytest.mark.parametrize(
        ("images", "findings", "message"),
        [
            (["elsewhere"], ["Edema"], "1 of its 1 images have no prediction"),
            (["a", "b", "a"], ["Edema"], "line 4, .* found 'a', expected every id in one row only"),
            (["a"], ["Osteopenia"], "no output for Osteopenia"),
            ([], [], "expected dicom_id and the findings"),
        ],
    )
    def test_what_cannot_be_handed_in_is_refused(
        self, test: Split, tmp_path: Path, images: list[str], findings: list[str], message: str
    ) -> None:
        sample = self.sample(tmp_path / "sample.csv", images, findings)
        with pytest.raises(DataError, match=message):
            write_submission(test, test.labels, sample, tmp_path / "out.csv")
        with pytest.raises(DataError, match="no such file"):
            write_submission(test, test.labels, tmp_path / "no.csv", tmp_path / "out.csv")


def test_of_another_release_only_patients_that_were_not_learnt_from_are_scored(
    cohort: pa.Table, test: Split
) -> None:
    guesses = factories.guesses(test.labels, 1, 0)
    everyone = [
        (image, patient)
        for ids, patient in zip(
            cohort["image_ids"].to_pylist(), cohort["patient_id"].to_pylist(), strict=True
        )
        for image in ids
    ]
    draw = np.random.default_rng(0)
    columns = {name: (draw.random(len(everyone) + 1) < 0.4) for name in CXR_LT_2024_TASK2}
    table = pa.table(
        {
            "image_id": [image for image, _ in everyone] + ["elsewhere"],
            "patient_id": [patient for _, patient in everyone] + ["19999999"],
            **{name: pa.array(values, pa.float32()) for name, values in columns.items()},
        }
    )
    found = score_other_release(table, list(CXR_LT_2024_TASK2), cohort, test, guesses, PARAMS)
    ours = [i for i, (image, _) in enumerate(everyone) if int(image.split("-")[0][1:]) >= 80]
    assert found["images_scored"] == len(ours) == test.images.sum()
    assert found["left_out"] == {
        "patient in training or development": len(everyone) - len(ours),
        "not in the test split": 1,
    }
    rows = [int(everyone[i][0].split("-")[0][1:]) - 80 for i in ours]
    scores = [
        average_precision_score(
            columns[name][ours],
            guesses[rows, CXR_LT_2023.index("No Finding" if name == "Normal" else name)],
        )
        for name in CXR_LT_2024_TASK2
    ]
    assert found["mAP"] == pytest.approx(np.mean(scores))
    strangers = table.slice(0, 5)
    with pytest.raises(DataError, match="none of the 5 images can be scored: 5 are of patients"):
        score_other_release(strangers, list(CXR_LT_2024_TASK2), cohort, test, guesses, PARAMS)


def test_the_command_compares_a_file_with_a_folder_of_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    command = ["compare", "data/swapped.parquet", "data/predictions"]
    done = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["seeds"] == [1, 2]
    macro = found["means"]["macro"]["AP"]
    low, high = macro["interval"]
    assert 0 < low < macro["difference"] < high  # the skill of the invented seeds is twice as large
    shown = CliRunner().invoke(app, command, catch_exceptions=False).stdout
    assert f"{macro['difference']:+.3f}" in shown
    with pytest.raises(DataError, match=r"a \.parquet file or a folder"):
        CliRunner().invoke(app, ["compare", "main", "HEAD"], catch_exceptions=False)
