"""Errors of the node: the runtime, configuration, the host, a cluster."""

from typing import Final

from nodeagent.core.catalogue_entry import Entry

ENTRIES: Final = (
    Entry(
        "NA7001",
        "The container runtime does not answer",
        ("RuntimeUnavailable",),
        "Nobody listens on the CRI socket, or an answer took longer than runtimeRequestTimeout. "
        "Running containers are not affected.",
        "nodeagent doctor; systemctl restart containerd.",
    ),
    Entry(
        "NA7002",
        "The runtime's CRI plugin is disabled",
        ("CRIPluginDisabled",),
        "A containerd answers but does not serve CRI: the configuration that some packages "
        "install has cri in disabled_plugins.",
        "Take it out of disabled_plugins in /etc/containerd/config.toml, restart containerd.",
    ),
    Entry(
        "NA7003",
        "The runtime failed a request",
        ("RuntimeError",),
        "It answered with an error that has no better name; the message has its words.",
        "It is tried again by itself. journalctl -u containerd tells more.",
    ),
    Entry(
        "NA7004",
        "A name in the runtime is still taken",
        ("NameReserved",),
        "An earlier attempt under the same name has not ended in the runtime.",
        "Nothing: the next attempt has a new name. If it stays, systemctl restart containerd.",
    ),
    Entry(
        "NA8001",
        "The configuration cannot be used",
        ("InvalidConfiguration",),
        "A flag or a field has a value that is not allowed, or two do not go together. The agent "
        "does not start, with exit code 2; on a reload the old values stay.",
        "nodeagent config check names every wrong value with its file and line.",
    ),
    Entry(
        "NA8002",
        "An operation failed",
        ("Failed",),
        "A file, cgroup or process operation on the node failed; the message says on what and why.",
        "Mend what the message names (space, permissions, a mount): it is tried again by itself.",
    ),
    Entry(
        "NA8003",
        "The agent has a bug",
        ("Bug",),
        "A step for one pod failed in a way nobody foresaw. The other pods go on.",
        "Report it with the log's stack trace. It is tried again by itself.",
    ),
    Entry(
        "NA8004",
        "The agent cannot be reached",
        ("Unreachable",),
        "No agent listens on the socket that the command asked, or it may not be used by you.",
        "systemctl start nodeagent; or name the socket with --socket; or use sudo.",
    ),
    Entry(
        "NA9001",
        "The API server refused or failed a request",
        ("ApiError",),
        "The cluster's API server did not answer, or not with what was asked for; the message has "
        "its status and its words.",
        "Nothing while the server is away: pods go on, and what was missed is made up for. "
        "nodeagent doctor tells whether it can be reached and whether the certificate is good.",
    ),
)
