"""Label spaces: which findings there are, by name and in order."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from camchex.contract.params import Section, unique

NO_FINDING = "No Finding"

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

CXR_LT_2024_TASK1 = (
    "Adenopathy",
    "Atelectasis",
    "Azygos Lobe",
    "Calcification of the Aorta",
    "Cardiomegaly",
    "Clavicle Fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged Cardiomediastinum",
    "Fibrosis",
    "Fissure",
    "Fracture",
    "Granuloma",
    "Hernia",
    "Hydropneumothorax",
    "Infarction",
    "Infiltration",
    "Kyphosis",
    "Lobar Atelectasis",
    "Lung Lesion",
    "Lung Opacity",
    "Mass",
    "Nodule",
    "Normal",
    "Pleural Effusion",
    "Pleural Other",
    "Pleural Thickening",
    "Pneumomediastinum",
    "Pneumonia",
    "Pneumoperitoneum",
    "Pneumothorax",
    "Pulmonary Embolism",
    "Pulmonary Hypertension",
    "Rib Fracture",
    "Round(ed) Atelectasis",
    "Subcutaneous Emphysema",
    "Support Devices",
    "Tortuous Aorta",
    "Tuberculosis",
)
"""CXR-LT 2024, task 1. ``Normal`` is not ``No Finding``: 34,292 and 41,869 training images."""

CXR_LT_2024_TASK2 = tuple(sorted(name.replace(NO_FINDING, "Normal") for name in CXR_LT_2023))
"""Those of 2023 with ``Normal``; its own files have it before Nodule, so they are read by name."""

CXR_LT_2024_UNSEEN = ("Bulla", "Cardiomyopathy", "Hilum", "Osteopenia", "Scoliosis")
"""Of task 3 only, which is about findings without a label in training."""

CXR_LT_2024_TASK3 = tuple(sorted((*CXR_LT_2024_TASK1, *CXR_LT_2024_UNSEEN)))

SPACES = {
    "cxr-lt-2023": CXR_LT_2023,
    "cxr-lt-2024-task1": CXR_LT_2024_TASK1,
    "cxr-lt-2024-task2": CXR_LT_2024_TASK2,
    "cxr-lt-2024-task3": CXR_LT_2024_TASK3,
    "mimic-14": MIMIC_14,
}
Space = Literal[
    "cxr-lt-2023", "cxr-lt-2024-task1", "cxr-lt-2024-task2", "cxr-lt-2024-task3", "mimic-14"
]


ClassName = Annotated[str, Field(min_length=1)]
OwnSpace = Annotated[tuple[ClassName, ...], Field(min_length=1), AfterValidator(unique)]


class LabelParams(Section):
    """Section ``labels``: which findings are learnt, who is tested, and how unknowns are inferred.

    ``mimic-14`` reads the labels of MIMIC-CXR-JPG, every other space, and a list of one's own,
    the files of CXR-LT.
    """

    space: Space | OwnSpace
    splits: Literal["cxr-lt", "official"]  # official: MIMIC-CXR-JPG's
    imply_no_finding: bool  # a positive finding other than Support Devices means No Finding is 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in output order."""
        return SPACES[self.space] if isinstance(self.space, str) else self.space

    @property
    def reads_cxr_lt(self) -> bool:
        """Whether labels or splits come from the files of CXR-LT."""
        return self.space != "mimic-14" or self.splits == "cxr-lt"
