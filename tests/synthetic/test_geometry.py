import numpy as np
import pytest
from numpy.typing import NDArray

from camchex.synthetic.phantom.geometry import (
    Detector,
    Ellipsoid,
    Slab,
    both,
    ellipsoid,
    length,
    rod,
    rotation,
    slab_span,
    span,
    uncovered,
)


def detector(ray: int, turn: NDArray[np.float64] | None = None) -> Detector:
    """A coarse detector whose patient stands straight unless turned."""
    grid = np.linspace(-9, 9, 37, dtype=np.float32)
    return Detector(ray, 1 - ray, grid, -grid, np.eye(3) if turn is None else turn, np.zeros(3))


def sampled_length(body: Ellipsoid, rays: Detector, step: float = 0.002) -> NDArray[np.float64]:
    """The same by brute force: walk along every ray and count the steps inside."""
    along = np.arange(-12, 12, step)
    points = np.zeros((len(rays.rows), len(rays.columns), len(along), 3), np.float32)
    points[..., rays.ray] = along
    points[..., rays.across] = rays.columns[None, :, None]
    points[..., 2] = rays.rows[:, None, None]
    back = (points - rays.shift) @ rays.turn - body.centre
    inside = np.einsum("...i,ij,...j->...", back, body.shape, back, optimize=True) <= 1
    return np.asarray(inside.sum(axis=-1) * step)


@pytest.mark.parametrize("ray", [0, 1])
def test_the_length_through_an_ellipsoid_is_what_walking_through_it_counts(ray: int) -> None:
    body = ellipsoid((1.0, -2.0, 0.5), (2.0, 3.0, 4.5), degrees=35, about=1)
    rays = detector(ray, rotation(20, 0) @ rotation(-15, 2))
    rays = Detector(
        rays.ray, rays.across, rays.columns[::4], rays.rows[::4], rays.turn, np.array([0.3, 1, -1])
    )
    exact = length(span(body, rays, rays.all))
    np.testing.assert_allclose(exact, sampled_length(body, rays), atol=0.01)
    assert exact.max() > 3


def test_a_sphere_is_two_radii_deep_and_as_large_from_every_side() -> None:
    ball = ellipsoid((0, 0, 0), (3, 3, 3))
    front = length(span(ball, detector(1), detector(1).all))
    turned = detector(0, rotation(37, 1))
    assert front.max() == pytest.approx(6.0)
    np.testing.assert_allclose(front, length(span(ball, turned, turned.all)), atol=2e-3)
    pixel = 0.25  # cm2 of a pixel of the detector
    assert front.sum() * pixel == pytest.approx(4 / 3 * np.pi * 27, rel=0.01)


def test_both_views_see_the_same_volume() -> None:
    body = ellipsoid((1, 2, -1), (2, 3, 4), 25, 2)
    volumes = [length(span(body, detector(ray), detector(ray).all)).sum() for ray in (0, 1)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.01)


def test_the_shadow_window_loses_nothing_of_a_body() -> None:
    body = ellipsoid((2.2, -1.3, 1.7), (1.0, 2.5, 4.0), 40)
    for ray in (0, 1):
        rays = detector(ray, rotation(12, 1))
        whole = length(span(body, rays, rays.all))
        inside = np.zeros_like(whole)
        window = rays.window(body)
        inside[window] = length(span(body, rays, window))
        np.testing.assert_array_equal(inside, whole)
        assert inside[window].size < whole.size / 2


def test_a_body_beside_the_detector_leaves_no_shadow() -> None:
    rays = detector(1)
    window = rays.window(ellipsoid((50, 0, 0), (2, 2, 2)))
    assert length(span(ellipsoid((50, 0, 0), (2, 2, 2)), rays, window)).size == 0


def test_a_rod_reaches_from_end_to_end() -> None:
    start, end = np.array([1.0, -2.0, 3.0]), np.array([-2.0, 1.0, -4.0])
    body = rod(start, end, 0.4)
    for tip in (start, end):
        assert (tip - body.centre) @ body.shape @ (tip - body.centre) == pytest.approx(1.0)
    np.testing.assert_allclose(sorted(np.sqrt(np.linalg.eigvalsh(body.spread)))[:2], [0.4, 0.4])


def test_a_slab_across_the_rays_is_as_deep_as_it_is_thick() -> None:
    rays = detector(1, rotation(10, 2))
    normal = np.array([0.0, 0.6, 0.8])
    depth = length(slab_span(Slab(normal, 1.0, 0.5), rays, rays.all))
    np.testing.assert_allclose(depth, 1.0 / abs((rays.turn @ normal)[1]), rtol=1e-4)


def intervals(*ends: tuple[float, float]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return [(np.array([[near]], np.float32), np.array([[far]], np.float32)) for near, far in ends]


@pytest.mark.parametrize(
    ("covers", "free"),
    [
        ([], 10),
        ([(2, 4)], 8),
        ([(2, 6), (4, 8)], 4),
        ([(4, 8), (2, 6)], 4),
        ([(2, 9), (3, 4)], 3),
        ([(-5, 3), (8, 20)], 5),
        ([(-5, 30)], 0),
        ([(6, 6), (5, 1)], 10),
        ([(-8, -2), (12, 15)], 10),
    ],
)
def test_what_is_uncovered_is_counted_once(covers: list[tuple[float, float]], free: float) -> None:
    (whole,) = intervals((0, 10))
    assert uncovered(whole, intervals(*covers))[0, 0] == pytest.approx(free)


def test_intervals_that_do_not_meet_overlap_nowhere() -> None:
    first, second = intervals((0, 2), (3, 5))
    assert length(both(first, second))[0, 0] == 0
