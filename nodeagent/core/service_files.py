"""The files that make the agent a service of this machine, as text: unit, slice, configuration."""

import msgspec

ETC = "/etc/nodeagent"
CONFIG = f"{ETC}/config.yaml"
DROP_INS = f"{ETC}/config.d"
ENVIRONMENT = "/etc/default/nodeagent"
MANIFESTS = "/etc/kubernetes/manifests"
UNITS = "/etc/systemd/system"
PROGRAM = "/usr/bin/nodeagent"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the files depend on. `embedded`: no containerd of the system, one of our own."""

    program: str = PROGRAM
    embedded: bool = False
    systemd: bool = True  # systemd is pid 1
    swap: bool = False


def unit(machine: Machine) -> str:
    """nodeagent.service."""
    runtime = "" if machine.embedded else " containerd.service"
    own = " --embedded-containerd" if machine.embedded else ""
    return f"""\
[Unit]
Description=nodeagent, runs the pods of this node
Documentation=https://kubernetes.io/docs/concepts/architecture/#kubelet
Wants=network-online.target{runtime}
After=network-online.target local-fs.target time-sync.target{runtime}
# A node must never give up for good, however often the agent has failed.
StartLimitIntervalSec=0

[Service]
# The agent says READY after its first full look at manifests and runtime. While the runtime does
# not answer it waits and says so in `systemctl status`, so there is no limit for its start.
Type=notify
NotifyAccess=main
TimeoutStartSec=infinity
EnvironmentFile=-{ENVIRONMENT}
Environment=GRPC_ENABLE_FORK_SUPPORT=0
ExecStart={machine.program} run --config {CONFIG} --config-dir {DROP_INS}{own} $NODEAGENT_FLAGS
# The shell's own kill: a small Debian has no other.
ExecReload=/bin/sh -c "kill -HUP $MAINPID"

# The event loop feeds the watchdog: an agent that hangs is ended and started again.
WatchdogSec=60
Restart=always
RestartSec=2

# Only the agent ends: containers, their shims and a containerd of our own go on.
KillMode=process
TimeoutStopSec=30
Delegate=yes
SendSIGHUP=no

Slice=nodeagent.slice
OOMScoreAdjust=-999
LimitNOFILE=1048576
LimitNPROC=infinity
TasksMax=infinity

# The socket of `nodeagent ps` and others is here; it outlives a restart.
RuntimeDirectory=nodeagent
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes

# No Private* and Protect* here: volumes that the agent mounts must be seen by the runtime, and a
# mount namespace of its own would hide them.

[Install]
WantedBy=multi-user.target
"""


def kubelet_unit(machine: Machine) -> str:
    """kubelet.service: the agent where kubeadm looks for the node's kubelet."""
    return (
        unit(machine)
        .replace(
            "Description=nodeagent, runs the pods of this node", "Description=kubelet: nodeagent"
        )
        .replace(
            f"ExecStart={machine.program} run --config {CONFIG} --config-dir {DROP_INS}",
            f"ExecStart={machine.program}",
        )
        .replace(f"EnvironmentFile=-{ENVIRONMENT}\n", "")
        .replace(" $NODEAGENT_FLAGS", "")
    )


def kubeadm_drop_in(machine: Machine) -> str:
    """10-kubeadm.conf: the files that kubeadm init and kubeadm join write, as its packages say."""
    own = " --embedded-containerd" if machine.embedded else ""
    return f"""\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=\\
--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart={machine.program} $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS{own} \\
    $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""


def slice_unit() -> str:
    """nodeagent.slice: pods that take all of the processor do not keep the agent from its work."""
    return """\
[Unit]
Description=The node agent, apart from its pods
Documentation=man:systemd.slice(5)

[Slice]
CPUWeight=500
IOWeight=500
MemoryLow=128M
"""


def configuration(machine: Machine) -> str:
    """The default configuration for this machine; what is not written is kubelet's default."""
    driver = "systemd" if machine.systemd and machine.embedded else "cgroupfs"
    swap = (
        "# This machine has swap: pods run all the same, without using it.\nfailSwapOn: false\n"
        if machine.swap
        else ""
    )
    return f"""\
# The agent's configuration. `nodeagent config check` names mistakes with their lines,
# `nodeagent config show` every field with its value. Drop-ins {DROP_INS}/*.conf win over this.
# Changes count after `systemctl reload nodeagent` or, where its log says so, a restart.
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: {MANIFESTS}
# Where the container runtime tells its own driver, that one is used.
cgroupDriver: {driver}
{swap}"""


def environment() -> str:
    """/etc/default/nodeagent."""
    return """\
# Further flags for the agent; see `nodeagent run --help`.
NODEAGENT_FLAGS=
"""


def tmpfiles() -> str:
    """For tmpfiles.d: folders that packages leave to systemd."""
    return f"""\
# Folders of the node agent, made at boot where they are missing; see tmpfiles.d(5).
d {MANIFESTS} 0755 root root -
d {DROP_INS} 0755 root root -
d /var/log/pods 0755 root root -
d /var/log/containers 0755 root root -
"""
