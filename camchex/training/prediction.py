"""Probabilities of a trained network for a whole data set, outside of any training."""

import numpy as np
import torch
from torch import nn

from camchex.models.tta import flip_average
from camchex.progress import progress
from camchex.runtime import RuntimeParams
from camchex.training.batches import BatchDataset, in_order, to_unit_range
from camchex.training.device import device_of
from camchex.training.samples import Floats

BATCH_SIZE = 32  # changes the speed alone


@torch.inference_mode()
def predict(network: nn.Module, data: BatchDataset, runtime: RuntimeParams) -> Floats:
    """Probabilities averaged over each image and its mirror image, (N, Q), rows as in ``data``.

    Raises:
        ParamsError: If there is no such device.

    Source: method, section 8 (test-time augmentation of CheXFusion and of the release).
    """
    device = device_of(runtime)
    network = network.to(device).eval()
    parts = [
        flip_average(network, batch.to(device).map_images(to_unit_range).inputs).cpu().numpy()
        for batch in progress(in_order(data, BATCH_SIZE, runtime), "predicting")
    ]
    return np.concatenate(parts) if parts else np.empty(data.targets.shape, np.float32)
