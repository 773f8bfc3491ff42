"""`python -m cli`: the epochd command."""

import sys

from cli.main import main

sys.exit(main())
