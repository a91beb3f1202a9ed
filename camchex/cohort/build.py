"""The cohort: one row per study, with its images, texts and labels."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts, Share
from camchex.cohort.contradictions import cohort_schemas, labels_with_study, require_sound
from camchex.cohort.views import with_decided_views
from camchex.cohort.vital_signs import Ranges
from camchex.contract import schemas, tables
from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import SPLITS
from camchex.errors import DataError
from camchex.sources.csv.lookup import positions, values_of
from camchex.sources.csv.matches import require_matches

MANY = 5  # studies with this many images or more are counted together
STUDY_COLUMNS = schemas.COHORT_STUDY.append(pa.field("labelled_image", pa.string()))


@dataclass(frozen=True)
class CohortInputs:
    """The canonical tables of the cohort's data set."""

    images: pa.Table  # schemas.IMAGES
    labels: pa.Table  # schemas.labels, equal for the images of a study
    studies: pa.Table  # schemas.STUDIES
    mimic14: pa.Table  # schemas.study_labels(MIMIC_14); a study may be missing
    indications: pa.Table  # schemas.INDICATIONS; a study may be missing
    vitals: pa.Table  # schemas.VITALS, with every study
    # schemas.VIEWS: what a classifier says of images of unknown view
    views: pa.Table = field(default_factory=schemas.VIEWS.empty_table)

    def by_place(self) -> dict[str, pa.Table]:
        """Return the tables of ``contradictions.cohort_schemas``."""
        return {name: getattr(self, name.rpartition("/")[2]) for name in cohort_schemas(())}


def build_cohort(
    inputs: CohortInputs,
    prepared: Iterable[str],
    classes: Sequence[str],
    ranges: Ranges | None = None,
) -> tuple[pa.Table, Counts]:
    """Join everything that is known of each study into one row.

    A study in no split, or without any prepared image, is left out and counted.

    Args:
        inputs: The tables.
        prepared: Ids of the images that could be decoded.
        classes: The label space.
        ranges: Plausible vital signs, or None to accept any.

    Returns:
        ``schemas.cohort(classes)``, and counts (aggregates, small cells not hidden).

    Raises:
        DataError: If a table is not what ``rules`` say, if tables contradict each other (see
            ``contradictions``), or if nothing is left.
    """
    studies = inputs.studies
    require_sound(inputs.by_place(), classes, ranges)
    labels = labels_with_study(inputs.images, inputs.labels)
    found = pa.table({"image_id": pa.array(sorted(set(prepared)), pa.string())})
    require_matches(("prepared images", found), ("images", inputs.images), ["image_id"])
    images, views = with_decided_views(inputs.images, inputs.views)
    queried = {
        "images": images,
        "prepared": found,
        "labels": inputs.labels,
        "studies": studies,
        "indications": inputs.indications,
        "vitals": inputs.vitals,
    }
    rows = tables.run_sql("cohort/cohort.sql", queried, STUDY_COLUMNS)
    if not rows.num_rows:
        raise DataError(
            "cohort: no study has both a split and a prepared image. Do the labels, the images "
            "and the prepared images come from the same release?"
        )
    learnt = positions(rows["labelled_image"], inputs.labels["image_id"])
    published = positions(rows["study_id"], inputs.mimic14["study_id"])
    columns = {f.name: rows[f.name] for f in schemas.COHORT_STUDY}
    columns |= {name: inputs.labels[name].take(learnt) for name in classes}
    columns |= {f"mimic14.{name}": inputs.mimic14[name].take(published) for name in MIMIC_14}
    cohort = pa.table(columns).cast(schemas.cohort(classes))
    left_out = pc.is_null(positions(studies["study_id"], cohort["study_id"]))
    no_split = pc.is_null(studies["split"])
    return cohort, {
        "studies": studies.num_rows,
        "left_out": {
            "no_split": _number(no_split),
            "no_prepared_image": _number(pc.and_(left_out, pc.invert(no_split))),
        },
        "images": inputs.images.num_rows,
        "views_by_classifier": views,
        "images_not_prepared": positions(inputs.images["image_id"], found["image_id"]).null_count,
        "splits": {
            split: _count_split(
                cohort.filter(pc.equal(cohort["split"], split)), labels, inputs, classes
            )
            for split in SPLITS
        },
    }


def _count_split(
    part: pa.Table, labels: pa.Table, inputs: CohortInputs, classes: Sequence[str]
) -> Counts:
    views = Counter(pc.list_flatten(part["views"]).to_pylist())
    sizes = Counter(min(n, MANY) for n in pc.list_value_length(part["views"]).to_pylist())
    stay = values_of(part["study_id"], inputs.vitals, "study_id", "stay_id")
    suspected = values_of(part["study_id"], inputs.indications, "study_id", "findings_suspected")
    # Labels of all images of the split's studies, prepared or not.
    images = labels.filter(pc.is_valid(positions(labels["study_id"], part["study_id"])))
    return {
        "studies": part.num_rows,
        "patients": pc.count_distinct(part["patient_id"]).as_py(),
        "images": {view: views[view] for view in ("frontal", "lateral")},
        "studies_by_images": {
            f"{n}{' or more' if n == MANY else ''}": sizes[n] for n in range(1, MANY + 1)
        },
        "without_indication": part["indication"].null_count,
        "indication_reads_like_findings": _number(suspected),
        "outside_ed_stay": stay.null_count,
        "without_mimic14": positions(part["study_id"], inputs.mimic14["study_id"]).null_count,
        "positive": {name: _positive_share(part[name]) for name in classes},
        "positive_images": {name: _positive_share(images[name]) for name in classes},
    }


def _positive_share(labels: pa.ChunkedArray) -> Share:
    """Count the positive labels among the known ones."""
    return Share(_number(labels), len(labels) - labels.null_count)


def _number(flags: pa.Array | pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
