"""camchex check: what is there, what is missing, and how to get it."""

import gzip
import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from camchex import params
from camchex.check import Findings, check, render
from camchex.check.findings import SAMPLE, find
from camchex.sources.params import DataParams, ExternalSets


def look(root: Path, **data_params: str) -> Findings:
    data = params.load("data", DataParams).model_copy(update={"root": root} | data_params)
    return check(data, params.load("external", ExternalSets))


def text(findings: Findings) -> str:
    console = Console(file=io.StringIO(), width=400)
    console.print(render(findings))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def copy(real_data: Path, tmp_path: Path) -> Path:
    """The open cohort as links, so that files can be taken away and replaced."""
    root = tmp_path / "raw"
    for path in (real_data / "open_cohort").rglob("*"):
        target = root / path.relative_to(real_data / "open_cohort")
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    return root


def test_the_open_cohort_is_complete(real_data: Path) -> None:
    findings = look(real_data / "open_cohort")
    assert findings.complete
    counts = {
        file.path.name: file.counts for data_set in findings.data_sets for file in data_set.files
    }
    metadata = counts["mimic-cxr-2.0.0-metadata.csv.gz"]
    assert (metadata["images"], metadata["studies"]) == (168, 147)
    assert "7 of 7 data sets complete" in text(findings)
    assert "168 images (published: 377,110)" in text(findings)


def test_a_missing_root_is_said_and_every_file_expected_is_named(tmp_path: Path) -> None:
    findings = look(tmp_path / "nowhere")
    shown = text(findings)
    assert not findings.complete
    assert "set data.root in params.yaml" in shown
    assert "0 of 7 data sets complete" in shown
    for data_set in findings.data_sets:
        assert data_set.page in shown
        assert all(f"{file.path}: missing" in shown for file in data_set.files)


def test_a_missing_image_is_found_by_its_path(copy: Path) -> None:
    image = next((copy / "CheXpert-v1.0" / "train").rglob("*.jpg"))
    image.unlink()
    findings = look(copy)
    assert [d.name for d in findings.data_sets if not d.complete] == [
        "CheXpert (external.chexpert)"
    ]
    assert f"26 of 27 files are there; missing for example {image}" in text(findings)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_reports_are_looked_for_in_their_archive(real_data: Path, copy: Path, kind: str) -> None:
    published = real_data / "open_cohort" / "mimic-cxr-reports"
    reports = shutil.copytree(published, copy.with_name("unpacked"))
    complete = Path(shutil.make_archive(str(copy / "all"), kind, reports))
    report = next(reports.rglob("*.txt"))
    report.unlink()
    partial = Path(shutil.make_archive(str(copy / "some"), kind, reports))
    found = look(copy, reports=complete.name, watch_reports=complete.name)
    assert found.complete
    assert "147 of 147 files are there" in text(found)
    missing = partial / report.relative_to(reports)
    shown = text(look(copy, reports=partial.name, watch_reports=partial.name))
    assert f"146 of 147 files are there; missing for example {missing}" in shown


def test_a_damaged_archive_of_reports_is_a_finding(copy: Path) -> None:
    (copy / "reports.zip").write_bytes(b"PK")
    shown = text(look(copy, reports="reports.zip"))
    assert f"{copy / 'reports.zip'}: present, but cannot be used" in shown
    assert "6 of 7 data sets complete" in shown


def test_a_damaged_table_is_a_finding(copy: Path) -> None:
    table = copy / "mimic-iv-ed" / "ed" / "triage.csv.gz"
    table.unlink()
    table.write_bytes(gzip.compress(b"subject_id,stay_id\n1,2\n"))
    shown = text(look(copy))
    assert f"{table}: present, but cannot be used" in shown
    assert "no column temperature" in shown
    assert "6 of 7 data sets complete" in shown


def test_a_table_that_matches_the_published_counts_is_said_to(real_data: Path, copy: Path) -> None:
    table = copy / "vinbigdata" / "train.csv"
    table.unlink()
    packed = real_data / "label_tables" / "vinbigdata-train.csv.gz"
    table.write_bytes(gzip.decompress(packed.read_bytes()))
    shown = text(look(copy))
    assert "67,914 rows (as published), 15,000 images (as published)" in shown
    assert "0 of 1,000 files tried, of 15,000 in all are there" in shown


@pytest.mark.parametrize("total", [1, SAMPLE, 3 * SAMPLE + 7])
def test_files_looked_for_are_spread_over_all(tmp_path: Path, total: int) -> None:
    paths = [tmp_path / str(i) for i in range(total)]
    last_third = [p for i, p in enumerate(paths) if 3 * i >= 2 * total]
    for path in last_third:
        path.touch()
    found = find(paths)
    assert (found.total, found.looked_for) == (total, min(total, SAMPLE))
    assert found.present == pytest.approx(found.looked_for / 3, abs=1)
