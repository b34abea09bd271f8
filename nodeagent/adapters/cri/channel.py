"""A gRPC channel to the runtime's unix socket."""

import grpc.aio

from nodeagent.errors import SettingsError

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Reconnecting: kubelet's numbers, kubelet-behaviour 3.1.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    # A socket on this machine has no proxy, no round-trip time to measure and no DNS to ask.
    ("grpc.enable_http_proxy", 0),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.service_config_disable_resolution", 1),
    # Two channels to one socket (runtime and images) do not share their fate.
    ("grpc.use_local_subchannel_pool", 1),
)


def socket_target(endpoint: str) -> str:
    """The gRPC target of `containerRuntimeEndpoint`: a unix URL or an absolute path.

    Raises SettingsError for anything else; kubelet takes TCP only on Windows.
    """
    path = endpoint.removeprefix("unix://") if "://" in endpoint else endpoint.removeprefix("unix:")
    if not path.startswith("/"):
        raise SettingsError(
            op="read",
            target="containerRuntimeEndpoint",
            detail=f"{endpoint!r} is not a unix socket; write unix:///run/containerd/containerd.sock",
        )
    return f"unix://{path}"


def open_channel(endpoint: str) -> grpc.aio.Channel:
    """A channel that connects at its first call, and again by itself after a break.

    Must be called inside the event loop that will use it. Close it with `await channel.close()`.
    """
    return grpc.aio.insecure_channel(socket_target(endpoint), options=_OPTIONS)
