"""What SLURM tells a process by its environment."""


def job(tasks: int, name: str = "camchex") -> dict[str, str]:
    """Variables of the script of a job on one node, and of all that it starts without ``srun``."""
    return {
        "SLURM_JOB_ID": "1234",
        "SLURM_JOB_NAME": name,
        "SLURM_NTASKS": str(tasks),
        "SLURM_NTASKS_PER_NODE": str(tasks),
        "SLURM_NNODES": "1",
        "SLURM_NODELIST": "127.0.0.1",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "0",
    }


def task(number: int, tasks: int) -> dict[str, str]:
    """Variables of a task that ``srun`` starts, from 0."""
    return job(tasks) | {
        "SLURM_PROCID": str(number),
        "SLURM_LOCALID": str(number),
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": str(tasks),
    }
