"""The outside, one thing per folder."""

import os

# Read by grpc when it is first imported, by whichever adapter. Its fork handlers cost threads and
# locks, and nothing here forks; its own warnings on stderr repeat what our errors say.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
