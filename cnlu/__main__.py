"""`python -m cnlu`: the same as the command `cnlu`."""

import sys

from cnlu.cli import main

sys.exit(main())
