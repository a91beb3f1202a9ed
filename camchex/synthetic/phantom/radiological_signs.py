"""The radiological sign of every finding, and the views that it shows in.

=============================  ===========================================  ==================
finding                        what changes in the body                     shows from
=============================  ===========================================  ==================
Atelectasis                    plates of collapsed lung, raised diaphragm   front and side
Calcification of the Aorta     chalk around the arch and down the aorta     front and side
Cardiomegaly                   heart wider and deeper                       front, less side
Consolidation                  one dense homogeneous body, sharp edge       front and side
Edema                          haze around both hila, basal lines           front, less side
Emphysema                      dark long lungs, flat diaphragm              front and side
Enlarged Cardiomediastinum     wide upper mediastinum                       front
Fibrosis                       net of strands in both lower lungs           front and side
Fracture                       gap, displaced ends, haematoma of ribs       front, less side
Hernia                         gas over fluid behind the heart              side, less front
Infiltration                   many small spots in one lung                 front and side
Lung Lesion                    dense ring around air                        front and side
Lung Opacity                   large haze without an edge                   front, less side
Mass                           one large ball                               front and side
Nodule                         one to three small dense balls               front and side
Pleural Effusion               fluid around the lung's base                 front and side
Pleural Other                  calcified plaques on wall and diaphragm      front and side
Pleural Thickening             rind over one lung                           front
Pneumomediastinum              streaks of air in mediastinum and neck       front and side
Pneumonia                      ill-defined confluent patches in one zone    front and side
Pneumoperitoneum               crescent of air under the diaphragm          front and side
Pneumothorax                   air around a shrunken lung, pleural line     front
Subcutaneous Emphysema         streaks of air in one flank and the neck     front
Support Devices                tubes, lines, pacemaker, wires               front and side
Tortuous Aorta                 large arch, aorta bent to the left           front and side
=============================  ===========================================  ==================

No Finding leaves the body unchanged. Consolidation, Pneumonia, Infiltration and Lung Opacity look
alike on purpose: the indication and the vital signs tell what the image does not.
"""

from collections.abc import Mapping

import numpy as np

from camchex.synthetic.phantom import lung_signs, other_signs
from camchex.synthetic.phantom.anatomy import Chest
from camchex.synthetic.phantom.lung_signs import RadiologicalSign

# The diaphragm and the heart change first: all other signs lie on them.
RADIOLOGICAL_SIGNS: Mapping[str, RadiologicalSign] = {
    "Emphysema": lung_signs.emphysema,
    "Fibrosis": lung_signs.fibrosis,
    "Atelectasis": lung_signs.atelectasis,
    "Cardiomegaly": other_signs.cardiomegaly,
    "Enlarged Cardiomediastinum": other_signs.enlarged_cardiomediastinum,
    "Tortuous Aorta": other_signs.tortuous_aorta,
    "Calcification of the Aorta": other_signs.calcification_of_the_aorta,
    "Hernia": other_signs.hernia,
    "Consolidation": lung_signs.consolidation,
    "Pneumonia": lung_signs.pneumonia,
    "Infiltration": lung_signs.infiltration,
    "Lung Opacity": lung_signs.lung_opacity,
    "Edema": lung_signs.edema,
    "Lung Lesion": lung_signs.lung_lesion,
    "Mass": lung_signs.mass,
    "Nodule": lung_signs.nodule,
    "Pleural Effusion": lung_signs.pleural_effusion,
    "Pleural Thickening": lung_signs.pleural_thickening,
    "Pneumothorax": lung_signs.pneumothorax,
    "Pleural Other": lung_signs.pleural_other,
    "Pneumomediastinum": other_signs.pneumomediastinum,
    "Pneumoperitoneum": other_signs.pneumoperitoneum,
    "Subcutaneous Emphysema": other_signs.subcutaneous_emphysema,
    "Fracture": other_signs.fracture,
    "Support Devices": other_signs.support_devices,
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
