from pathlib import Path

import pytest

from camchex.contract import params
from camchex.contract.params import Section
from camchex.errors import ParamsError
from camchex.fusion.params import TextParams
from camchex.fusion.section import FusionParams
from camchex.networks.params import EncoderParams
from camchex.training.params import TrainingParams, load_section
from tests.networks.small import ENCODER, FUSION, TEXT, TRAINING

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("section", "model"),
    [("encoder", EncoderParams), ("text", TextParams), ("fusion", FusionParams)],
)
def test_the_live_parameters_are_accepted(section: str, model: type[Section]) -> None:
    load_section(section, model, ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("model", "valid", "change", "key"),
    [
        (EncoderParams, ENCODER, {"decoder_heads": 3}, "decoder_heads"),
        (EncoderParams, ENCODER, {"position_encoding": "none"}, "position_encoding"),
        (TextParams, TEXT, {"heads": 3}, "heads"),
        (TextParams, TEXT, {"max_tokens_vitals": 2}, "max_tokens_vitals"),
        (FusionParams, FUSION, {"layers": 0}, "layers"),
        (FusionParams, FUSION, {"inputs": []}, "inputs"),
        (FusionParams, FUSION, {"inputs": ["vitals", "vitals"]}, "twice"),
        (FusionParams, FUSION, {"dropout": 1.0}, "dropout"),
        (FusionParams, FUSION, {"text_token": 1}, "text_token"),
        (TrainingParams, TRAINING, {"learning_rate": 0}, "learning_rate"),
        (TrainingParams, TRAINING, {"epochs": 0}, "epochs"),
        (TrainingParams, TRAINING, {"warmup_fraction": 1.0}, "warmup_fraction"),
        (TrainingParams, TRAINING, {"ema_decay": 1.0}, "ema_decay"),
        (TrainingParams, TRAINING, {"clip_norm": 0}, "clip_norm"),
        (TrainingParams, TRAINING, {"precision": "16"}, "precision"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_its_key(
    model: type[Section], valid: dict[str, object], change: dict[str, object], key: str
) -> None:
    params.validate(valid, model, where="section")
    with pytest.raises(ParamsError, match=key):
        params.validate(valid | change, model, where="section")
