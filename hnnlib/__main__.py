"""`python -m hnnlib` is the command `hnnlib`."""

import sys

from hnnlib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
