"""Mean and standard deviation over seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from camchex.aggregates.results import Results
from camchex.errors import DataError

SCORES = (
    *("mAP", "AP", "AUROC", "mAP_optimism"),
    *("mAP_micro", "mAP_weighted", "AUROC_micro", "AUROC_weighted"),
)
"""Keys whose values depend on the seed; everything else describes the test studies."""
INTERVAL = "_interval"
"""End of a key that holds low and high of a score. The mean over seeds is as wide as for one."""
AGAIN = "Some are stale: run `dvc repro`."


def mean_sd(values: Sequence[float | None]) -> dict[str, float | None]:
    """Mean, and sample standard deviation (None for one value); None where a value is missing."""
    known = [v for v in values if v is not None]
    if len(known) < len(values) or not known:
        return {"mean": None, "sd": None}
    return {"mean": fmean(known), "sd": stdev(known) if len(known) > 1 else None}


def over_seeds(results: Sequence[Results], where: str = "") -> dict[str, object]:
    """Join results of several seeds: scores become mean and sd, everything else must be equal.

    ``where`` is the dotted key of these results, for messages.

    Raises:
        DataError: If they do not have the same keys, or differ in something that is no score.
    """
    keys = list(results[0])
    if any(set(other) != set(keys) for other in results):
        raise DataError(f"metrics of the seeds: {where or 'they'} have other keys. {AGAIN}")
    return {key: _join([r[key] for r in results], f"{where}.{key}".strip(".")) for key in keys}


def _join(values: Sequence[object], where: str) -> object:
    if all(isinstance(v, Mapping) for v in values):
        return over_seeds([v for v in values if isinstance(v, Mapping)], where)
    scores = [v for v in values if v is None or isinstance(v, float)]
    if len(scores) == len(values) and where.rpartition(".")[2] in SCORES:
        return mean_sd(scores)
    if where.endswith(INTERVAL):
        known = [v for v in values if isinstance(v, Sequence)]
        whole = len(known) == len(values)
        return [fmean(ends) for ends in zip(*known, strict=True)] if whole else None
    if any(v != values[0] for v in values):
        raise DataError(f"metrics of the seeds: {where} is {values}, expected the same. {AGAIN}")
    return values[0]
