"""How referring physicians and radiologists write about a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Ways to write about one finding.

    Attributes:
        asked: In a question: these name the finding.
        clues: In a history: these suggest it, without naming it.
        seen: In a radiologist's report.
    """

    asked: Sequence[str]
    clues: Sequence[str]
    seen: str


PHRASES: Mapping[str, Words] = {
    "Atelectasis": Words(
        ("atelectasis", "collapse"),
        ("poor inspiratory effort", "low lung volumes on prior"),
        "bibasilar atelectasis",
    ),
    "Calcification of the Aorta": Words(
        ("aortic calcification",), ("PVD, CAD",), "calcification of the aortic arch"
    ),
    "Cardiomegaly": Words(
        ("cardiomegaly", "enlarged heart"),
        ("h/o cardiomyopathy", "low EF", "BNP elevated"),
        "moderate cardiomegaly",
    ),
    "Consolidation": Words(
        ("consolidation",),
        ("decreased breath sounds", "bronchial breathing"),
        "focal consolidation",
    ),
    "Edema": Words(
        ("edema", "pulmonary edema", "volume overload"),
        ("missed HD", "JVD, crackles", "on lasix"),
        "pulmonary edema",
    ),
    "Emphysema": Words(
        ("emphysema",), ("on home O2", "barrel chest", "100 pack years"), "emphysema"
    ),
    "Enlarged Cardiomediastinum": Words(
        ("widened mediastinum", "mediastinal widening"),
        ("tearing back pain", "unequal pulses"),
        "widening of the mediastinum",
    ),
    "Fibrosis": Words(
        ("fibrosis",), ("clubbing, dry crackles", "amiodarone toxicity"), "reticular fibrosis"
    ),
    "Fracture": Words(
        ("fracture", "fx", "rib fx"),
        ("point tenderness over ribs", "chest wall crepitus"),
        "displaced rib fractures",
    ),
    "Hernia": Words(
        ("hiatal hernia", "hernia"),
        ("reflux, regurgitation", "bowel sounds in chest"),
        "hiatal hernia",
    ),
    "Infiltration": Words(
        ("infiltrate", "infiltrates"), ("rhonchi", "immunosuppressed"), "patchy infiltrates"
    ),
    "Lung Lesion": Words(
        ("lung lesion", "cavitary lesion"), ("abnormal CT", "night sweats"), "cavitary lesion"
    ),
    "Lung Opacity": Words(
        ("opacity", "opacities"), ("abnormal lung exam", "f/u prior CXR"), "hazy opacity"
    ),
    "Mass": Words(
        ("mass", "lung mass"), ("s/p biopsy", "hoarseness", "h/o lobectomy"), "large mass"
    ),
    "Nodule": Words(
        ("nodule", "nodules"), ("screening CT abnormal", "h/o melanoma"), "pulmonary nodule"
    ),
    "Pleural Effusion": Words(
        ("effusion", "effusions", "pleural effusion"),
        ("s/p thoracentesis", "dullness at base", "h/o cirrhosis"),
        "pleural effusion",
    ),
    "Pleural Other": Words(
        ("pleural plaque", "pleural disease"),
        ("shipyard worker", "s/p talc"),
        "calcified pleural plaques",
    ),
    "Pleural Thickening": Words(
        ("pleural thickening",), ("h/o empyema", "s/p decortication"), "pleural thickening"
    ),
    "Pneumomediastinum": Words(
        ("pneumomediastinum",),
        ("retching, then chest pain", "s/p EGD, neck swelling"),
        "pneumomediastinum",
    ),
    "Pneumonia": Words(
        ("PNA", "pneumonia", "pna"),
        ("productive cough", "elevated WBC", "recent aspiration"),
        "pneumonia",
    ),
    "Pneumoperitoneum": Words(
        ("free air", "perforation", "pneumoperitoneum"),
        ("rigid abdomen", "s/p colonoscopy"),
        "free air under the diaphragm",
    ),
    "Pneumothorax": Words(
        ("PTX", "ptx", "pneumothorax"),
        ("sudden pleuritic pain", "absent breath sounds", "s/p lung biopsy"),
        "pneumothorax",
    ),
    "Subcutaneous Emphysema": Words(
        ("subcutaneous emphysema", "subq air"),
        ("crepitus of neck", "air leak"),
        "subcutaneous emphysema",
    ),
    "Support Devices": Words(
        ("line placement", "ETT placement", "NGT placement", "tube position"),
        ("s/p PICC", "pacemaker", "sternotomy", "OGT placed"),
        "tubes and lines in place",
    ),
    "Tortuous Aorta": Words(
        ("aortic aneurysm", "tortuous aorta"),
        ("bruit", "connective tissue disease"),
        "tortuous aorta",
    ),
}
GENERAL_QUESTIONS = (
    "eval for acute process",
    "acute process",
    "any acute cardiopulmonary process",
    "please evaluate",
    "interval change",
    "eval for infection",
    "assess",
)
ASKING = (
    "r/o {}",
    "eval for {}",
    "?{}",
    "evaluate for {}",
    "{}",
    "assess for {}",
    "concern for {}",
)
