"""How long a silent API server is borne with."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, those of client-go.

    `connect` is for a connection with its TLS handshake, `answer` for one request, `heartbeat` for
    those that tell that the node lives. After `quiet` without a byte an HTTP/2 connection is asked
    whether it lives, and is dead after `ping` more. A good answer after `outage` of nothing but 5xx
    means that the server is back, or that somebody in between reaches it again.
    """

    connect: float = 10.0
    quiet: float = 15.0
    ping: float = 10.0
    answer: float = 30.0
    heartbeat: float = 10.0
    outage: float = 5.0
