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
        "NA8005",
        "The node runs short of a resource",
        ("EvictionThresholdMet",),
        "Less memory, disk, inodes or process ids are left than a threshold of evictionHard or "
        "evictionSoft asks for. Unused images and ended containers go first where that helps, then "
        "pods, one every ten seconds.",
        "Free what the message names. nodeagent events tells which pods went; docs/eviction.md "
        "tells which go first.",
    ),
    Entry(
        "NA8006",
        "The machine itself had no memory left",
        ("SystemOOM",),
        "The kernel ended a process although no limit was reached: pods and the system together "
        "use more memory than there is.",
        "Reserve memory for the system (systemReserved), give pods limits, and raise "
        "evictionHard's memory.available, so that a pod goes before the kernel chooses.",
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
    Entry(
        "NA9002",
        "A certificate was not issued",
        ("CertificateRefused",),
        "The signing request was denied, its signer failed it, or somebody deleted it. The agent "
        "goes on with the certificate it has and asks again.",
        "kubectl get csr shows the request; kubectl certificate approve NAME issues it. A serving "
        "certificate (serverTLSBootstrap) is approved by hand or by an approver of the cluster.",
    ),
    Entry(
        "NA9003",
        "The node cannot join",
        ("JoinFailed",),
        "A step of nodeagent join or reset failed; the message says which and why. What the steps "
        "before it wrote is taken back.",
        "Mend what the message names and join again.",
    ),
    Entry(
        "NA9004",
        "This machine is not ready to join",
        ("PreflightFailed",),
        "A check before the join failed; each one is printed with its fix. Nothing was written.",
        "Do what the fixes say; nodeagent doctor looks at the same. --ignore-preflight-errors "
        "NAME goes on all the same.",
    ),
    Entry(
        "NA9005",
        "The bootstrap token is not good",
        ("TokenInvalid", "TokenUnknown", "TokenExpired"),
        "Its form is not abcdef.0123456789abcdef, the cluster does not know it (any more), or its "
        "secret half is another one.",
        "kubeadm token create --print-join-command makes a new one, good for a day.",
    ),
    Entry(
        "NA9006",
        "The cluster's certificate authority is not the pinned one",
        ("AuthorityNotPinned",),
        "The cluster at this address has another authority than --discovery-token-ca-cert-hash "
        "says: the hash is old or mistyped, or somebody else answers at the address.",
        "Compare with the hash that kubeadm token create --print-join-command prints on the "
        "control plane; do not join before both agree.",
    ),
    Entry(
        "NA9007",
        "The server's certificate is not of the cluster's authority",
        ("AuthorityMismatch",),
        "The cluster-info names one authority, and what answers at the address has a certificate "
        "of another one, or for another name.",
        "Join by a name or address that the API server's certificate has; look for proxies in "
        "between.",
    ),
    Entry(
        "NA9008",
        "The API server does not answer",
        ("ServerUnreachable",),
        "No connection to HOST:PORT, or no Kubernetes API behind it, in the time that was given.",
        "Check the address, routes and firewalls: curl -k https://HOST:PORT/version answers from a "
        "machine that can reach it.",
    ),
    Entry(
        "NA9009",
        "The clock is wrong",
        ("ClockWrong",),
        "This machine's time and the server's are so far apart that certificates count as not yet "
        "or no longer valid.",
        "timedatectl set-ntp true; chronyc makestep.",
    ),
)
