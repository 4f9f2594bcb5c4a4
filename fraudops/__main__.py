"""``python -m fraudops`` is the command ``fraudops``."""

import sys

from fraudops.cli import main

sys.exit(main())
