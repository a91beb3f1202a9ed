"""Errors that the user can act on. A message says what was found, where, and what to do next."""


class CamchexError(Exception):
    """Base of every error that is shown as one message, without a traceback."""


class ParamsError(CamchexError):
    """params.yaml, or a profile, holds something that the code does not accept."""


class DataError(CamchexError):
    """A raw or derived file is missing, unreadable, or not what its data set publishes."""


class ModelError(CamchexError):
    """A model folder, a pretrained weight or a tokenizer is missing or does not fit."""
