"""`python -m nodeagent`: the same as the `nodeagent` command."""

from nodeagent.cli.main import main

if __name__ == "__main__":
    main()
