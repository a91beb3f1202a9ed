"""Stages side by side: a ``dvc repro --single-item`` for each, in the order of DVC's graph.

DVC alone decides whether a stage runs, runs its command and records it, so the bytes are those of
``dvc repro``. What is here decides only when a stage is started.
"""
