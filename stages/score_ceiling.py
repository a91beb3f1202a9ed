"""Score the best possible observers of the synthetic cohort, and the models as a share of them."""

from camchex.aggregates.results import write_results
from camchex.contract import params
from camchex.contract.labels import LabelParams
from camchex.synthetic.ceiling.score import CeilingSettings, score_ceilings
from camchex.synthetic.params import SyntheticParams
from stages import Input, Output, run


def main(
    *,
    cohort: Input,
    truth: Input,
    predictions: Input,
    images: Input,
    indication: Input,
    vitals: Input,
    out: Output,
) -> None:
    """Write mAP and AUROC of each set of modalities, ours, and our share, per split and class."""
    settings = CeilingSettings(
        synthetic=params.load("synthetic", SyntheticParams),
        labels=params.load("labels", LabelParams),
        rule=params.load("vitals.rule", str),
        size=params.load("images.size", int),
        seeds=params.load("seeds", list[int]),
        min_cell=params.load("evaluation.min_cell", int),
    )
    models = {
        "images+indication+vitals": predictions,
        "images": images,
        "indication": indication,
        "vitals": vitals,
    }
    write_results(score_ceilings(cohort, truth / "truth.parquet", models, settings), out)


if __name__ == "__main__":
    run(main)
