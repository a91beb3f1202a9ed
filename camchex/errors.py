"""Errors that the user can act on. A message says what was found, where, and what to do next."""


def counted(number: int, one: str, several: str = "") -> str:
    """How many there are: ``1 row``, ``2,000 rows``; ``several`` where s does not make it."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


class CamchexError(Exception):
    """Base of every error that is shown as one message, without a traceback."""


class ParamsError(CamchexError):
    """params.yaml, or a profile, holds something that the code does not accept."""


class DataError(CamchexError):
    """A raw or derived file is missing, unreadable, or not what its data set publishes."""


class ModelError(CamchexError):
    """A model folder, a pretrained weight or a tokenizer is missing or does not fit."""
