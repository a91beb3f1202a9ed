"""``python -m tests.chaos --kills 40``."""

import sys

from tests.chaos.run import main

if __name__ == "__main__":
    sys.exit(main())
