"""Every training stage, one after the other, on a small cohort."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import torch

from camchex.comparisons.missing import VARIANT, WHOLE, WITHOUT
from camchex.comparisons.variants import OURS
from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError, ModelError, ParamsError
from camchex.fusion.section import FusionParams
from camchex.fusion.study_training import vary
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.networks.samples import label_matrix, read_cohort
from camchex.prediction.image_predictions import VIEWS, predict_views
from camchex.prediction.student_chains import Chain
from camchex.training.params import load_section
from stages import (
    compare_missing,
    finetune_view,
    predict,
    predict_missing,
    pseudo_label,
    train_fusion,
    train_student,
    train_students,
    train_teacher,
)
from tests.networks.small import camchex, classifier
from tests.training.demo import ROOT, SETS, SIZE, STUDIES, write_demo
from tests.training.factories import RUNTIME

MODELS = Path("models")
GEN0, GEN1 = MODELS / "noisy_student" / "gen0", MODELS / "noisy_student" / "gen1"
COHORT, STORE, STORES = (
    Path("data/cohort.parquet"),
    Path("data/images/mimic"),
    Path("data/images/external"),
)
CURVES = Path("metrics/curves/train")
QUANTILES = Path("metrics/curves/pseudo_labels")


def teacher(out: Path = GEN0, curves: Path = CURVES / "gen0") -> None:
    train_teacher.main(cohort=COHORT, store=STORE, out=out, curves=curves)


def pseudo(teacher: Path = GEN0, generation: int = 0) -> None:
    pseudo_label.main(
        teacher=teacher,
        labels=Path("data/interim/external"),
        stores=STORES,
        out=Path(f"data/pseudo/gen{generation}"),
        metrics=Path(f"metrics/pseudo_labels/gen{generation}.json"),
        quantiles=QUANTILES / f"gen{generation}.csv",
        generation=generation,
    )


def student(out: Path = GEN1) -> None:
    train_student.main(
        cohort=COHORT,
        store=STORE,
        pseudo=Path("data/pseudo/gen0"),
        stores=STORES,
        teacher=GEN0,
        out=out,
        curves=CURVES / "gen1",
    )


def views() -> None:
    for view in ("frontal", "lateral"):
        finetune_view.main(
            view=view,
            init=GEN1,
            cohort=COHORT,
            store=STORE,
            out=MODELS / "views" / view,
            curves=CURVES / view,
        )


def fusion(out: Path, settings: list[str] | None = None, seed: int = 0) -> None:
    train_fusion.main(
        seed=seed,
        frontal=MODELS / "views" / "frontal",
        lateral=MODELS / "views" / "lateral",
        cohort=COHORT,
        store=STORE,
        out=out,
        curves=CURVES / out.name,
        settings=settings,
    )


def predictions(model: Path, out: Path, counterfactual: Path | None = None) -> None:
    predict.main(model=model, cohort=COHORT, store=STORE, out=out, counterfactual=counterfactual)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every stage has run once."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        teacher()
        pseudo()
        student()
        views()
        fusion(MODELS / "fusion" / "seed0")
        predictions(
            MODELS / "fusion" / "seed0",
            Path("data/predictions/seed0.parquet"),
            Path("data/counterfactuals/seed0"),
        )
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_every_model_folder_is_complete(here: Path) -> None:
    folders = [GEN0, GEN1, MODELS / "views/frontal", MODELS / "views/lateral"]
    for folder in folders:
        assert set(content(here / folder)) == {"config.json", "model.safetensors"}
    assert set(content(here / MODELS / "fusion/seed0")) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }


@pytest.mark.parametrize(
    ("again", "first"),
    [
        (lambda out: teacher(out, Path("again/curves")), GEN0),
        (student, GEN1),
        (fusion, MODELS / "fusion" / "seed0"),
    ],
    ids=["teacher", "student", "fusion"],
)
def test_training_again_gives_the_same_bytes(
    here: Path, again: Callable[[Path], None], first: Path
) -> None:
    out = Path("again") / first.parent.name / first.name
    again(out)
    assert content(here / out) == content(here / first)


def test_another_seed_trains_another_fusion(here: Path) -> None:
    fusion(Path("again/fusion/seed1"), seed=1)
    weights = "model.safetensors"
    assert (here / "again/fusion/seed1" / weights).read_bytes() != (
        here / MODELS / "fusion/seed0" / weights
    ).read_bytes()


def test_the_first_student_of_a_chain_is_that_of_the_pipeline(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains = {"students": Chain("pseudo", generations=1), "longer": Chain("again", generations=2)}
    monkeypatch.setattr(train_students, "CHAINS", chains)
    out = tmp_path / "models"
    train_students.main(
        seed=0,
        cohort=COHORT,
        store=STORE,
        pseudo=Path("data/pseudo/gen0"),
        stores=STORES,
        teacher=GEN0,
        out=out,
        curves=tmp_path / "curves",
        predictions=tmp_path / "predictions",
    )
    assert content(out / "students/gen1") == content(here / GEN1)
    assert {path.name for path in (out / "longer").iterdir()} == {"gen1", "gen2"}
    sources = (tmp_path / "curves/longer/gen2/sources.tsv").read_text().splitlines()[1:]
    counts = {row.split("\t")[0]: int(row.split("\t")[1]) for row in sources}
    assert counts["mimic_again"] == sum(SETS.values())
    for name in chains:
        table = tables.read(
            tmp_path / f"predictions/{name}.parquet", schemas.predictions(CXR_LT_2023)
        )
        assert len(table) == STUDIES["development"] + STUDIES["test"]


def test_nothing_is_left_in_the_scratch_folder_but_locks_and_records(here: Path) -> None:
    left = {path.suffix for path in (here / ".camchex/scratch").iterdir()}
    assert left <= {".lock", ".json"}


def test_speed_and_memory_are_logged_where_git_and_dvc_do_not_look(here: Path) -> None:
    for run in ("models-noisy_student-gen0", "models-fusion-seed0"):
        metrics = here / ".camchex/logs" / run / "plots/metrics"
        speed, memory = metrics / "samples_per_second.tsv", metrics / "peak_memory_gib.tsv"
        assert [len(f.read_text().splitlines()) for f in (speed, memory)] == [3, 3]


def test_curves_are_tables_of_one_row_per_epoch_and_nothing_else(here: Path) -> None:
    for run in ("gen0", "gen1", "frontal", "lateral", "seed0"):
        files = content(here / CURVES / run)
        assert set(files) == {
            "train_loss.tsv",
            "learning_rate.tsv",
            "gradient_norm_mean.tsv",
            "gradient_norm_max.tsv",
            "development_mAP.tsv",
            "sources.tsv",
            "arithmetic.json",
            "convergence.json",
            "size.json",
        }
        header, *rows = files["development_mAP.tsv"].decode().splitlines()
        assert header == "step\tdevelopment_mAP"
        assert [row.split("\t")[0] for row in rows] == ["0", "1"]
    assert not (here / "dvc.yaml").exists()


def test_the_student_reports_the_share_of_every_source(here: Path) -> None:
    rows = (here / CURVES / "gen1" / "sources.tsv").read_text().splitlines()[1:]
    counts = {row.split("\t")[0]: int(row.split("\t")[1]) for row in rows}
    images = sum(1 + n % 4 for n in range(STUDIES["train"]))
    assert counts == {"mimic": images} | SETS


def test_known_labels_of_the_external_sets_stay(here: Path) -> None:
    for key in SETS:
        known = label_matrix(
            pq.read_table(here / f"data/interim/external/{key}/labels.parquet"), CXR_LT_2023
        )
        table = tables.read(
            here / f"data/pseudo/gen0/{key}.parquet", schemas.pseudo_labels(CXR_LT_2023)
        )
        filled = label_matrix(table, CXR_LT_2023)
        is_known = ~np.isnan(known)
        if key == "vindr":  # its nodules and masses are one class
            is_known[:, [CXR_LT_2023.index("Nodule"), CXR_LT_2023.index("Mass")]] = False
        assert (filled[is_known] == known[is_known]).all()
        assert ((filled[~is_known] >= 0) & (filled[~is_known] <= 1)).all()


def test_the_metrics_of_pseudo_labels_hold_no_quantile_of_few_images(here: Path) -> None:
    metrics = json.loads((here / "metrics/pseudo_labels/gen0.json").read_text())
    assert list(metrics) == sorted(SETS)
    assert metrics["chexpert"]["images"] == SETS["chexpert"]
    assert set(metrics["chexpert"]["classes"]) == set(CXR_LT_2023)
    assert all(set(c) == {"predicted"} for c in metrics["chexpert"]["classes"].values())


def test_predictions_cover_every_development_and_test_study(here: Path) -> None:
    table = tables.read(here / "data/predictions/seed0.parquet", schemas.predictions(CXR_LT_2023))
    splits = table["split"].to_pylist()
    assert {s: splits.count(s) for s in set(splits)} == {
        s: STUDIES[s] for s in ("development", "test")
    }
    assert table["study_id"].to_pylist() == sorted(table["study_id"].to_pylist())
    values = label_matrix(table, CXR_LT_2023)
    assert ((values > 0) & (values < 1)).all()


def test_what_is_missing_is_predicted_and_compared(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every dedicated model is the model itself, which is then as good as itself."""
    monkeypatch.setattr("camchex.comparisons.missing.DRAWS", 1)  # the ends of a curve have one
    seeds = load_section("seeds", list[int], here / "params.yaml")
    schema = schemas.predictions(CXR_LT_2023)
    whole = tables.read(here / "data/predictions/seed0.parquet", schema)
    whole = whole.filter(pc.equal(whole["split"], "test"))
    once, out = Path("data/missing_once"), Path("data/ablations/missing")
    predict_missing.main(model=MODELS / "fusion/seed0", cohort=COHORT, store=STORE, out=once)
    same = tables.read(once / f"{WHOLE}.parquet", schema)
    for name in CXR_LT_2023:
        np.testing.assert_allclose(same[name].to_numpy(), whole[name].to_numpy(), atol=1e-6)
    for seed in seeds:
        shutil.copytree(once, out / f"seed{seed}")
        for combination, variant in VARIANT.items():
            table = tables.read(once / f"{combination}.parquet", schema)
            tables.write(table, Path(f"data/ablations/{variant}/seed{seed}.parquet"), schema)
    views = {v: ImageClassifier.from_pretrained(MODELS / "views" / v) for v in VIEWS}
    cohort = read_cohort(COHORT, STORE, CXR_LT_2023)
    for view, table in predict_views(views, cohort, ["test"], RUNTIME):
        tables.write(table, Path(f"data/ablations/one_view/{view}.parquet"), schema)
    written = [Path(f"metrics/ablations/missing.{end}") for end in ("json", "csv", "md")]
    compare_missing.main(COHORT, *written, stability=Path("none.json"))
    found = json.loads(written[0].read_text())
    for combination in VARIANT:
        assert found["rows"][combination]["difference"]["mAP"]["mean"] == 0
        assert found["rows"][combination]["difference"]["mAP"]["at_least_as_good"] is True
    for name, points in found["curves"].items():
        ends = (found["rows"][row]["AUROC"]["mean"] for row in (OURS, WITHOUT[name]))
        assert [points[0]["AUROC"], points[-1]["AUROC"]] == pytest.approx(list(ends))
    assert f"| {found['rows'][OURS]['label']} |" in written[2].read_text()
    assert written[1].read_text().count("\n") == 1 + sum(map(len, found["curves"].values()))


