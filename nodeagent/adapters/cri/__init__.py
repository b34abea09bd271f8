"""The container runtime, spoken to in CRI v1 over gRPC on a unix socket."""
