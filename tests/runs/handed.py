"""``python -m tests.runs.handed MODULE WORD...``: as ``python -m MODULE WORD...``, without imports.

DVC, and ``python -m stages`` with it, imports for most of a second: a fork of the process that has
imported for all tests needs none of that.
"""

import runpy
import sys

from camchex.runs import preloaded


def main() -> None:
    """Become a fork of that process, where there is one, and run the module there."""
    path, sys.argv[0] = sys.argv[0], "-m"  # as while the package of a program is imported
    preloaded.hand_over()
    module, sys.argv = sys.argv[1], [path, *sys.argv[2:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
