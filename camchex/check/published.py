"""Where the data sets are to be had, and how much is in them."""

from collections.abc import Mapping

PAGES: Mapping[str, str] = {
    "mimic_cxr_jpg": "PhysioNet, MIMIC-CXR-JPG 2.x: physionet.org/content/mimic-cxr-jpg",
    "reports": "PhysioNet, MIMIC-CXR, mimic-cxr-reports.zip: physionet.org/content/mimic-cxr",
    "mimic_iv_ed": "PhysioNet, MIMIC-IV-ED 2.2: physionet.org/content/mimic-iv-ed",
    "cxr_lt": "PhysioNet, CXR-LT 2023: physionet.org/content/cxr-lt-iccv-workshop-cvamd",
    "chexpert": "Stanford, CheXpert: stanfordmlgroup.github.io/competitions/chexpert",
    "nih": "NIH Clinical Center, ChestX-ray14: nihcc.app.box.com/v/ChestXray-NIHCC",
    "vindr": "Kaggle, VinBigData Chest X-ray Abnormalities Detection; or PhysioNet, VinDr-CXR",
}
"""Page of each data set; most ask for a training and an agreement first."""

NAMES: Mapping[str, str] = {
    "chexpert": "CheXpert",
    "nih": "NIH ChestX-ray14",
    "vindr": "VinDr-CXR",
}

COUNTS: Mapping[str, Mapping[str, int]] = {
    "metadata": {"images": 377_110, "studies": 227_835, "patients": 65_379},
    "split": {"train": 368_960, "development": 2_991, "test": 5_159},
    "mimic14": {"studies": 227_827},
    "reports": {"studies": 227_835},
    "edstays": {"rows": 425_087},
    "triage": {"rows": 425_087},
    "vitalsign": {"rows": 1_564_610},
    "train": {"images": 264_849, "studies": 160_052, "patients": 45_766},
    "development": {"images": 36_769, "studies": 22_291, "patients": 6_538},
    "test": {"images": 75_492, "studies": 45_492, "patients": 13_075},
    "chexpert": {
        "rows": 223_414,
        "images": 223_414,
        "patients": 64_540,
        "frontal": 191_027,
        "lateral": 32_387,
    },
    "nih": {"rows": 112_120, "images": 112_120, "patients": 30_805},
    "vindr": {"rows": 67_914, "images": 15_000},  # Kaggle: rows are boxes, or readers without any
}
"""Counts by table, of MIMIC-CXR-JPG 2, MIMIC-IV-ED 2.2, CXR-LT 2023, CheXpert 1.0, ChestX-ray14
and VinBigData (method, sections 2 to 5)."""