def test_counterfactuals_are_of_the_test_studies_and_change_predictions(here: Path) -> None:
    plain = pq.read_table(here / "data/predictions/seed0.parquet", filters=[("split", "=", "test")])
    files = sorted((here / "data/counterfactuals/seed0").iterdir())
    assert [path.stem for path in files] == [
        *("masked", "swapped", "vitals_swapped", "without_text", "without_vitals")
    ]
    for path in files:
        changed = pq.read_table(path)
        assert plain.select(["study_id", "split"]) == changed.select(["study_id", "split"])
        assert not plain.equals(changed), path.stem


@pytest.mark.parametrize("inputs", [["indication"], ["images"]])
def test_a_fusion_of_fewer_inputs_trains_and_predicts(here: Path, inputs: list[str]) -> None:
    out = Path("ablation") / inputs[0]
    fusion(out, [f"inputs=[{inputs[0]}]"])
    predictions(out, out / "predictions.parquet")
    assert json.loads((out / "config.json").read_text())["fusion"]["inputs"] == inputs
    table = pq.read_table(here / out / "predictions.parquet")
    assert len(table) == STUDIES["development"] + STUDIES["test"]


VARIANTS: dict[str, dict[str, object]] = {
    "mmbt": {"architecture": "mmbt"},
    "chexfusion": {"encoders": "shared", "inputs": ["images"]},
    "average": {"beyond_max_images": "average"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_fusion_trains_and_predicts(
    here: Path, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = read_yaml(here / "params.yaml")
    params["fusion"] |= VARIANTS[variant] | {"freeze_encoders": False, "cached_views": 0}
    params["fusion"]["training"]["loss"] = "original"
    params["runtime"]["checkpoint_gradients"] = True
    monkeypatch.setattr("camchex.contract.params.read_file", lambda _: params)
    model, out = here / "kinds" / variant, here / "kinds" / f"{variant}.parquet"
    fusion(model)
    predictions(model, out)
    found = tables.read(out, schemas.predictions(CXR_LT_2023))
    assert len(found) == STUDIES["development"] + STUDIES["test"]
    assert ((label_matrix(found, CXR_LT_2023) > 0) & (label_matrix(found, CXR_LT_2023) < 1)).all()


def test_an_unknown_input_is_an_error_that_names_it(here: Path) -> None:
    with pytest.raises(ParamsError, match="ecg"):
        fusion(here / "never", ["inputs=[ecg]"])
    assert not (here / "never").exists()


def test_settings_replace_keys_of_the_section_and_leave_the_rest() -> None:
    section = load_section("fusion", FusionParams, ROOT / "params.yaml")
    varied = vary(section, 5, ["layers=3", "segments=by_slot", "training.epochs=2"])
    assert (varied.layers, varied.segments, varied.training.epochs) == (3, "by_slot", 2)
    assert varied.training.seed == 5
    same = {"layers": section.layers, "segments": section.segments, "training": section.training}
    assert varied.model_copy(update=same) == section
    assert vary(section, section.training.seed) == section


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("layrs=1", "--set layrs=1: expected key=value with a key of section fusion"),
        ("training.epoch=1", "--set training.epoch=1: expected"),
        ("layers", "--set layers: expected"),
        ("inputs.images=1", "--set inputs.images=1: expected"),
        ("inputs=[images", "--set inputs=[images: not valid YAML: line 2, column 1"),
        ("dropout=.nan", "--set dropout=.nan: line 1, column 1: the value is .nan, which is no"),
        ("layers=-1", "fusion, with --set and --seed.layers"),
        ("mask_padding=maybe", "fusion, with --set and --seed.mask_padding"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error_that_names_it(setting: str, says: str) -> None:
    section = load_section("fusion", FusionParams, ROOT / "params.yaml")
    with pytest.raises(ParamsError, match=re.escape(says)):
        vary(section, 0, [setting])


def test_a_set_of_no_image_of_a_view_is_an_error(here: Path) -> None:
    with pytest.raises(DataError, match="no such image or study"):
        finetune_view.main(
            view="oblique",
            init=GEN1,
            cohort=COHORT,
            store=STORE,
            out=here / "never",
            curves=here / "never-curves",
        )
    assert not (here / "never").exists()


def test_images_of_another_size_than_the_network_reads_are_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = read_yaml(here / "params.yaml")
    params["images"]["size"] = 64
    monkeypatch.setattr("camchex.contract.params.read_file", lambda _: params)
    with pytest.raises(ModelError, match=r"64 px.*32 px"):
        teacher(here / "never", here / "never-curves")


def of_other_classes(folder: Path) -> tuple[Path, Path]:
    """A classifier and a fusion of the classes Edema, Fracture and Mass alone."""
    classifier().save_pretrained(folder / "classifier")
    camchex().save_pretrained(folder / "fusion")
    return folder / "classifier", folder / "fusion"


def test_a_model_of_other_classes_than_the_data_is_refused_by_their_names(
    here: Path, tmp_path: Path
) -> None:
    image_model, fusion_model = of_other_classes(tmp_path)
    never = here / "never"
    differ = r"lacks \['Atelectasis', .*, and the data lack none.*labels\.space"
    with pytest.raises(ModelError, match=differ):
        finetune_view.main(
            view="frontal", init=image_model, cohort=COHORT, store=STORE, out=never, curves=never
        )
    with pytest.raises(ModelError, match=differ):
        train_student.main(
            cohort=COHORT,
            store=STORE,
            pseudo=Path("data/pseudo/gen0"),
            stores=STORES,
            teacher=image_model,
            out=never,
            curves=never,
        )
    with pytest.raises(ModelError, match=differ):
        train_fusion.main(
            seed=0,
            frontal=GEN1,
            lateral=image_model,
            cohort=COHORT,
            store=STORE,
            out=never,
            curves=never,
        )
    with pytest.raises(ModelError, match=differ):
        predictions(fusion_model, never)
    with pytest.raises(ModelError, match=differ):
        pseudo(teacher=image_model, generation=9)
    assert not never.exists()


def test_a_view_is_learnt_from_a_network_that_read_smaller_images(
    here: Path, tmp_path: Path
) -> None:
    smaller = ImageClassifier.from_pretrained(GEN1, image_size=16)
    smaller.save_pretrained(tmp_path / "smaller")
    finetune_view.main(
        view="lateral",
        init=tmp_path / "smaller",
        cohort=COHORT,
        store=STORE,
        out=tmp_path / "view",
        curves=tmp_path / "curves",
    )
    assert ImageClassifier.from_pretrained(tmp_path / "view").image_size == SIZE
    assert content(tmp_path / "view") == content(here / MODELS / "views/lateral")


@pytest.mark.parametrize("generation", [0, 1])
def test_unknown_labels_are_what_their_own_teacher_says_of_an_image_and_its_mirror_image(
    here: Path, generation: int
) -> None:
    """Every generation starts from the published labels, not from those of the last one."""
    folder = (GEN0, GEN1)[generation]
    pseudo(teacher=folder, generation=generation)
    network = ImageClassifier.from_pretrained(folder)
    raw = pq.read_table(here / "data/interim/external/chexpert/labels.parquet")
    raw = raw.sort_by("image_id")
    found = pq.read_table(here / f"data/pseudo/gen{generation}/chexpert.parquet")
    assert found["image_id"].to_pylist() == raw["image_id"].to_pylist()
    store = ImageStore(STORES / "chexpert")
    pixels = store.batch(store.rows(raw["image_id"].to_pylist()))
    images = torch.from_numpy(pixels)[:, None].float() / 255
    with torch.no_grad():
        said = (network(images).sigmoid() + network(images.flip(-1)).sigmoid()) / 2
    known, filled = label_matrix(raw, CXR_LT_2023), label_matrix(found, CXR_LT_2023)
    unknown = np.isnan(known)
    assert unknown.any()
    np.testing.assert_allclose(filled[unknown], said.numpy()[unknown], atol=1e-5)
    np.testing.assert_array_equal(filled[~unknown], known[~unknown])


@pytest.mark.parametrize("init", ["warm", "pretrained"])
def test_a_student_starts_from_its_teacher_or_anew(
    here: Path, init: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = read_yaml(here / "params.yaml")
    params["noisy_student"]["init"] = init
    monkeypatch.setattr("camchex.contract.params.read_file", lambda _: params)
    started: list[dict[str, torch.Tensor]] = []

    def look(start: Callable[[], ImageClassifier], *_: object) -> None:
        torch.manual_seed(5)
        started.append(start().state_dict())

    monkeypatch.setattr("stages.train_student.image_task", look)
    monkeypatch.setattr("stages.train_student.train_once", lambda _, task, *__: task())
    student(here / "never")
    torch.manual_seed(5)
    encoder = EncoderParams.model_validate(params["encoder"])
    expected = build_image_classifier(encoder, CXR_LT_2023, SIZE)
    if init == "warm":
        expected = ImageClassifier.from_pretrained(GEN0)
    (found,) = started
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found[name], tensor), name


def test_the_quantiles_are_a_table_of_every_set_and_class(here: Path) -> None:
    rows = pacsv.read_csv(here / QUANTILES / "gen0.csv")
    assert rows["set"].to_pylist() == [key for key in sorted(SETS) for _ in CXR_LT_2023]
    assert rows["class"].to_pylist() == list(CXR_LT_2023) * len(SETS)
    assert set(rows["generation"].to_pylist()) == {0}
    assert rows.column_names[3:] == ["predicted", "mean", "q05", "q50", "q95"]


def test_without_a_development_split_the_last_epoch_is_kept(here: Path, tmp_path: Path) -> None:
    table = pq.read_table(here / COHORT)
    keep = [split != "development" for split in table["split"].to_pylist()]
    pq.write_table(table.filter(keep), tmp_path / "cohort.parquet")
    train_teacher.main(
        cohort=tmp_path / "cohort.parquet",
        store=STORE,
        out=tmp_path / "out",
        curves=tmp_path / "curves",
    )
    assert set(content(tmp_path / "curves")) == {
        "gradient_norm_mean.tsv",
        "gradient_norm_max.tsv",
        "train_loss.tsv",
        "learning_rate.tsv",
        "sources.tsv",
        "arithmetic.json",
        "convergence.json",
        "size.json",
    }
    assert set(content(tmp_path / "out")) == {"config.json", "model.safetensors"}


@pytest.mark.slow
def test_two_devices_predict_and_label_the_bytes_of_one_and_write_them_once(
    here: Path, tmp_path: Path
) -> None:
    params = read_yaml(here / "params.yaml")
    params["runtime"]["devices"] = 2
    (tmp_path / "params.yaml").write_text(yaml_text(params))
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    for name in ("data", "models"):
        (tmp_path / name).symlink_to(here / name)
    words = ["-m", "tests.training.predict_and_label", COHORT, STORE, GEN0, STORES]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=tmp_path, env=env, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "MEMBER: 2/2" in done.stderr
    name = "data/predictions/seed0.parquet"
    assert (tmp_path / "out/seed0.parquet").read_bytes() == (here / name).read_bytes()
    assert content(tmp_path / "out/changed") == content(here / "data/counterfactuals/seed0")
    assert content(tmp_path / "out/gen0") == content(here / "data/pseudo/gen0")
    assert (tmp_path / "out/gen0.json").read_bytes() == (
        here / "metrics/pseudo_labels/gen0.json"
    ).read_bytes()


@pytest.mark.parametrize(
    ("kind", "curves"),
    [("teacher", "gen0"), ("student", "gen1"), ("view_finetuning", "frontal"), ("fusion", "seed0")],
)
def test_the_benchmark_of_stability_trains_as_the_stage_does_but_for_the_noise(
    here: Path, monkeypatch: pytest.MonkeyPatch, kind: str, curves: str
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    stability = importlib.import_module("stability")
    before = tracked(here)
    recorded = (here / CURVES / curves / "development_mAP.tsv").read_text().splitlines()[1:]
    losses = losses_of(stability, monkeypatch)
    monkeypatch.setattr(stability, "NOISE", 1e-3)  # a training this short forgets last digits
    plain, noisy = (stability.run(stability.Run(here, kind, {}, n)) for n in (0, 5))
    assert plain["development_mAP"] == max(float(row.split("\t")[1]) for row in recorded)
    assert all(0 < noisy[score] < 1 for score in stability.SCORES)
    assert losses[0] == (here / CURVES / curves / "train_loss.tsv").read_text()
    assert losses[1] != losses[0]
    assert tracked(here) == before


def test_the_benchmark_of_stability_repeats_a_noise_and_trains_with_another_seed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    stability = importlib.import_module("stability")
    losses = losses_of(stability, monkeypatch)
    noisy, again = (stability.run(stability.Run(here, "teacher", {}, 5)) for _ in range(2))
    assert noisy == again
    assert losses[0] == losses[1]
    for kind, curves in (("teacher", "gen0"), ("fusion", "seed0")):  # a fusion is told its seed
        stability.run(stability.Run(here, kind, {"training.seed": 3}))
        assert losses[-1] != (here / CURVES / curves / "train_loss.tsv").read_text()


def losses_of(stability: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Losses of each training of the benchmark from now on."""
    losses, scores = list[str](), stability.scores

    def scores_and_losses(run: str) -> dict[str, float]:
        losses.append(Path("curves/train_loss.tsv").read_text())
        return scores(run)

    monkeypatch.setattr(stability, "scores", scores_and_losses)
    return losses


def tracked(folder: Path) -> dict[Path, float]:
    """Every file and when it was written."""
    return {path: path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}
