"""The table of explanations beside their baselines, and the choice of what is offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results
from camchex.explanations import maps, texts
from camchex.explanations.contributions import INPUTS
from camchex.explanations.measured.examples import examples
from camchex.explanations.measured.judged import Measured, judged, means
from camchex.explanations.measured.known_evidence import (
    KNOWN,
    Floats,
    agreement,
    cohort_contributions,
    generator_evidence,
)
from camchex.explanations.measured.pointing import ENERGY, HIT
from camchex.explanations.measured.studies import (
    UNTRAINED,
    Files,
    Found,
    Opened,
    Wanted,
    measure,
    opened,
)
from camchex.runs.processes import in_processes
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams
from camchex.synthetic.ceiling.measured_signs import first_of_each

KINDS = ("maps", "words", "vitals")
CANDIDATES = {
    "maps": tuple(maps.METHODS),
    "words": tuple(texts.WORDS),
    "vitals": tuple(texts.VITALS),
}
DECISIVE = {"maps": ENERGY, "words": HIT, "vitals": HIT}
DOES = "explains studies"
VIEWS = ("frontal", "lateral")
SPLIT = "larger contribution"


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        chosen_on: Development studies on which methods are compared, drawn by ``seed``.
        signs: Signs of each finding on whose maps the chosen method is judged, at least, as far as
            the test studies have them; studies are drawn by ``seed``.
        seed: Of the order of the studies.
    """

    chosen_on: int = 40
    signs: int = 20
    seed: int = 0


def measure_explanations(files: Files, extent: Extent, runtime: RuntimeParams) -> Results:
    """Compare all methods on development studies, and judge the best of each kind on test studies.

    Args:
        files: The model and its cohort.
        extent: How much is measured.
        runtime: Section ``runtime``.

    Returns:
        ``candidates``: scores of all methods on the development studies; ``methods``: the best of
        each kind; then ``maps``, ``words``, ``vitals``, ``contributions`` of inputs and of the two
        ``views`` on test studies, with a verdict for each finding.
    """
    held = opened(files)
    order = np.random.default_rng(extent.seed).permutation(len(held.samples))
    splits = np.array(held.samples.splits)
    development = [int(n) for n in order if splits[n] == "development"][: extent.chosen_on]
    wanted = [Wanted(n, tuple(maps.METHODS), tuple(texts.WORDS), tuple(texts.VITALS))
              for n in development]  # fmt: skip
    compared = _measure(wanted, files, runtime.workers)
    candidates = {kind: means(_rows(compared, kind)) for kind in KINDS}
    methods = {
        kind: max(CANDIDATES[kind], key=lambda name: (candidates[kind][name][HIT], name))
        for kind in KINDS
    }
    test = [int(n) for n in order if splits[n] == "test"]
    shown = _with_signs(held, test, extent.signs)
    found = _measure(
        [
            Wanted(
                n,
                maps=(methods["maps"],) if n in shown else (),
                words=(methods["words"],),
                vitals=(methods["vitals"],),
                untrained=True,
            )
            for n in test
        ],
        files,
        runtime.workers,
    )
    rows = {kind: judged(_rows(found, kind), methods[kind], DECISIVE[kind]) for kind in KINDS}
    inputs, views = _contributions(held, test, found, runtime)
    return {
        "candidates": {"studies": len(development), **candidates},
        "methods": methods,
        **rows,
        "examples": examples(held, _rows(found, "maps"), rows["maps"]["findings"], methods["maps"]),
        "contributions": inputs,
        "views": views,
    }


def _with_signs(held: Opened, test: Sequence[int], signs: int) -> set[int]:
    """The first studies that hold so many signs of every finding, or all that there are."""
    ids = [held.samples.study_ids[n] for n in test]
    wanted = {study.study_id for study in first_of_each([held.invented[i] for i in ids], signs)}
    return {n for n, study_id in zip(test, ids, strict=True) if study_id in wanted}


def _measure(wanted: Sequence[Wanted], files: Files, workers: int) -> list[Found]:
    work = in_processes(partial(measure, files=files), wanted, workers, DOES)
    return list(progress(work, "explaining", len(wanted)))


def _rows(found: Sequence[Found], kind: str) -> list[Measured]:
    return [row for one in found for row in getattr(one, kind)]


def _contributions(
    held: Opened, test: Sequence[int], found: Sequence[Found], runtime: RuntimeParams
) -> tuple[Results, Results]:
    """Judge the contributions of inputs, and the split of those of the images between views."""
    samples, classes = held.samples.take(test), held.model.classes
    one = runtime.model_copy(update={"workers": 0, "devices": 1})
    ours, random = (
        cohort_contributions(model, samples, one) for model in (held.model, held.untrained)
    )
    place = pc.index_in(pa.array(samples.study_ids), held.table["study_id"].combine_chunks())
    truth = [held.invented[study_id].truth for study_id in samples.study_ids]
    drawn = np.array([[float(row[name]) for name in classes] for row in truth])
    known = generator_evidence(held.generator, held.table.take(place), drawn, classes)
    inputs = {"studies": len(test), "findings": agreement(ours, known, random, classes)}
    rows = _clearer_views(found, {SPLIT: ours, f"{SPLIT}, {UNTRAINED}": random}, classes)
    return inputs, judged(rows, SPLIT, HIT)


