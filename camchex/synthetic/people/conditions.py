"""Why patients come: what each condition makes likely, and how often each finding then occurs.

A study has one condition. Given the condition, findings are independent; an intercept per finding
is solved for, so that over a split's mix of conditions every prevalence is the one asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camchex.synthetic.params import DRAWN

UNRELATED = -1.2  # log-odds of a finding in a condition that does not name it
STEPS = 60  # of the bisection: far below the precision of a float


@dataclass(frozen=True)
class Condition:
    """One reason for a chest X-ray.

    Attributes:
        share: Of the studies.
        findings: Log-odds above the finding's intercept.
        vitals: Shift of each sign's mean, in its published unit.
        complaints: As the triage nurse writes them.
        histories: As the referring physician writes them.
    """

    share: float
    findings: Mapping[str, float]
    vitals: Mapping[str, float]
    complaints: Sequence[str]
    histories: Sequence[str]


CONDITIONS: Mapping[str, Condition] = {
    "checkup": Condition(
        0.16,
        dict.fromkeys(DRAWN, -3.0),
        {},
        ("Chest pain", "Dizziness", "Palpitations", "Weakness", "Headache"),
        ("chest pain", "palpitations", "weakness", "positive PPD", "pre-op eval", "dizziness"),
    ),
    "infection": Condition(
        0.15,
        {"Pneumonia": 2.6, "Consolidation": 1.8, "Infiltration": 1.8, "Lung Opacity": 1.4,
         "Pleural Effusion": 0.6, "Atelectasis": 0.2},
        {"temperature": 0.5, "heartrate": 6, "resprate": 1, "o2sat": -0.5},
        ("Fever", "Cough", "Dyspnea", "Fever, Cough", "ILI"),
        ("cough", "fever and cough", "productive cough x 3 days", "URI symptoms", "fevers, chills",
         "leukocytosis"),
    ),
    "heart failure": Condition(
        0.14,
        {"Edema": 2.6, "Cardiomegaly": 2.3, "Pleural Effusion": 1.8, "Lung Opacity": 0.6,
         "Atelectasis": 0.6, "Support Devices": 0.3, "Enlarged Cardiomediastinum": 0.5},
        {"heartrate": 4, "resprate": 2, "o2sat": -1, "sbp": 8},
        ("Dyspnea", "SHORTNESS OF BREATH", "Leg swelling", "Dyspnea on exertion"),
        ("CHF, SOB", "h/o CHF", "worsening dyspnea on exertion", "leg swelling, orthopnea", "ESRD"),
    ),
    "airways": Condition(
        0.07,
        {"Emphysema": 3.2, "Infiltration": 0.6, "Nodule": 0.5, "Pneumothorax": 0.4,
         "Pleural Thickening": 0.5},
        {"resprate": 2, "o2sat": -2, "heartrate": 4},
        ("Dyspnea", "Wheezing", "COPD exacerbation", "Cough"),
        ("COPD", "COPD w/ SOB", "wheezing", "asthma exacerbation", "long smoking history"),
    ),
    "tumour": Condition(
        0.09,
        {"Mass": 3.2, "Nodule": 3.0, "Lung Lesion": 3.0, "Pleural Effusion": 0.9,
         "Enlarged Cardiomediastinum": 0.8, "Pleural Other": 0.8, "Lung Opacity": 0.3},
        {"heartrate": 4, "temperature": -0.1},
        ("Weight loss", "Hemoptysis", "Abnormal CT", "Cough"),
        ("lung cancer", "NSCLC s/p chemo", "metastatic breast ca", "weight loss, hemoptysis",
         "lymphoma"),
    ),
    "trauma": Condition(
        0.09,
        {"Fracture": 3.6, "Pneumothorax": 1.8, "Subcutaneous Emphysema": 2.4,
         "Pneumomediastinum": 2.0, "Lung Opacity": 0.2, "Pleural Effusion": 0.2},
        {"heartrate": 8, "sbp": 2},
        ("s/p Fall", "MVC", "Rib pain", "Trauma", "s/p Assault"),
        ("s/p fall", "MVC", "rib pain s/p fall", "trauma", "s/p assault with chest wall pain"),
    ),
    "intensive care": Condition(
        0.14,
        {"Support Devices": 3.6, "Atelectasis": 1.8, "Pleural Effusion": 1.5, "Lung Opacity": 1.2,
         "Pneumothorax": 1.4, "Edema": 1.0, "Subcutaneous Emphysema": 1.6, "Consolidation": 0.8,
         "Pneumomediastinum": 1.6, "Enlarged Cardiomediastinum": 0.9, "Cardiomegaly": 0.7},
        {"heartrate": 8, "resprate": 1, "sbp": -8},
        ("Altered mental status", "Hypotension", "Respiratory distress", "Transfer"),
        ("intubated", "s/p CABG", "s/p line placement", "respiratory failure", "s/p VATS",
         "POD 2", "s/p chest tube removal"),
    ),
    "abdomen": Condition(
        0.05,
        {"Pneumoperitoneum": 4.2, "Hernia": 2.2, "Atelectasis": 1.0, "Pleural Effusion": 0.4},
        {"heartrate": 6, "temperature": 0.2},
        ("Abd pain", "Epigastric pain", "N/V", "GERD"),
        ("abdominal pain", "epigastric pain", "s/p laparoscopic surgery", "vomiting", "dysphagia"),
    ),
    "old age": Condition(
        0.06,
        {"Tortuous Aorta": 3.4, "Calcification of the Aorta": 3.4, "Hernia": 2.2,
         "Cardiomegaly": 0.8, "Enlarged Cardiomediastinum": 0.9, "Fracture": 0.3},
        {"sbp": 14, "dbp": 2},
        ("Hypertension", "Chest pain", "Syncope", "Weakness"),
        ("HTN, chest pain", "syncope", "hypertensive urgency", "confusion", "h/o AAA"),
    ),
    "scarring": Condition(
        0.05,
        {"Fibrosis": 4.0, "Pleural Thickening": 3.0, "Pleural Other": 3.2, "Emphysema": 0.5,
         "Infiltration": 0.6},
        {"resprate": 2, "o2sat": -1.5},
        ("Dyspnea", "Cough", "Hypoxia"),
        ("pulmonary fibrosis", "asbestos exposure", "h/o TB", "chronic dyspnea", "ILD"),
    ),
}  # fmt: skip
NAMES = tuple(CONDITIONS)


def shares() -> NDArray[np.float64]:
    """(K,) share of each condition, in the order of ``NAMES``."""
    given = np.array([condition.share for condition in CONDITIONS.values()])
    return np.asarray(given / given.sum())


def probabilities(prevalence: Mapping[str, float], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each finding given each condition.

    Args:
        prevalence: Over all conditions, by finding.
        mix: (K,) share of each condition.

    Returns:
        (K, F): rows in the order of ``NAMES``, columns in that of ``DRAWN``.
    """
    weights = np.array([[c.findings.get(f, UNRELATED) for f in DRAWN] for c in CONDITIONS.values()])
    target = np.array([prevalence[finding] for finding in DRAWN])
    low, high = np.full(len(DRAWN), -30.0), np.full(len(DRAWN), 30.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        over = mix @ _sigmoid(middle + weights) > target
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return _sigmoid((low + high) / 2 + weights)


def draw_findings(chances: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw findings such that each occurs as often as expected, to within one study.

    Systematic sampling over a random order of the studies: each study keeps exactly its own
    probability, and findings are independent of each other given these.

    Args:
        chances: (N, F) probability of each finding in each study.
        rng: Draws the order and the start.

    Returns:
        (N, F).
    """
    present = np.zeros(chances.shape, np.bool_)
    for column in range(chances.shape[1]):
        order = rng.permutation(len(chances))
        marks = np.floor(np.cumsum(chances[order, column]) + rng.random())
        present[order, column] = np.diff(marks, prepend=0) > 0
    return present


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)))
