"""``python -m ginkgo_logging`` is the command ``ginkgo-logging``."""

import sys

from ginkgo_logging.cli import main

if __name__ == "__main__":
    sys.exit(main())
