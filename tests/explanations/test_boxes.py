"""Boxes of readers: read as VinBigData publishes them, laid over images, and hit or not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from camchex.errors import DataError
from camchex.explanations.measured.boxes import agreed_findings, box_mask, measure_boxes
from camchex.explanations.offered import Evidence, evidence
from camchex.sources.boxes import Box, read_boxes
from tests.networks.small import camchex
from tests.sources.raw import VINDR, published


def row(image: str, reader: str, name: str, box: tuple[float, ...] = ()) -> dict[str, str]:
    edges = zip(("x_min", "y_min", "x_max", "y_max"), map(str, box), strict=False)
    return {"image_id": image, "rad_id": reader, "class_name": name, **dict(edges)}


def test_boxes_are_read_by_image_reader_and_finding(tmp_path: Path) -> None:
    table = published(tmp_path / "train.csv", VINDR, [
        row("a", "R1", "Pleural effusion", (10, 20, 30.5, 40)),
        row("a", "R2", "Nodule/Mass", (1, 2, 3, 4)),
        row("a", "R2", "Aortic enlargement", (1, 2, 3, 4)),
        row("b", "R1", "No finding"),
    ])  # fmt: skip
    assert read_boxes(table) == [Box("a", "R1", "Pleural Effusion", 10, 20, 30.5, 40)]


def test_the_published_boxes_are_read(real_data: Path) -> None:
    boxes = read_boxes(real_data / "label_tables/vinbigdata-train.csv.gz")
    assert len({box.image_id for box in boxes}) > 2000
    assert {box.finding for box in boxes} >= {"Cardiomegaly", "Pleural Effusion", "Fibrosis"}


def test_a_box_whose_edges_are_crossed_is_refused(tmp_path: Path) -> None:
    rows = [row("a", "R1", "Cardiomegaly", (30, 20, 10, 40))]
    with pytest.raises(DataError, match="x_max"):
        read_boxes(published(tmp_path / "train.csv", VINDR, rows))


def box(reader: str, left: float, top: float, right: float, bottom: float) -> Box:
    return Box("a", reader, "Cardiomegaly", left, top, right, bottom)


def test_two_readers_must_draw_a_box_and_the_place_is_where_they_agree() -> None:
    one, other, far = box("R1", 0, 0, 20, 20), box("R2", 10, 10, 30, 30), box("R1", 50, 50, 60, 60)
    assert agreed_findings([one, far]) == []
    assert agreed_findings([one, other]) == ["Cardiomegaly"]
    mask = box_mask([one, other, far], (64, 64), 64, "stretch")
    assert mask[10:20, 10:20].all()
    assert mask.sum() == 100
    apart = box_mask([far, other], (64, 64), 64, "stretch")
    assert apart.sum() == 100 + 400


@pytest.mark.parametrize(("fit", "columns"), [("stretch", (16, 32)), ("pad", (16 + 8, 16 + 16))])
def test_a_box_lies_where_the_image_is_resized_to(fit: str, columns: tuple[int, int]) -> None:
    mask = box_mask([box("R1", 50, 100, 100, 200)], (400, 200), 64, fit)  # type: ignore[arg-type]
    rows, found = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (rows[0], rows[-1] + 1) == pytest.approx((16, 32), abs=1)
    assert (found[0], found[-1] + 1) == pytest.approx(columns, abs=1)


def test_maps_are_measured_on_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camchex.explanations.measured.boxes.CHOSEN_ON", 1)
    camchex().save_pretrained(tmp_path / "model")
    files, boxes = {}, []
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 50), dtype=np.uint8)
        files[f"i{number}"] = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(files[f"i{number}"])
        boxes += [Box(f"i{number}", reader, "Mass", 5, 5, 30, 30) for reader in ("R1", "R2")]
    found = measure_boxes(tmp_path / "model", files, boxes, 0, portable=False)
    assert found["maps"]["all"]["studies"] == 2
    assert set(found["maps"]["findings"]) == {"Mass"}
    results = {"data": "real", "model_sha256": "0", **found}
    known = Evidence(**evidence(results))
    assert "did not beat" in str(known.why_not("maps", "Mass"))  # 2 studies are too few
    assert "nobody measured" in str(known.why_not("words", "Mass"))
    with pytest.raises(DataError, match="boxes of 2 readers"):
        measure_boxes(tmp_path / "model", files, boxes[:1], 0, portable=False)
