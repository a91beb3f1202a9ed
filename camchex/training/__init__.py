"""The one way a network is trained: data order, augmentation, loss, schedule, checkpoints."""
