"""The report's section on leakage: what labels and scores owe to the indication's words."""

from camchex.aggregates.results import Results
from camchex.report.charts import interval_chart
from camchex.report.markup import (
    bar,
    details,
    number,
    paragraph,
    percent,
    points,
    spread,
    table,
    text,
)

SETS = {
    "labels": "learnt",
    "labels_of_mimic14_classes": "learnt, 14",
    "mimic14": "MIMIC-14",
}
EXPLAINED = (
    "Scored against the labels learnt; the same, of the classes of MIMIC-CXR-JPG only; and "
    "MIMIC-CXR-JPG's own (MIMIC-14), which are mined from findings and impression and cannot see "
    "the indication. What a score loses from the second to the third it may owe to its words."
)
CHANCE_AUROC = 0.5
KINDS = {
    "ruled_out": "Studies in which MIMIC-CXR-JPG rules the finding out: share labelled positive. "
    "Shares that would tell a small count are not shown.",
    "not_seen": "The same where it rules the finding out or does not mention it. A share can then "
    "be higher without any leak: what MIMIC-CXR-JPG missed is named more often too.",
}
MENTIONS = {"asked": "asked for", "stated": "stated"}
CHANGED = {
    "swapped": "another study's indication",
    "masked": "no words for findings",
    "vitals_swapped": "another's vital signs",
    "without_vitals": "no vital signs",
    "without_text": "neither indication nor vital signs",
}
VITALS = {
    "membership": "to know that there was a stay in the emergency department",
    "values": "to know the values besides",
}
SIDES = {"naming_a_finding": "names a finding", "naming_none": "names none"}


def audit_section(audit: Results) -> str:
    """One sentence on whether labels leak, then the tables it rests on."""
    return (
        paragraph(f"<strong>{reading(audit)}</strong>")
        + _headline(audit)
        + _figure(audit)
        + paragraph(EXPLAINED)
        + _baselines(audit)
        + _by_indication(audit)
        + _by_mention(audit)
        + _texts(audit)
        + details("Each class: text alone beside the model (average precision)", _classes(audit))
        + details("Each class: what the words cost (average precision)", _lost_rows(audit))
        + details("Each class: labels where the indication names it", _leak_rows(audit))
    )


def reading(audit: Results) -> str:
    """What the audit says, in one sentence."""
    leak = audit["leak"]
    if leak["found"] is None:
        return (
            "Whether the labels lean on the indication cannot be told: it hardly ever names a "
            "finding that MIMIC-CXR-JPG rules out."
        )
    found = leak["ruled_out"]
    chance = found["excess_shuffled"]
    numbers = (
        f"where the indication names a finding that MIMIC-CXR-JPG rules out, the label is "
        f"positive in {percent(found['share_positive'])} of the cases, {points(found['excess'])} "
        f"more than where it is not named (with indications dealt out at random: "
        f"{points(chance['mean'])} ± {100 * chance['sd']:.1f})"
    )
    if leak["found"]:
        return f"The labels lean on the indication: {numbers}. Part of a score can be owed to it."
    return f"No sign that the labels lean on the indication: {numbers}."


def _figure(audit: Results) -> str:
    """The scores with other texts, against both sets of labels, as dots with intervals."""
    texts = audit["texts"]
    if texts is None:
        return ""
    rows = [
        (f"{CHANGED.get(name, name)}, {SETS[key]}", lost["AUROC"], lost["AUROC_interval"])
        for name in CHANGED
        for key, of in texts["changed"].items()
        if name in of and (lost := of[name]["lost"])["AUROC"] is not None
    ]
    title = "AUROC lost when this model reads"
    return interval_chart(rows, title, "AUROC lost, with intervals", reference=0) if rows else ""


def _baselines(audit: Results) -> str:
    rows = [
        [
            f"{SETS[key]} <small>({found['classes_scored']} classes)</small>: {score}",
            number(found["mean_prevalence"] if score == "mAP" else CHANCE_AUROC),
            *(bounded(found[source], score) for source in ("keywords", "ngrams")),
            _model(found["model"], score),
        ]
        for key, found in audit["baselines"].items()
        for score in ("mAP", "AUROC")
    ]
    caption = (
        "How far the indication goes without an image. Keywords: a finding scores where a word for "
        "it is written. Words and pairs: logistic regressions learnt on the training studies."
    )
    header = ["scored against", "chance", "keywords", "words and pairs", "this model"]
    return table(header, rows, caption)


def _by_indication(audit: Results) -> str:
    studies = audit["test_studies"]
    rows = [
        [
            f"{SETS[key]} <small>({found['classes_scored']} classes)</small>",
            SIDES[side],
            number(found[side]["mean_prevalence"]),
            *(_model(found[side], score) for score in ("mAP", "AUROC")),
        ]
        for key, found in audit["by_indication"].items()
        for side in SIDES
    ]
    caption = (
        f"This model where the indication names a finding ({text(studies['naming_a_finding'])} "
        f"test studies) and where it names none ({text(studies['naming_none'])}; "
        f"{text(studies['without_indication'])} of them have no indication). "
        "Compare AUROC: mAP also follows the prevalence."
    )
    header = ["scored against", "indication", "chance mAP", "mAP", "AUROC"]
    return table(header, rows, caption)


