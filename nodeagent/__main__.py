"""`python -m nodeagent`: the same as the `nodeagent` command."""

import sys

from nodeagent.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
