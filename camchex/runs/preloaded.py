"""A process that has imported what the stages import, and becomes each stage by a fork.

A stage with networks imports for several seconds, and the rounds of the noisy student wait for one
another. Within ``python -m stages``, the process of a stage therefore hands its command over to a
fork of the process here, which has imported already. Where there is none, as under a plain ``dvc
repro``, or where it is not ready yet, the stage imports by itself. The same code then computes the
same bytes.

This module is imported by every stage before anything else: it needs the standard library alone.
"""

import atexit
import fcntl
import gc
import importlib
import importlib.util
import json
import multiprocessing
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

ADDRESS = "CAMCHEX_PRELOADED"
"""Environment variable with the path of the socket at which the process waits for commands."""
LIMIT = 1 << 17
"""Bytes of a command, its environment included; a longer one imports by itself."""


_handed_over = False
"""Whether this process is a fork that has taken a command over, which it runs itself."""


def hand_over() -> None:
    """End this process, a stage's, as a fork of the preloaded one has ended in its place.

    Returns:
        Where there is no such process, or it is not ready: the caller goes on by itself.
    """
    if ADDRESS not in os.environ or sys.argv[0] != "-m" or _handed_over:
        return
    command = {
        "argv": [sys.executable, *sys.orig_argv[1:]],
        "words": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
    }
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stage:
        stage.connect(os.environ[ADDRESS])
        socket.send_fds(stage, [json.dumps(command).encode()], [0, 1, 2])
        status = stage.recv(1)  # nothing, if the fork was killed
        os._exit(status[0] if status else 1)


def serve(
    address: str, group: int, modules: Sequence[str], fix_arithmetic: Callable[[], None]
) -> None:
    """Import modules, then run each command that comes, in a fork.

    Args:
        address: Path of the socket.
        group: Process group to join, which ends with the run.
        modules: What to import.
        fix_arithmetic: Sets the environment that decides arithmetic, before anything is imported,
            and again in each fork, which takes over the environment of its command.
    """
    os.setpgid(0, group)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Else the processes of a program would start as this one was, and import everything anew.
    multiprocessing.set_start_method(None, force=True)
    fix_arithmetic()
    gc.disable()
    for name in modules:
        is_package = hasattr(importlib.import_module(name), "__path__")
        if is_package and importlib.util.find_spec(f"{name}.__main__"):
            importlib.import_module(f"{name}.__main__")
    gc.enable()
    gc.freeze()  # what is shared with the forks is not touched by their collections
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        previous = os.umask(0o077)  # no other user may give commands
        server.bind(address)
        os.umask(previous)
        server.listen()
        while True:
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    server.close()
                    _become(connection, fix_arithmetic)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _become(connection: socket.socket, fix_arithmetic: Callable[[], None]) -> NoReturn:
    """Run the command that ``connection`` brings, answer with its status, and end."""
    global _handed_over  # noqa: PLW0603 - of this process, for good
    _handed_over = True
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    message, descriptors, *_ = socket.recv_fds(connection, LIMIT, 3)
    # The system ends this process, by SIGIO, as soon as the one that handed over has ended.
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, os.O_ASYNC)
    command = json.loads(message)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(command["environment"])
    fix_arithmetic()
    os.chdir(command["folder"])
    sys.argv[:] = ["-m", *command["words"]]
    sys.orig_argv[:] = command["argv"]
    status = 1
    try:
        status = _run(command["argv"][command["argv"].index("-m") + 1])
    except BaseException:  # noqa: BLE001 - whatever ends a program; as the interpreter shows it
        traceback.print_exc()
    with connection:  # the answer is last: what the program has registered for its end comes first
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(bytes([status]))
    os._exit(status)


def _run(module: str) -> int:
    """Run a module as ``python -m`` does, and return its status."""
    for name in (module, f"{module}.__main__"):
        sys.modules.pop(name, None)  # it is to run, whether it was imported or not
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
