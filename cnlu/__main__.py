"""`python -m cnlu`: the same as the command `cnlu`."""

import sys

from cnlu.entry import main

if __name__ == "__main__":
    sys.exit(main())
