"""``make slurm``: the recipes of docs/slurm on a real SLURM of one node."""
