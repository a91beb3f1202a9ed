"""Questions to git about the folder that is being worked in."""

import subprocess


def git(*words: str) -> str | None:
    """What a command of git prints, without white space around it.

    Returns:
        The text; None without git, outside a repository, and where the command fails.
    """
    command = ["git", *words]
    try:
        # The words are this project's own; a file name is handed over as it is, without a shell.
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - git
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
