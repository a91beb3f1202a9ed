"""``python -m tests.slurm``."""

import sys

from tests.slurm.run import main

if __name__ == "__main__":
    sys.exit(main())
