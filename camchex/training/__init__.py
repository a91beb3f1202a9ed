"""Noisy student, view finetuning and fusion: data, trainer, resumable runs, predictions."""
