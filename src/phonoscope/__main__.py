"""``python -m phonoscope``."""

import sys

from phonoscope.cli import main

sys.exit(main())
