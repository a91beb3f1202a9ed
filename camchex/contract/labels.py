"""Label spaces: the findings to be learnt, by name and in order."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from camchex.contract.params import Section, unique

NO_FINDING = "No Finding"
NORMAL = "Normal"  # of CXR-LT 2024: another label, never taken for No Finding

CXR_LT_2023 = (
    *("Atelectasis", "Calcification of the Aorta", "Cardiomegaly", "Consolidation", "Edema"),
    *("Emphysema", "Enlarged Cardiomediastinum", "Fibrosis", "Fracture", "Hernia", "Infiltration"),
    *("Lung Lesion", "Lung Opacity", "Mass", "No Finding", "Nodule", "Pleural Effusion"),
    *("Pleural Other", "Pleural Thickening", "Pneumomediastinum", "Pneumonia", "Pneumoperitoneum"),
    *("Pneumothorax", "Subcutaneous Emphysema", "Support Devices", "Tortuous Aorta"),
)
"""Classes of CXR-LT 2023, in the order of its files (alphabetical)."""

MIMIC_14 = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum"),
    *("Fracture", "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other"),
    *("Pneumonia", "Pneumothorax", "Support Devices"),
)
"""Classes of MIMIC-CXR-JPG's labels (CheXpert labeler); each is also a class of CXR-LT 2023."""

CXR_LT_2024_TASK2 = tuple(sorted(name.replace(NO_FINDING, NORMAL) for name in CXR_LT_2023))
"""Classes of 2023, with ``Normal``. The files of the task have it before Nodule: read by name."""

CXR_LT_2024_TASK1 = tuple(
    sorted(
        (
            *CXR_LT_2024_TASK2,
            *("Adenopathy", "Azygos Lobe", "Clavicle Fracture", "Fissure", "Granuloma"),
            *("Hydropneumothorax", "Infarction", "Kyphosis", "Lobar Atelectasis"),
            *("Pulmonary Embolism", "Pulmonary Hypertension", "Rib Fracture"),
            *("Round(ed) Atelectasis", "Tuberculosis"),
        )
    )
)
"""Classes of task 1. ``Normal`` is not ``No Finding``: 34,292 and 41,869 training images."""

CXR_LT_2024_UNSEEN = ("Bulla", "Cardiomyopathy", "Hilum", "Osteopenia", "Scoliosis")
"""Classes of task 3 only, which is about findings without a label in training."""

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


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse names that differ in capitals only, which DuckDB takes for one column."""
    unique(tuple(name.casefold() for name in names))
    return names


ClassName = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]
Classes = Annotated[tuple[ClassName, ...], Field(min_length=1), AfterValidator(_told_apart)]
"""Distinct names in the order of the outputs, each on one line and without blanks around it."""


class LabelParams(Section):
    """Section ``labels``: which findings are learnt, who is tested, and how unknowns are inferred.

    The labels of the space ``mimic-14`` are those of MIMIC-CXR-JPG. Those of every other space, and
    of a list of names, are read from the files of CXR-LT.
    """

    #: a published label space, or a list of classes in the order of the outputs
    space: Space | Classes
    #: who is tested: the splits of CXR-LT, or the official one of MIMIC-CXR-JPG
    splits: Literal["cxr-lt", "official"]
    imply_no_finding: bool  #: a positive finding other than Support Devices means No Finding is 0

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in output order."""
        return SPACES[self.space] if isinstance(self.space, str) else self.space

    @property
    def reads_cxr_lt(self) -> bool:
        """Whether labels or splits come from the files of CXR-LT."""
        return self.space != "mimic-14" or self.splits == "cxr-lt"
