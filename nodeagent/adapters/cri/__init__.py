"""The container runtime, spoken to in CRI v1 over gRPC on a unix socket."""

import os

# Read by grpc when it is first imported. Its fork handlers cost threads and locks, and nothing here
# forks; its own warnings on stderr repeat what our errors say.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
