"""Score every generation's pseudo-labels against the synthetic cohort's hidden truth."""

from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.files import sha256
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.synthetic.truth import score_pseudo_labels
from stages import Input, Output, run


def main(pseudo: Input, labels: Input, truth: Input, spread: Input, out: Output) -> None:
    """Write one AUROC per generation and external set, and the digest of its spread."""
    keys = sorted(params.load("external", dict[str, object]))
    classes = params.load("labels", LabelParams).classes
    hidden = tables.read(truth / "truth.parquet", schemas.labels(CXR_LT_2023))
    published = {
        key: tables.read(labels / key / "labels.parquet", schemas.labels(classes)) for key in keys
    }
    scores = {}
    for folder in sorted(pseudo.glob("gen*")):
        filled = {
            key: tables.read(folder / f"{key}.parquet", schemas.pseudo_labels(classes))
            for key in keys
        }
        scores[folder.name] = {
            **score_pseudo_labels(filled, published, hidden, classes),
            "spread_sha256": sha256(spread / f"{folder.name}.json"),
        }
    write_results(scores, out)


if __name__ == "__main__":
    run(main)
