"""A finding changes the image where its sign lies, and nothing else."""

import numpy as np
import pytest

from camchex.synthetic.params import DRAWN
from camchex.synthetic.phantom.anatomy import Chest, grow_chest
from camchex.synthetic.phantom.geometry import Array
from camchex.synthetic.phantom.radiological_signs import RADIOLOGICAL_SIGNS, with_findings
from camchex.synthetic.phantom.xray import Site, View, aim, attenuation, expose
from camchex.synthetic.random_streams import stream

PX = 96
ONE_VIEW = {"Pleural Thickening": "PA", "Subcutaneous Emphysema": "PA"}


@pytest.fixture(scope="module")
def chest() -> Chest:
    return grow_chest(stream(1, "test"), "M")


def integrals(chest: Chest, view: View = "PA") -> Array:
    return attenuation(chest, aim(view, (PX, PX), stream(0, view), unrest=0))


def change(chest: Chest, finding: str, severity: float, view: View = "PA") -> Array:
    ill = with_findings(chest, {finding: severity}, stream(7, finding))
    return integrals(ill, view) - integrals(chest, view)


def test_every_finding_has_a_sign() -> None:
    assert set(RADIOLOGICAL_SIGNS) == set(DRAWN)


@pytest.mark.parametrize("finding", DRAWN)
def test_a_severe_finding_is_well_above_the_noise_and_a_faint_one_is_weaker(
    chest: Chest, finding: str
) -> None:
    severe = np.abs(change(chest, finding, 1.0))
    faint = np.abs(change(chest, finding, 0.15))
    assert np.sort(severe.ravel())[-20:].mean() > 0.25  # noise is about 0.02 in the lungs
    assert faint.sum() < severe.sum()


@pytest.mark.parametrize("finding", sorted(set(DRAWN) - set(ONE_VIEW)))
def test_a_finding_shows_from_the_side_too(chest: Chest, finding: str) -> None:
    assert np.abs(change(chest, finding, 1.0, "LATERAL")).max() > 0.15


def test_no_finding_leaves_the_body_as_it_is(chest: Chest) -> None:
    same = with_findings(chest, {"Mass": 0.0}, stream(7))
    np.testing.assert_array_equal(integrals(same), integrals(chest))


def test_one_finding_does_not_move_another(chest: Chest) -> None:
    alone = change(chest, "Nodule", 0.8)
    with_wires = with_findings(chest, {"Nodule": 0.8, "Tortuous Aorta": 1.0}, stream(7, "Nodule"))
    only_wires = with_findings(chest, {"Tortuous Aorta": 1.0}, stream(7, "Nodule"))
    added = integrals(with_wires) - integrals(only_wires)
    np.testing.assert_allclose(added, alone, atol=1e-3)


def test_air_darkens_and_fluid_brightens(chest: Chest) -> None:
    for airy in ("Pneumothorax", "Pneumoperitoneum", "Emphysema", "Subcutaneous Emphysema"):
        assert change(chest, airy, 0.8).sum() < 0, airy
    for dense in ("Pleural Effusion", "Consolidation", "Edema", "Cardiomegaly", "Mass"):
        assert change(chest, dense, 0.8).sum() > 0, dense


def test_fluid_lies_low_and_a_wide_mediastinum_in_the_middle(chest: Chest) -> None:
    rows, columns = np.indices((PX, PX)) - (PX - 1) / 2
    fluid = np.abs(change(chest, "Pleural Effusion", 0.6))
    assert (fluid * rows).sum() / fluid.sum() > 0.08 * PX
    wide = np.abs(change(chest, "Enlarged Cardiomediastinum", 1.0))
    assert (wide * np.abs(columns)).sum() / wide.sum() < 0.15 * PX


def test_vessels_end_where_a_pneumothorax_starts(chest: Chest) -> None:
    ill = with_findings(chest, {"Pneumothorax": 1.0}, stream(7))
    side = next(side for side, lung in ill.lungs.items() if lung.layers)
    lung = ill.lungs[side]
    outside = lung.cavity.centre + np.array([side * 0.93 * lung.cavity.axes[0], 0, 2.0])
    assert (outside - lung.layers[0].body.centre) @ lung.layers[0].body.shape @ (
        outside - lung.layers[0].body.centre
    ) > 1
    rays = aim("PA", (PX, PX), stream(0, "PA"), unrest=0)
    pixel = np.argmin(np.abs(rays.rows - outside[2])), np.argmin(np.abs(rays.columns - outside[0]))
    assert integrals(ill)[pixel] < integrals(chest)[pixel]


def test_a_woman_and_a_man_have_the_same_organs() -> None:
    woman, man = (grow_chest(stream(4, "x"), gender) for gender in "FM")
    assert set(woman.organs) == set(man.organs)
    assert len(woman.trunk) == len(man.trunk) + 2


def test_attenuation_is_never_negative(chest: Chest) -> None:
    everything = with_findings(chest, dict.fromkeys(DRAWN, 1.0), stream(9))
    for view in ("PA", "AP", "LATERAL"):
        image = integrals(everything, view)
        assert image.min() >= 0
        assert np.isfinite(image).all()


def test_noise_falls_with_the_parameter_and_bone_is_bright(chest: Chest) -> None:
    field = integrals(chest)
    site = Site(collimated=0)
    quiet, same, loud = (
        expose(field, site, noise, stream(2, "exposure")) for noise in (0.0, 0.0, 8.0)
    )
    np.testing.assert_array_equal(quiet, same)
    assert np.std(loud - quiet) > 0.005
    assert quiet[PX // 2, PX // 2] > quiet[PX // 2, PX // 4]  # spine against lung
    assert quiet[2, 2] < 0.5
    assert (quiet.min(), quiet.max()) >= (0, 0)
    assert quiet.max() <= 1


def test_a_collimated_image_has_black_edges(chest: Chest) -> None:
    shown = expose(integrals(chest), Site(collimated=1), 1.0, stream(5, "exposure"))
    edges = [shown[0], shown[-1], shown[:, 0], shown[:, -1]]
    assert sum(edge.max() == 0 for edge in edges) >= 3


@pytest.mark.parametrize("finding", ["Fracture", "Support Devices"])
def test_what_is_counted_by_strength_never_outnumbers_the_body(chest: Chest, finding: str) -> None:
    for seed in range(20):
        with_findings(chest, {finding: 4.0}, np.random.default_rng(seed))
