"""Label spaces: which findings there are, by name and in order."""

from typing import Literal

from camchex.params import Section

CXR_LT_2023 = (
    "Atelectasis",
    "Calcification of the Aorta",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged Cardiomediastinum",
    "Fibrosis",
    "Fracture",
    "Hernia",
    "Infiltration",
    "Lung Lesion",
    "Lung Opacity",
    "Mass",
    "No Finding",
    "Nodule",
    "Pleural Effusion",
    "Pleural Other",
    "Pleural Thickening",
    "Pneumomediastinum",
    "Pneumonia",
    "Pneumoperitoneum",
    "Pneumothorax",
    "Subcutaneous Emphysema",
    "Support Devices",
    "Tortuous Aorta",
)
"""CXR-LT 2023, in the order of its files (alphabetical)."""

MIMIC_14 = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
"""The 14 CheXpert-labeler classes of MIMIC-CXR-JPG; every name is also one of CXR-LT's."""

SPACES = {"cxr-lt-2023": CXR_LT_2023, "mimic-14": MIMIC_14}


class LabelParams(Section):
    """Section ``labels``: which findings are learnt, and how unknowns are inferred."""

    space: Literal["cxr-lt-2023", "mimic-14"]
    imply_no_finding: bool  # a positive finding other than Support Devices means No Finding is 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in output order."""
        return SPACES[self.space]