def _clearer_views(
    found: Sequence[Found], contributions: Mapping[str, Floats], classes: Sequence[str]
) -> list[Measured]:
    """Whether the view that contributed more is the one that shows more of a drawn sign."""
    frontal, lateral = (INPUTS.index(view) for view in VIEWS)
    rows = []
    for number, one in enumerate(found):
        for name, view in one.clearer.items():
            if name not in classes:
                continue
            finding = classes.index(name)
            said = {
                kind: VIEWS[int(of[number, lateral, finding] > of[number, frontal, finding])]
                for kind, of in contributions.items()
            }
            said |= {f"always {fixed}": fixed for fixed in VIEWS}
            scored = {kind: {HIT: float(guess == view)} for kind, guess in said.items()}
            rows.append(Measured(number, name, "", scored))
    return rows


def table_text(results: Results) -> str:
    """The results as Markdown; of boxes there are only maps."""
    parts = [f"# {results['title']}", _introduction(results)]
    for kind, title in TITLES.items():
        parts += [f"## {title}", *_section(results, kind)] if kind in results else []
    if "contributions" in results:
        parts += ["## Inputs", *_inputs(results["contributions"])]
        parts += ["## Frontal and lateral images apart", *_on_test(results["views"], [HIT])]
    return "\n\n".join(parts) + "\n"


TITLES = {"maps": "Maps", "words": "Words of the indication", "vitals": "Vital signs"}


def _introduction(results: Results) -> str:
    invented = results["data"] == "synthetic"
    data = "Synthetic data" if invented else "Boxes that readers drew on real images"
    units = "development studies" if invented else "images"
    judged_on = "test studies" if invented else "other images"
    return (
        f"{data}; the model is {results['model']}. Methods were compared on "
        f"{results['candidates']['studies']} {units}, and the best of each kind was judged on "
        f"{judged_on}: maps on {results['maps']['all']['studies']}, drawn by seed. "
        "docs/explain.md says what is measured. An explanation of a finding is shown to "
        "users where it is better than every baseline, and clearly so."
    )


def _section(results: Results, kind: str) -> list[str]:
    candidates = results["candidates"][kind]
    scores = list(next(iter(candidates.values())))
    chosen = results["methods"][kind]
    rows = [
        [f"**{name}**" if name == chosen else name, *(f"{one[s]:.3f}" for s in scores)]
        for name, one in candidates.items()
    ]
    return [
        "Candidates and baselines:",
        markdown_table(["", *scores], rows),
        *_on_test(results[kind], scores),
    ]


def _on_test(found: Results, scores: Sequence[str]) -> list[str]:
    cells = [
        [name, *(f"{one[s]:.3f}" for s in scores)] for name, one in found["all"]["means"].items()
    ]
    parts = [
        f"`{found['method']}`, judged on {found['all']['places']} places to hit:",
        markdown_table(["", *scores], cells),
    ]
    for view, one in found["by_view"].items():
        cells = [[name, *(f"{values[s]:.3f}" for s in scores)] for name, values in one.items()]
        parts += [f"Of these, {view} images:", markdown_table(["", *scores], cells)]
    header = ["finding", "studies", *scores, "nearest baseline", *(f"its {s}" for s in scores)]
    cells = [_verdict_cells(name, one, scores) for name, one in found["findings"].items()]
    return [*parts, markdown_table([*header, "lead, at least", "shown"], cells)]


def _verdict_cells(name: str, one: Results, scores: Sequence[str]) -> list[str]:
    return [
        name,
        str(one["studies"]),
        *(f"{one['scores'][s]:.3f}" for s in scores),
        one["baseline"],
        *(f"{one['baseline_scores'][s]:.3f}" for s in scores),
        f"{one['lead_at_least']:+.3f}",
        "yes" if one["shown"] else "no",
    ]


def _inputs(found: Results) -> list[str]:
    rows = [
        [
            name,
            *(f"{one['correlation'][c]:+.2f} ({one['at_least'][c]:+.2f})" for c in KNOWN),
            *(f"{one['random_weights'][c]:+.2f}" for c in KNOWN),
            "yes" if one["shown"] else "no",
        ]
        for name, one in found["findings"].items()
    ]
    header = ["finding", *KNOWN, *(f"{name}, {UNTRAINED}" for name in KNOWN), "shown"]
    return [
        "Rank correlation of contributions with what the generator knows of each input, over "
        f"{found['studies']} studies (at least):",
        markdown_table(header, rows),
    ]
