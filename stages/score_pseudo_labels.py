"""Score every generation's pseudo-labels against the synthetic cohort's hidden truth."""

import json

from camchex.contract import params, schemas, tables
from camchex.contract.files import digest_of
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.sources.params import ExternalSets
from camchex.synthetic.truth import score_pseudo_labels
from stages import Input, Output, run


def main(pseudo: Input, labels: Input, truth: Input, spread: Input, out: Output) -> None:
    """Write one AUROC per generation and external set, and of which spread that generation is."""
    keys = sorted(params.load("external", ExternalSets))
    classes = params.load("labels", LabelParams).classes
    hidden = tables.read(truth / "truth.parquet", schemas.labels(CXR_LT_2023))
    published = {
        key: tables.read(labels / key / "labels.parquet", schemas.labels(classes)) for key in keys
    }
    scores = {
        folder.name: {
            **score_pseudo_labels(
                pseudo={
                    key: tables.read(folder / f"{key}.parquet", schemas.pseudo_labels(classes))
                    for key in keys
                },
                labels=published,
                truth=hidden,
                classes=classes,
            ),
            "spread_sha256": digest_of(spread / f"{folder.name}.json"),
        }
        for folder in sorted(pseudo.glob("gen*"))
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    run(main)
