"""Words of the indication, and single vital signs: which of them moved the number of a finding.

Every method takes the answer of a model to a study, the texts of the study, and the numbers of n
findings, and returns what each part of a text did to the log-odds of each finding, (n, parts).
"""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.explanations.answer import Answer
from camchex.explanations.captum_methods import captum
from camchex.fusion.params import Modality
from camchex.fusion.study_data import reader_of
from camchex.fusion.tokenizer import NO_INDICATION
from camchex.texts.vitals_text import MISSING

Effects = NDArray[np.float64]
STEPS = 16  # of an integral along gradients
BETWEEN = " | "  # of the fields of ``vitals_text``


def words_of(indication: str | None) -> list[str]:
    """Cut a cleaned indication into words; marks between them are words of their own."""
    return (indication or "").split()


def fields_of(vitals: str) -> list[tuple[str, str]]:
    """Cut vital signs as text into titles and values; a value that is not known reads ``NA``."""
    parts = (field.partition(": ") for field in vitals.split(BETWEEN))
    return [(title, value) for title, _, value in parts]


def without_word(indication: str, number: int) -> str | None:
    """Leave one word of an indication out; None if nothing is left."""
    words = words_of(indication)
    return " ".join(words[:number] + words[number + 1 :]) or None


def without_field(vitals: str, number: int) -> str:
    """Make one vital sign unknown."""
    fields = vitals.split(BETWEEN)
    title = fields[number].partition(": ")[0]
    return BETWEEN.join([*fields[:number], f"{title}: {MISSING}", *fields[number + 1 :]])


def words_left_out(
    answer: Answer, texts: tuple[str | None, str], findings: Sequence[int]
) -> Effects:
    """What the number loses when a word is left out."""
    indication, vitals = texts
    changed = [without_word(indication or "", n) for n in range(len(words_of(indication)))]
    return _lost(answer, texts, [(one, vitals) for one in changed], findings)


def words_alone(answer: Answer, texts: tuple[str | None, str], findings: Sequence[int]) -> Effects:
    """What a word adds when it is the only one."""
    indication, vitals = texts
    alone = [(word, vitals) for word in words_of(indication)]
    return -_lost(answer, (None, vitals), alone, findings)


def vitals_left_out(
    answer: Answer, texts: tuple[str | None, str], findings: Sequence[int]
) -> Effects:
    """What the number loses when a vital sign is not known."""
    indication, vitals = texts
    changed = [without_field(vitals, number) for number in range(len(fields_of(vitals)))]
    return _lost(answer, texts, [(indication, one) for one in changed], findings)


def vitals_alone(answer: Answer, texts: tuple[str | None, str], findings: Sequence[int]) -> Effects:
    """What a vital sign adds when it is the only one that is known."""
    indication, vitals = texts
    nothing = [f"{title}: {MISSING}" for title, _ in fields_of(vitals)]
    alone = [
        (indication, BETWEEN.join([*nothing[:number], field, *nothing[number + 1 :]]))
        for number, field in enumerate(vitals.split(BETWEEN))
    ]
    return -_lost(answer, (indication, BETWEEN.join(nothing)), alone, findings)


def words_by_gradients(
    answer: Answer, texts: tuple[str | None, str], findings: Sequence[int]
) -> Effects:
    """Integrated gradients from padding in the place of every word."""
    indication, _ = texts
    words = words_of(indication)
    if not words:
        return np.zeros((len(findings), 0))
    return _by_gradients(answer, "indication", " ".join(words), words, findings)


def vitals_by_gradients(
    answer: Answer, texts: tuple[str | None, str], findings: Sequence[int]
) -> Effects:
    """Integrated gradients from padding in the place of titles and values."""
    pieces = [f"{title}: {value}" for title, value in fields_of(texts[1])]
    parts = list(chain.from_iterable((piece, "|") for piece in pieces))[:-1]
    return _by_gradients(answer, "vitals", texts[1], parts, findings)[:, ::2]


def _lost(
    answer: Answer,
    texts: tuple[str | None, str],
    changed: Sequence[tuple[str | None, str]],
    findings: Sequence[int],
) -> Effects:
    """Log-odds with some texts, less those with each of the changed ones: (n, changed)."""
    reader = reader_of(answer.model)
    all_texts = [texts, *changed]
    tokenizer, device = answer.model.tokenizer, answer.batch.images.device
    indications = [one or NO_INDICATION for one, _ in all_texts]
    with torch.no_grad():
        said = answer.of_texts(
            tokenizer.encode(indications, reader.max_tokens_indication).to(device),
            tokenizer.encode([one for _, one in all_texts], reader.max_tokens_vitals).to(device),
        )[:, list(findings)]
    found: Effects = (said[:1] - said[1:]).T.cpu().numpy()
    return found


def _by_gradients(
    answer: Answer, kind: Modality, text: str, parts: Sequence[str], findings: Sequence[int]
) -> Effects:
    model = answer.model
    reader = reader_of(model)
    most = reader.max_tokens_indication if kind == "indication" else reader.max_tokens_vitals
    ids = model.tokenizer.encode([text], most).ids
    sizes = [int(model.tokenizer.encode([part], most).mask.sum()) for part in parts]
    ends = int(model.tokenizer.encode([""], most).mask.sum())  # [CLS] and [SEP]
    owner = np.repeat(np.arange(len(parts)), [size - ends for size in sizes])
    special = torch.ones_like(ids, dtype=torch.bool)
    special[:, 1 : ids.shape[1] - (ends - 1)] = False
    start = torch.where(special, ids, torch.full_like(ids, model.tokenizer.padding))
    with torch.no_grad():
        given, nothing = model.text.words(ids), model.text.words(start)
    positions = torch.arange(ids.shape[1])

    def forward(embedded: Tensor) -> Tensor:
        mask = torch.ones(embedded.shape[:2], dtype=torch.bool)
        return answer.of_embeddings({kind: model.text.read_out(embedded, mask, positions)})

    method = captum().IntegratedGradients(forward)
    rows = []
    for finding in findings:
        found = method.attribute(given, nothing, target=finding, n_steps=STEPS)[0].sum(1)
        by_token = found[~special[0]].detach().double().numpy()
        rows.append(np.bincount(owner[: len(by_token)], by_token, minlength=len(parts)))
    return np.stack(rows)


Method = Callable[[Answer, tuple[str | None, str], Sequence[int]], Effects]
WORDS: dict[str, Method] = {
    "left_out": words_left_out, "alone": words_alone, "integrated_gradients": words_by_gradients,
}  # fmt: skip
VITALS: dict[str, Method] = {
    "left_out": vitals_left_out, "alone": vitals_alone,
    "integrated_gradients": vitals_by_gradients,
}  # fmt: skip
