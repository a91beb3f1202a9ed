"""Pseudo-labels by external set and generation: the mean and the width of what was filled in."""

from collections.abc import Mapping

from camchex.aggregates.results import Results


def filled_labels(generations: Mapping[str, Results]) -> dict[str, dict[str, Results]]:
    """Probabilities that each generation gave to unknown labels.

    Args:
        generations: Quantiles by generation, external set and class, as
            ``metrics/pseudo_labels/gen<g>.json`` holds them; a class with few labels has none.

    Returns:
        By external set and generation: ``classes`` as given; ``mean``, the mean over the filled
        labels of all classes; and ``width``, the mean over them of the distance of the 5 % from
        the 95 % quantile of their class. Both are None where no class has quantiles.
    """
    sets = list(next(iter(generations.values())))
    return {
        name: {
            generation: {
                "classes": found[name]["classes"],
                "mean": _weighted(found[name], "mean"),
                "width": _weighted(found[name], "q95", "q05"),
            }
            for generation, found in generations.items()
        }
        for name in sets
    }


def _weighted(found: Results, upper: str, lower: str | None = None) -> float | None:
    """Mean over the filled labels of a quantity of their class, or of a difference of two."""
    rows = [row for row in found["classes"].values() if upper in row]
    if not rows:
        return None
    total = sum(row["predicted"] for row in rows)
    values = (row["predicted"] * (row[upper] - (row[lower] if lower else 0)) for row in rows)
    return float(sum(values) / total)
