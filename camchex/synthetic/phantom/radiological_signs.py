"""The radiological sign of every finding.

No Finding leaves the body unchanged. Consolidation, Pneumonia, Infiltration and Lung Opacity look
alike on purpose: the indication and the vital signs tell what the image does not. A shadow that two
findings share, drawn in the place of their own signs, is in ``shared_shadows``.
"""

from collections.abc import Mapping

import numpy as np

from camchex.synthetic.phantom import lung_signs, other_signs
from camchex.synthetic.phantom.anatomy import Chest
from camchex.synthetic.phantom.lung_signs import RadiologicalSign

# The diaphragm and the heart change first: all other signs lie on them. The comments say which
# views show a sign.
RADIOLOGICAL_SIGNS: Mapping[str, RadiologicalSign] = {
    "Emphysema": lung_signs.emphysema,  # front and side
    "Fibrosis": lung_signs.fibrosis,  # front and side
    "Atelectasis": lung_signs.atelectasis,  # front and side
    "Cardiomegaly": other_signs.cardiomegaly,  # front, less side
    "Enlarged Cardiomediastinum": other_signs.enlarged_cardiomediastinum,  # front
    "Tortuous Aorta": other_signs.tortuous_aorta,  # front and side
    "Calcification of the Aorta": other_signs.calcification_of_the_aorta,  # front and side
    "Hernia": other_signs.hernia,  # side, less front
    "Consolidation": lung_signs.consolidation,  # front and side
    "Pneumonia": lung_signs.pneumonia,  # front and side
    "Infiltration": lung_signs.infiltration,  # front and side
    "Lung Opacity": lung_signs.lung_opacity,  # front, less side
    "Edema": lung_signs.edema,  # front, less side
    "Lung Lesion": lung_signs.lung_lesion,  # front and side
    "Mass": lung_signs.mass,  # front and side
    "Nodule": lung_signs.nodule,  # front and side
    "Pleural Effusion": lung_signs.pleural_effusion,  # front and side
    "Pleural Thickening": lung_signs.pleural_thickening,  # front
    "Pneumothorax": lung_signs.pneumothorax,  # front
    "Pleural Other": lung_signs.pleural_other,  # front and side
    "Pneumomediastinum": other_signs.pneumomediastinum,  # front and side
    "Pneumoperitoneum": other_signs.pneumoperitoneum,  # front and side
    "Subcutaneous Emphysema": other_signs.subcutaneous_emphysema,  # front
    "Fracture": other_signs.fracture,  # front, less side
    "Support Devices": other_signs.support_devices,  # front and side
}


def with_findings(chest: Chest, severities: Mapping[str, float], rng: np.random.Generator) -> Chest:
    """Draw findings into a chest.

    Args:
        chest: The patient's chest.
        severities: In (0, 1] by finding; one that is 0 or not named is not drawn.
        rng: The study's generator: where and how each finding looks in this study.
    """
    for finding, sign in RADIOLOGICAL_SIGNS.items():
        own = np.random.default_rng(rng.integers(2**63))  # one finding does not move another
        if severities.get(finding, 0.0) > 0:
            chest = sign(chest, severities[finding], own)
    return chest
