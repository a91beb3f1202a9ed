"""A SLURM of one node, as root, from Debian's packages ``slurm-wlm`` and ``munge``."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
ENDED = {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY"}
CONFIGURATION = """\
ClusterName=camchex
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# No cgroups, which a container may not write: processes are found by their parents.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=7200
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
GPUS = "Name=gpu File={folder}/gpu[0-1]\n"
"""Two GPUs by name alone, so that jobs can ask for them."""


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Bring up a cluster whose files lie in ``folder``; SLURM's commands find it meanwhile.

    Raises:
        RuntimeError: If a program is lacking, or the node does not come up.
    """
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise RuntimeError(f"{', '.join(lacking)}: not found. `apt-get install slurm-wlm munge`")
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    ports = {"port": _free_port(), "node_port": _free_port()}
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(host=host, folder=folder, **ports)
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(GPUS.format(folder=folder))
    for number in (0, 1):
        (folder / f"gpu{number}").touch()
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    files = [f"--{name}={folder}/munged.{name}" for name in ("pid-file", "log-file", "seed-file")]
    munge = ["munged", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}", *files]
    _run(*munge)
    try:
        _run("slurmctld", "-i")
        _run("slurmd")
        _wait_until("the node is idle", lambda: "idle" in _run("sinfo", "-h", "-o", "%T"), 60)
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], check=False)
        subprocess.run(["scontrol", "shutdown"], check=False)
        pids = [folder / f"{name}.pid" for name in ("slurmctld", "slurmd")]
        _wait_until("the daemons have ended", lambda: not any(pid.exists() for pid in pids), 60)
        _run("munged", "--stop", f"--socket={folder}/munge.socket")


def submit(folder: Path, *words: str) -> str:
    """Submit a job, or an array, from a folder: its number."""
    return _run("sbatch", "--parsable", *words, folder=folder).strip()


def wait(job: str, seconds: int = 1800) -> list[dict[str, str]]:
    """Wait until a job, or every job of an array, has ended: what SLURM says of each."""

    def ended() -> bool:
        found = jobs(job)
        for one in found:
            if one["Reason"] == "BeginTime":  # SLURM lets what went back wait for two minutes
                _run("scontrol", "update", f"JobId={one['JobId']}", "StartTime=now")
        return all(one["JobState"] in ENDED for one in found)

    _wait_until(f"job {job} has ended", ended, seconds)
    return jobs(job)


def jobs(job: str) -> list[dict[str, str]]:
    """What SLURM says of a job, or of every job of an array, by name of the value."""
    lines = _run("scontrol", "show", "job", "--oneliner", job).splitlines()
    pairs = [[word.partition("=") for word in line.split() if "=" in word] for line in lines]
    return [{name: value for name, _, value in of} for of in pairs]


def _run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def _wait_until(what: str, is_so: Callable[[], bool], seconds: int) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise RuntimeError(f"after {seconds} s, it is not so that {what}")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