def _by_mention(audit: Results) -> str:
    rows = [
        [
            f"{SETS[key]} <small>({found['classes_scored']} classes)</small>",
            MENTIONS[how],
            text(found["cells"]),
            percent(found["positive"]),
            *(bounded(found["difference"], score, signed=True) for score in ("mAP", "AUROC")),
        ]
        for key, of in audit["by_mention"].items()
        for how, found in of.items()
    ]
    caption = (
        "Pairs of study and finding by how the indication speaks of that very finding, and what "
        "this model scores there less what it scores where it is silent on it, for the same "
        "findings. Question marks are gone from the cleaned text: a finding that was asked for by "
        "one alone counts as stated."
    )
    header = ["scored against", "finding is", "pairs", "positive", "mAP: more", "AUROC: more"]
    return table(header, rows, caption)


def _headline(audit: Results) -> str:
    texts = audit["texts"]
    if texts is None:
        return ""
    found = texts["surviving"]
    gain = bounded(found, "gain", signed=True)
    if found["share"] is None:
        said = (
            f"What texts add to this model's AUROC ({gain}) is not above what other patients "
            "would change, so there is no share of it to tell."
        )
    else:
        said = (
            f"Of what texts add to this model's AUROC ({gain}), a share of "
            f"<strong>{bounded(found, 'share')}</strong> is not owed to words that the labels have "
            "seen: 1 is all of it."
        )
    owed = bounded(found, "owed_to_seen_words", signed=True)
    return paragraph(
        f"{said} Masking the words for findings costs {owed} more AUROC against the labels learnt "
        "than it should by what it costs against MIMIC-14 of the same studies and findings. "
        + _reference(texts)
    )


def _reference(texts: Results) -> str:
    if texts["reference"] == "without_text":
        return (
            "Without texts means this model, given no indication and no vital signs, as it reads a "
            "study that has none; it is no model that was trained on images alone."
        )
    return f"Images alone are the setting {text(texts['reference'])}, trained without texts."


def _texts(audit: Results) -> str:
    texts = audit["texts"]
    if texts is None:
        return paragraph("No study was predicted with other texts for this report.")
    rows = [
        [
            f"{SETS[key]}: {CHANGED.get(name, text(name))}",
            *(
                cell
                for score in ("mAP", "AUROC")
                for cell in (bounded(row, score), bounded(row["lost"], score, signed=True))
            ),
        ]
        for key, of in texts["changed"].items()
        for name, row in of.items()
        if name != "own"
    ]
    caption = "Predicting again with other texts: what this model scores, and what it loses by it."
    header = ["scored against", "mAP", "lost", "AUROC", "lost"]
    vitals = [
        [
            f"{SETS[key]}: {VITALS[name]}",
            *(bounded(row, score, signed=True) for score in ("mAP", "AUROC")),
        ]
        for key, of in texts["vitals"].items()
        for name, row in of.items()
    ]
    return table(header, rows, caption) + table(
        ["scored against", "mAP", "AUROC"], vitals, "What vital signs add to this model."
    )


def _lost_rows(audit: Results) -> str:
    if audit["texts"] is None:
        return paragraph("No study was predicted with other texts for this report.")
    rows = [
        [
            text(name),
            number(row["AP"]),
            *(bounded(row, f"lost_{key}", signed=True) for key in ("masked", "swapped")),
        ]
        for name, row in audit["texts"]["per_class"]["labels"].items()
    ]
    return table(["finding", "AP", "lost: masked", "lost: another's"], rows)


def bounded(row: Results, key: str, *, signed: bool = False) -> str:
    """A value with its bounds."""
    value, ends = row[key], row[f"{key}_interval"]
    if value is None:
        return number(None)
    shown = [f"{v:+.3f}" if signed else number(v) for v in (value, *(ends or ()))]
    if ends is None:
        return shown[0]
    return f'{shown[0]} <span class="sd">({shown[1]} to {shown[2]})</span>'


def _model(row: Results, score: str) -> str:
    """Mean and deviation over seeds, with bounds."""
    ends = row[f"{score}_interval"]
    if ends is None:
        return spread(row[score])
    return f'{spread(row[score])} <span class="sd">({number(ends[0])} to {number(ends[1])})</span>'


def _classes(audit: Results) -> str:
    rows = [
        [text(name)]
        + [
            bar(row[f"{source}_AP"], row["prevalence"], number(row[f"{source}_AP"]))
            for source in ("keywords", "ngrams", "model")
        ]
        for name, row in audit["per_class"].items()
    ]
    return table(["finding", "keywords", "words and pairs", "this model"], rows)


def _leak_rows(audit: Results) -> str:
    header = ["finding", "studies naming it", "positive if named", "positive if not"]
    return "".join(
        table(
            header,
            [
                [
                    text(name),
                    text(row["named"]),
                    percent(row["rate_named"]),
                    percent(row["rate_unnamed"]),
                ]
                for name, row in audit["leak"][kind]["per_class"].items()
            ],
            caption,
        )
        for kind, caption in KINDS.items()
    )
