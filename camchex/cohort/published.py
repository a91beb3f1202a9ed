"""Published facts of the data sets: the page to get each from, and the size of its tables."""

from collections.abc import Mapping

from camchex.aggregates.small_cells import Counts
from camchex.contract.schemas import SPLITS

PAGES: Mapping[str, str] = {
    "mimic_cxr_jpg": "PhysioNet, MIMIC-CXR-JPG 2.x: physionet.org/content/mimic-cxr-jpg",
    "reports": "PhysioNet, MIMIC-CXR, mimic-cxr-reports.zip: physionet.org/content/mimic-cxr",
    "mimic_iv_ed": "PhysioNet, MIMIC-IV-ED 2.2: physionet.org/content/mimic-iv-ed",
    "cxr_lt": "PhysioNet, CXR-LT 2023 or 2024: physionet.org/content/cxr-lt-iccv-workshop-cvamd",
    "chexpert": "Stanford, CheXpert: stanfordmlgroup.github.io/competitions/chexpert",
    "nih": "NIH Clinical Center, ChestX-ray14: nihcc.app.box.com/v/ChestXray-NIHCC",
    "vindr": "Kaggle, VinBigData Chest X-ray Abnormalities Detection; or PhysioNet, VinDr-CXR",
}
"""Page to get each data set from; most ask for a training and an agreement first."""

NAMES: Mapping[str, str] = {
    "chexpert": "CheXpert",
    "nih": "NIH ChestX-ray14",
    "vindr": "VinDr-CXR",
}

OFFICIAL_TEST = "of the official test"
COUNTS: Mapping[str, Mapping[str, int]] = {
    "metadata": {"images": 377_110, "studies": 227_835, "patients": 65_379},
    "split": {"train": 368_960, "development": 2_991, "test": 5_159},
    "mimic14": {"studies": 227_827},
    "curated": {"studies": 687},
    "reports": {"studies": 227_835},
    "edstays": {"rows": 425_087},
    "triage": {"rows": 425_087},
    "vitalsign": {"rows": 1_564_610},
    "chexpert": {
        "rows": 223_414,
        "images": 223_414,
        "patients": 64_540,
        "frontal": 191_027,
        "lateral": 32_387,
    },
    "chexpert_valid": {"rows": 234, "images": 234},
    "nih": {
        "rows": 112_120,
        "images": 112_120,
        "patients": 30_805,
        "frontal": 112_120,
        "lateral": 0,
        OFFICIAL_TEST: 25_596,
    },
    "vindr_kaggle": {"rows": 67_914, "images": 15_000},  # rows: boxes, or readers without any
    "vindr_train": {"rows": 45_000, "images": 15_000},  # rows: readers
    "vindr_test": {"rows": 3_000, "images": 3_000},
}
"""Counts by table of MIMIC-CXR-JPG 2, MIMIC-IV-ED 2.2, CheXpert 1.0, ChestX-ray14 and VinDr-CXR.

Source: docs/method.md, sections 2, 3 and 5.
"""

CXR_LT_COUNTS: Mapping[str, Mapping[str, int]] = {
    "train.csv": {"images": 264_849, "studies": 160_052, "patients": 45_766},
    "development.csv": {"images": 36_769, "studies": 22_291, "patients": 6_538},
    "test.csv": {"images": 75_492, "studies": 45_492, "patients": 13_075},
    "train_labeled.csv": {"images": 258_871, "studies": 155_823, "patients": 45_480},
    "development_labeled_task1.csv": {"images": 39_293},
    "test_labeled_task1.csv": {"images": 78_946},
    "test_labeled_task2.csv": {"images": 406},
}
"""Counts by file of CXR-LT; the first three files are from 2023, the others from 2024.

Source: docs/method.md, sections 4.1 and 4.2.
"""

_TRAIN_POSITIVES: Mapping[str, tuple[int | None, int | None]] = {  # train.csv, train_labeled.csv
    "Atelectasis": (67_597, 65_376),
    "Calcification of the Aorta": (4_361, 4_239),
    "Cardiomegaly": (76_900, 74_738),
    "Consolidation": (16_038, 15_371),
    "Edema": (38_574, 37_256),
    "Emphysema": (4_255, 3_661),
    "Enlarged Cardiomediastinum": (30_119, 29_628),
    "Fibrosis": (1_158, 1_169),
    "Fracture": (11_883, 11_568),
    "Hernia": (4_049, 3_986),
    "Infiltration": (10_218, 10_087),
    "Lung Lesion": (2_533, 2_338),
    "Lung Opacity": (79_931, 77_482),
    "Mass": (5_529, 5_288),
    "No Finding": (41_869, None),
    "Nodule": (7_663, 7_531),
    "Normal": (None, 34_292),
    "Pleural Effusion": (69_240, 66_401),
    "Pleural Other": (675, 616),
    "Pleural Thickening": (3_369, 3_272),
    "Pneumomediastinum": (788, 704),
    "Pneumonia": (48_093, 46_660),
    "Pneumoperitoneum": (543, 516),
    "Pneumothorax": (14_983, 13_858),
    "Subcutaneous Emphysema": (2_453, 2_046),
    "Support Devices": (89_140, 86_079),
    "Tortuous Aorta": (3_499, 3_336),
}
CXR_LT_POSITIVES: Mapping[str, Mapping[str, int]] = {
    file: {name: n for name, row in _TRAIN_POSITIVES.items() if (n := row[i]) is not None}
    for i, file in enumerate(("train.csv", "train_labeled.csv"))
}
"""Positive training images of 26 classes by file, of 2023 and of task 2 of 2024.

Source: docs/method.md, sections 4.1 and 4.2.
"""


def cxr_lt_published(files: Mapping[str, str]) -> Counts:
    """Return the published sizes of each split's file, and its positive images by class.

    Args:
        files: The file's name by split; a name that no release has gives no counts.
    """
    published: dict[str, Counts] = {}
    for split in SPLITS:
        positive = CXR_LT_POSITIVES.get(files[split], {})
        published[split] = {**CXR_LT_COUNTS.get(files[split], {}), "positive_images": positive}
    return published
