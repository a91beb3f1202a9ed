"""``python -m tests.fuzz --files 10000``."""

import sys

from tests.fuzz.run import main

if __name__ == "__main__":
    sys.exit(main())
