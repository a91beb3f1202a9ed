"""Invent the embedded cohort: raw files as published, and the truth that they hide."""

from camchex.contract import params
from camchex.synthetic.make import make_cohort
from camchex.synthetic.params import SyntheticParams
from stages import Output, run


def main(raw: Output, truth: Output) -> None:
    """Write both folders."""
    workers = params.load("runtime.workers", int)
    make_cohort(params.load("synthetic", SyntheticParams), raw, truth, workers)


if __name__ == "__main__":
    run(main)
