"""Trainings killed at random moments: what they publish in the end, against one left alone.

A small network is trained by the code that trains the real ones (``train_once``,
``run_once``, ``fit``) in a process that is sent SIGKILL at a moment drawn from a seed,
then trained again from whatever is left, once or several times, to the end. What it publishes must
be the bytes that an undisturbed training publishes.
"""
