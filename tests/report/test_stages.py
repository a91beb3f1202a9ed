"""The last stages, from predictions to the report."""

import hashlib
import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from camchex.report.examples import HOW_MANY, WRONG
from camchex.report.page import BANNER
from camchex.report.render import NONE
from camchex.scores.calibration_file import read_calibration
from camchex.scores.curves import MACRO
from camchex.scores.decisions import SHARES
from camchex.scores.fit_calibration import KINDS
from stages import INVENTED, audit_leakage, evaluate
from stages.report.__main__ import MADE_BY
from tests.report.workspace import PROJECT, SEEDS, SHOWN, STALE, run_report, run_stages

LARGEST = 5_000_000  # bytes
ONE = CXR_LT_2023[0]


def results(folder: Path) -> dict[str, bytes]:
    """Every file that the three stages write."""
    cards = [f"models/cards/seed{seed}.md" for seed in SEEDS]
    written = ["report.html", "metrics/summary.json", "metrics/audit.json", *cards]
    curves = [
        p for kind in ("test", "audit", "summary") for p in folder.rglob(f"curves/{kind}/**/*")
    ]
    paths = [folder / name for name in written] + [p for p in curves if p.is_file()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


@pytest.fixture
def copy(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may change, and in which it stands."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def plain(copy: Path) -> Path:
    """The same with curves of one finding, since all charts take nearly all the time of a page."""
    for name in ("precision_recall", "net_benefit"):
        for path in copy.glob(f"metrics/curves/test/seed*/{name}.csv"):
            header, *rows = path.read_text().splitlines(keepends=True)
            path.write_text(
                "".join([header, *(row for row in rows if row.startswith((ONE, MACRO)))])
            )
    return copy


class Page(HTMLParser):
    """Tags that are open, and everything that a browser would fetch."""

    VOID = ("meta", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.unbalanced: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = ("src", "href", "xlink:href", "data", "action", "srcset", "poster")
        self.loads += [value or "" for name, value in attrs if name in named]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)


def test_the_summary_has_mean_and_spread_of_the_declared_seeds_only(made: Path) -> None:
    (summary,) = json.loads((made / "metrics/summary.json").read_text())["details"]
    seeds = [json.loads((made / f"metrics/seeds/seed{s}.json").read_text()) for s in SEEDS]
    values = [seed["study"]["mAP"] for seed in seeds]
    assert summary["seeds"] == list(SEEDS)
    assert summary["study"]["mAP"]["mean"] == pytest.approx(sum(values) / 2, abs=2e-6)
    assert summary["study"]["mAP"]["sd"] == pytest.approx(
        abs(values[0] - values[1]) / 2**0.5, abs=2e-6
    )
    assert summary["data"] == "synthetic"
    assert summary["audit"]["label_leak_found"] is True
    assert list(summary["per_class"]) == list(CXR_LT_2023)


def test_the_summary_begins_with_a_dozen_numbers_and_keeps_the_rest_from_dvc(made: Path) -> None:
    written = json.loads((made / "metrics/summary.json").read_text())
    (summary,) = written.pop("details")
    leaves = [
        leaf
        for value in written.values()
        for leaf in (value.values() if isinstance(value, dict) else [value])
    ]
    assert len(leaves) <= 17
    assert not [leaf for leaf in leaves if isinstance(leaf, dict | list)]
    assert written["study"]["mAP"] == summary["study"]["mAP"]["mean"]
    assert written["study"]["AUROC_sd"] == summary["study"]["AUROC"]["sd"]
    assert [written["study"][f"mAP_{end}"] for end in ("low", "high")] == (
        summary["study"]["mAP_interval"]
    )
    seeds = [json.loads((made / f"metrics/seeds/seed{s}.json").read_text()) for s in SEEDS]
    errors = [seed["calibration"]["ECE_calibrated"] for seed in seeds]
    assert written["ECE_calibrated"] == pytest.approx(sum(errors) / len(errors), abs=2e-6)


def test_the_page_shows_the_numbers_of_the_metrics(made: Path) -> None:
    text = (made / "report.html").read_text()
    (summary,) = json.loads((made / "metrics/summary.json").read_text())["details"]
    for level in ("study", "image"):
        for score in ("mAP", "AUROC"):
            found, (low, high) = summary[level][score], summary[level][f"{score}_interval"]
            card = f'<strong>{found["mean"]:.3f} <span class="sd">± {found["sd"]:.3f}</span>'
            assert card in text
            assert f"95 %: {low:.3f} to {high:.3f}" in text
    assert f"chance {summary['mean_prevalence']:.3f}" in text
    curves = text.split('id="precision-and-recall"')[1].partition("</section>")[0]
    assert curves.count("<svg") == len(SHOWN) + 1  # the mean
    for name, row in summary["per_class"].items():
        if row["AP"]["mean"] is None:
            continue
        low, high = row["AP_interval"]
        shown = text.split(f'<th scope="row">{name}</th><td><span class="bar">')[1]
        assert f'<b style="width:{100 * row["AP"]["mean"]:.1f}%">' in shown[:60]
        assert f"({low:.3f} to {high:.3f})" in shown.partition("</tr>")[0]
    for kind in ("ECE", "ECE_calibrated", "Brier_calibrated", "Brier_temperature", "Brier_chance"):
        found = summary["calibration"][kind]
        assert f'{found["mean"]:.3f} <span class="sd">± {found["sd"]:.3f}</span>' in text
    assert "empty file: 12, no such file: &lt;5" in text


def test_subgroups_are_shown_as_they_were_written_and_hidden_ones_are_not(made: Path) -> None:
    text = (made / "report.html").read_text()
    written = [
        csv.read_csv(made / f"metrics/curves/test/seed{s}/subgroups.csv").to_pylist() for s in SEEDS
    ]
    section = text.split('id="subgroups"')[1].partition("</section>")[0]
    shown = re.findall(r'<th scope="row">([^<]+): ([^<]+)</th><td>([\d,]+)</td>', section)
    expected = [(r["characteristic"], r["value"], f"{r['studies']:,}") for r in written[0]]
    assert [(a, unescape(b), n) for a, b, n in shown] == expected
    mean = sum(rows[0]["AUROC"] for rows in written) / len(written)
    assert f"<td>{mean:.3f} <span" in section


def test_what_thresholds_decide_is_shown_as_it_was_written(made: Path) -> None:
    written = [
        csv.read_csv(made / f"metrics/curves/test/seed{s}/decisions.csv").to_pylist() for s in SEEDS
    ]
    section = (made / "report.html").read_text().split('id="decisions"')[1]
    lines = section.partition("</section>")[0].split('<th scope="row">')[1:]
    assert [line.partition("<")[0] for line in lines] == [row["class"] for row in written[0]]
    for line, *of_seeds in zip(lines, *written, strict=True):
        found = re.findall(r"<td>(.*?)</td>", line)[1:]
        for cell, share in zip(found, SHARES, strict=True):
            values = [row[share] for row in of_seeds]
            known = None not in values
            assert cell.startswith(f"{sum(values) / len(values):.3f} <span" if known else NONE)


def test_the_reliability_curve_of_all_labels_hides_small_bins(made: Path) -> None:
    rows = csv.read_csv(made / "metrics/curves/test/seed0/reliability_all.csv").to_pylist()
    assert {row["probability"] for row in rows} == {*KINDS.values()}
    for row in rows:
        positives = round(row["share_positive"] * row["labels"])
        assert row["labels"] >= 5
        assert all(n == 0 or n >= 5 for n in (positives, row["labels"] - positives))


def test_what_other_pipelines_would_add_is_named_with_its_command(made: Path) -> None:
    text = unescape((made / "report.html").read_text())
    for command in MADE_BY.values():
        assert f"Not measured yet: <code>{command}</code>" in text


def test_what_other_pipelines_measured_of_this_run_is_on_the_page(plain: Path) -> None:
    (summary,) = json.loads((plain / "metrics/summary.json").read_text())["details"]
    scores = {score: summary["study"][score] for score in ("mAP", "AUROC")}
    row = {"label": "all of it", "paper": {"mAP": 0.576, "AUROC": 0.916}, "paper_differs": None}
    table = {
        "title": "Others",
        "data": "synthetic",
        "seeds": list(SEEDS),
        "rows": {"camchex": {**row, **scores}},
    }
    truth = {
        path.stem: {
            "AUROC": 0.611,
            "by_set": {"chexpert": {"AUROC": 0.622}},
            "spread_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in (plain / "metrics/pseudo_labels").glob("gen*.json")
    }
    for name, content in {"table3": table, "parts": table, "pseudo_labels": truth}.items():
        (plain / f"metrics/shown/{name}.json").write_text(json.dumps(content))
    run_report()
    text = unescape((plain / "report.html").read_text())
    mean = f"{scores['mAP']['mean']:.3f}"
    assert re.search(f"all of it</th><td>{mean} <span[^>]*>[^<]*</span></td><td>0.576</td>", text)
    assert "mAP, synthetic cohort</th>" in text  # never as if it were the paper's data
    assert "mAP, paper, MIMIC-CXR</th>" in text
    assert "<td>0.611</td>" in text
    assert "<td>0.622</td>" in text
    for command in ("truth", "table3", "parts"):
        assert f"make {command}" not in text
    (plain / "metrics/pseudo_labels/gen0.json").write_text(
        (plain / "metrics/pseudo_labels/gen0.json").read_text() + " "
    )
    run_report()
    text = unescape((plain / "report.html").read_text())
    note = "Of another run, not of this page's: the pseudo-labels of gen0 are others."
    assert f'<p class="notice">{note} <code>make truth</code> measures it anew.</p>' in text
    assert text.index(note) < text.index("<td>0.611</td>")
    assert text.count("not of this page's") == 1


def test_the_metrics_of_a_seed_are_few_and_have_bounds(made: Path) -> None:
    seed = json.loads((made / "metrics/seeds/seed0.json").read_text())
    shown = [leaf for key in seed if key != "details" for leaf in seed[key]]
    assert isinstance(seed["details"], list)  # which DVC does not take for a metric
    assert len(shown) <= 26
    for level in ("study", "image"):
        for score in ("mAP", "AUROC"):
            scores = seed[level]
            assert scores[f"{score}_low"] < scores[score] < scores[f"{score}_high"]
            bounds = seed["details"][0][level][f"{score}_interval"]
            assert bounds == [scores[f"{score}_low"], scores[f"{score}_high"]]


def test_thresholds_views_and_tables_are_written_beside_the_scores(copy: Path) -> None:
    studies = pq.read_table(copy / "data/cohort.parquet")
    ids = sorted(i for images in studies["image_ids"].to_pylist() for i in images)
    column = {name: ["x"] * len(ids) for name in schemas.IMAGES.names}
    column |= {"image_id": ids, "view": ["frontal"] * len(ids), "view_position": ["AP"] * len(ids)}
    column |= {"rows": [1] * len(ids), "columns": [1] * len(ids)}
    tables.write(pa.table(column, schema=schemas.IMAGES), copy / "images.parquet", schemas.IMAGES)
    evaluate.main(
        Path("data/cohort.parquet"),
        Path("data/predictions/seed0.parquet"),
        Path("new.json"),
        Path("new"),
        calibration=Path("models/calibration/seed0.json"),
        images=Path("images.parquet"),
    )
    assert (copy / "new.json").read_bytes() == (copy / "metrics/seeds/seed0.json").read_bytes()
    fitted = read_calibration(copy / "models/calibration/seed0.json")
    assert list(fitted.thresholds) == list(CXR_LT_2023)
    assert "AP only" in (copy / "new/subgroups.csv").read_text()
    for name in ("benchmarks", "decisions", "net_benefit", "reliability"):
        assert len((copy / f"new/{name}.csv").read_text().splitlines()) > 5


def test_a_patient_in_two_splits_stops_the_evaluation(copy: Path) -> None:
    path, schema = copy / "data/cohort.parquet", schemas.cohort(CXR_LT_2023)
    studies = tables.read(path, schema)
    patients = pa.repeat(studies["patient_id"][0], studies.num_rows)
    at = studies.column_names.index("patient_id")
    tables.write(studies.set_column(at, schema.field("patient_id"), patients), path, schema)
    with pytest.raises(DataError, match="is in several splits: split train and"):
        evaluate.main(path, Path("data/predictions/seed0.parquet"), Path("n.json"), Path("n"))


def test_the_audit_begins_with_few_numbers_that_the_report_shows(made: Path) -> None:
    audit = json.loads((made / "metrics/audit.json").read_text())
    first = audit["gain_not_owed_to_seen_words"]
    assert next(iter(audit)) == "gain_not_owed_to_seen_words"
    assert first["low"] <= first["share"] <= first["high"]
    assert len(audit["details"]) == 1
    summary = json.loads((made / "metrics/summary.json").read_text())
    assert summary["gain_not_owed_to_seen_words"] == first["share"]
    text = (made / "report.html").read_text()
    assert f"{first['share']:.3f}" in text
    assert f"({first['low']:.3f} to {first['high']:.3f})" in text
    lost = audit["details"][0]["texts"]["changed"]["labels"]["masked"]["lost"]
    low, high = lost["AUROC_interval"]
    assert f"{lost['AUROC']:+.3f}" in text
    assert f"({low:+.3f} to {high:+.3f})" in text


def test_the_bounds_of_what_a_finding_loses_are_plotted_around_it(made: Path) -> None:
    table = csv.read_csv(made / "metrics/curves/audit/texts.csv").to_pylist()
    assert {row["labels"] for row in table} == {"labels", "labels_of_mimic14_classes", "mimic14"}
    for row in table:
        for key in ("lost_masked", "lost_swapped"):
            assert row[f"{key}_low"] <= row[key] <= row[f"{key}_high"]


def test_a_setting_of_images_alone_can_be_named(copy: Path) -> None:
    shutil.copytree(copy / "data/counterfactuals/seed0", copy / "multi_view")
    for seed in SEEDS:
        shutil.copy(copy / f"data/predictions/seed{seed}.parquet", copy / "multi_view")
        left = copy / f"missing/seed{seed}/images+vitals.parquet"
        left.parent.mkdir(parents=True)
        shutil.copy(copy / f"data/counterfactuals/seed{seed}/swapped.parquet", left)
    read = (Path("data/cohort.parquet"), Path("data/predictions"))
    out, curves = Path("audit.json"), Path("curves")
    texts = (Path("data/counterfactuals"), Path("multi_view"))
    others = {"indication_only": Path("multi_view"), "missing": Path("missing")}
    audit_leakage.main(*read, out, curves, *texts, **others)
    audit = json.loads(out.read_text())
    assert audit["details"][0]["texts"]["reference"] == "multi_view"
    changed = audit["details"][0]["texts"]["changed"]["labels"]
    assert changed["without_indication"] == changed["swapped"]
    assert audit["details"][0]["pretest"]["prior"] == "indication_only"
    assert audit["gain_by_texts"]["AUROC"] == 0  # of a model over itself
    assert audit["gain_not_owed_to_seen_words"]["share"] is None
    (copy / "data/counterfactuals/seed1/masked.parquet").unlink()
    with pytest.raises(DataError, match=r"seed1/masked\.parquet"):
        audit_leakage.main(*read, out, curves, *texts)


@pytest.mark.slow
def test_a_second_run_writes_the_same_bytes_whatever_a_stale_seed_left(
    made: Path, copy: Path
) -> None:
    """Seed 1 is evaluated as seed 0 is, so its metrics stay."""
    (copy / f"metrics/seeds/seed{STALE}.json").write_text("stale")
    (copy / f"data/predictions/seed{STALE}.parquet").write_text("stale")
    shutil.rmtree(copy / f"metrics/curves/train/fusion_seed{STALE}")
    shutil.rmtree(copy / f"metrics/curves/test/seed{STALE}")
    before = {k: v for k, v in results(made).items() if f"seed{STALE}" not in k}
    for written in before:
        if "test/seed1/" not in written:
            (copy / written).unlink()
    run_stages(SEEDS[:1])
    assert results(copy) == before


def test_the_report_is_one_small_page_that_fetches_nothing(made: Path) -> None:
    text = (made / "report.html").read_text()
    page = Page(text)
    assert len(text.encode()) < LARGEST
    assert not {"script", "link", "iframe", "object", "embed", "base"} & page.tags
    outside = [load for load in page.loads if not load.startswith(("data:image/png;base64,", "#"))]
    assert outside == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", text)
    assert "default-src 'none'" in text  # and a browser is told so
    assert page.open == []
    assert page.unbalanced == []


def test_the_report_says_synthetic_wherever_it_shows_results(made: Path) -> None:
    text = (made / "report.html").read_text()
    assert BANNER in text
    headings = re.findall(r"<section[^>]*><h2>(.*?)</h2>", text)
    titled = [
        heading.partition(" <span")[0] for heading in headings if "synthetic cohort" in heading
    ]
    assert titled == re.findall(r'<li><a href="#[^"]+">(.*?)</a></li>', text)[:-1]  # and provenance
    assert text.count("<article>") == HOW_MANY + 2 * WRONG


def test_the_report_shows_no_place_where_a_template_was_not_filled(made: Path) -> None:
    text = (made / "report.html").read_text()
    assert not re.search(r"\$\w|>None<|\bnan\b", text)


def test_real_data_shows_no_study_and_no_banner(plain: Path) -> None:
    assert Path(read_yaml(plain / "params.yaml")["data"]["root"]) == INVENTED
    set_root(plain, "/data/physionet")
    shutil.rmtree(plain / "data")  # images and predictions of real patients are not opened
    run_report()
    text = (plain / "report.html").read_text()
    assert f"<title>{ONE}</title>" in text
    assert "synthetic" not in text.lower()
    assert "<article>" not in text
    assert "data:image/png" not in text
    assert "most wrong" not in text
    assert "r/o" not in text
    assert "/data/physionet" not in text
    assert json.loads((plain / "metrics/summary.json").read_text())["data"] == "real"


def set_root(folder: Path, root: str) -> None:
    params = read_yaml(folder / "params.yaml")
    params["data"]["root"] = root
    (folder / "params.yaml").write_text(yaml_text(params))


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("metrics/seeds/seed1.json", "seed1.json: no such file"),
        ("metrics/curves/train/gen3", "gen3: no curves of this training"),
        ("metrics/curves/test/seed0/precision_recall.csv", "precision_recall.csv: no such file"),
        ("metrics/pseudo_labels/gen2.json", "gen2.json: no such file"),
    ],
)
def test_what_is_missing_is_named(copy: Path, lost: str, message: str) -> None:
    path = copy / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=message):
        run_report()


def test_the_cohort_counts_as_synthetic_where_its_own_pipeline_writes_it() -> None:
    pipeline = read_yaml(PROJECT / "data/synthetic/dvc.yaml")
    made = pipeline["stages"]["make_synthetic"]["outs"]
    assert str(INVENTED) in {path for out in made for path in out}


def test_outputs_hold_no_id_of_a_study_or_image(made: Path) -> None:
    ids = re.compile(rb"\b5\d{7}\b")
    for name, content in results(made).items():
        assert not ids.search(content), name
    for path in (made / "metrics/seeds").glob("*.json"):
        assert not ids.search(path.read_bytes())


def test_a_training_without_development_score_is_shown_without_it(plain: Path) -> None:
    for path in plain.rglob("development_mAP.tsv"):
        path.unlink()
    run_report()
    assert "Fusion: training loss" in (plain / "report.html").read_text()
    assert "Fusion: development mAP" not in (plain / "report.html").read_text()
