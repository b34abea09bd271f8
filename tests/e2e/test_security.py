"""What a security context asks for is what the kernel shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.samples.images.build import busybox_image
from nodeagent.core.security import MASKED
from tests.e2e.agent import Agent, running_agent
from tests.e2e.pods import IDLE, View, container, pod, ready, waits
from tests.e2e.runtime import Runtime

KINDS = ("net", "pid", "ipc", "uts")


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def run(agent: Agent, name: str, **fields: object) -> View:
    """A pod of one idle container with this security context."""
    agent.write(pod(name, container(securityContext=fields)))
    return agent.wait(name, ready)


def status_of(agent: Agent, name: str, field: str) -> str:
    """A field of /proc/1/status inside."""
    lines = dict(line.split(":", 1) for line in agent.sh(name, "cat /proc/1/status").splitlines())
    return lines[field].strip()


def test_user_group_and_groups_of_the_volumes_are_those_asked_for(agent: Agent) -> None:
    document = pod(
        "users",
        container(
            securityContext={"runAsUser": 1001},
            volumeMounts=[{"name": "data", "mountPath": "/data"}],
        ),
        container(name="own", securityContext={"runAsUser": 1002, "runAsGroup": 3002}),
        securityContext={
            "runAsUser": 1000,
            "runAsGroup": 3000,
            "fsGroup": 2001,
            "supplementalGroups": [4000, 4001],
        },
        volumes=[{"name": "data", "emptyDir": {}}],
    )
    agent.write(document)
    agent.wait("users", ready)
    assert agent.sh("users", "id -u; id -g").split() == ["1001", "3000"]
    assert set(agent.sh("users", "id -G").split()) == {"3000", "2001", "4000", "4001"}
    assert agent.sh("users", "id -u; id -g", container="own").split() == ["1002", "3002"]
    assert agent.sh("users", "stat -c '%g %a' /data").split() == ["2001", "2777"]
    assert agent.sh("users", "touch /data/f && stat -c %u:%g /data/f").strip() == "1001:2001"
    user = agent.pods()["users"].containers["main"].get("user")
    assert user is None or user["linux"]["uid"] == 1001


def test_non_root_is_checked_against_the_pods_user(agent: Agent) -> None:
    agent.write(pod("root", container(securityContext={"runAsNonRoot": True, "runAsUser": 0})))
    view = agent.wait("root", waits("CreateContainerConfigError"))
    assert "container's runAsUser breaks non-root policy" in view.waiting_message()
    assert view.phase == "Pending"


def test_non_root_is_checked_against_the_images_user(agent: Agent) -> None:
    for name, user in (("named", "app"), ("numbered", "1000")):
        image = busybox_image(name=f"localhost/nodeagent/{name}:1", user=user)
        agent.runtime.import_image(image)
        agent.write(pod(name, container(image=image.name, securityContext={"runAsNonRoot": True})))
    agent.write(pod("imageroot", container(securityContext={"runAsNonRoot": True})))
    root = agent.wait("imageroot", waits("CreateContainerConfigError"))
    assert "container has runAsNonRoot and image will run as root" in root.waiting_message()
    named = agent.wait("named", waits("CreateContainerConfigError"))
    assert (
        "container has runAsNonRoot and image has non-numeric user (app), "
        "cannot verify user is non-root" in named.waiting_message()
    )
    agent.wait("numbered", ready)
    assert agent.sh("numbered", "id -u").strip() == "1000"


def test_a_read_only_root_file_system_cannot_be_written(agent: Agent) -> None:
    run(agent, "readonly", readOnlyRootFilesystem=True)
    assert agent.sh("readonly", "touch /x 2>&1 || true").strip().endswith("Read-only file system")


def test_capabilities_are_added_and_dropped(agent: Agent) -> None:
    run(agent, "caps", capabilities={"drop": ["ALL"], "add": ["NET_ADMIN", "SYS_TIME"]})
    net_admin, sys_time = 12, 25
    assert int(status_of(agent, "caps", "CapEff"), 16) == 1 << net_admin | 1 << sys_time


def test_a_privileged_container_has_every_capability_and_the_hosts_devices(agent: Agent) -> None:
    run(agent, "privileged", privileged=True)
    own = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert status_of(agent, "privileged", "CapEff") == own["CapBnd"].strip()
    assert agent.sh("privileged", "test -c /dev/kmsg && echo yes").strip() == "yes"
    assert status_of(agent, "privileged", "Seccomp") == "0"


def test_privilege_escalation_is_forbidden_where_asked(agent: Agent) -> None:
    run(agent, "noescalation", allowPrivilegeEscalation=False)
    run(agent, "escalation")
    assert status_of(agent, "noescalation", "NoNewPrivs") == "1"
    assert status_of(agent, "escalation", "NoNewPrivs") == "0"


def test_seccomp_is_the_runtimes_default_where_asked_and_else_off(agent: Agent) -> None:
    run(agent, "filtered", seccompProfile={"type": "RuntimeDefault"})
    assert status_of(agent, "filtered", "Seccomp") == "2"
    run(agent, "unfiltered")
    assert status_of(agent, "unfiltered", "Seccomp") == "0"


def test_the_kernels_secrets_in_proc_are_masked(agent: Agent) -> None:
    run(agent, "masked")
    mounts = agent.sh("masked", "cat /proc/self/mountinfo")
    hidden = {line.split()[4] for line in mounts.splitlines()}
    wanted = {path for path in MASKED if Path(path).exists()}
    assert wanted
    assert wanted <= hidden
    assert agent.sh("masked", "cat /proc/timer_list") == ""
    assert (
        agent.sh("masked", "(echo x > /proc/sys/kernel/hostname) 2>&1 || true")
        .strip()
        .endswith("Read-only file system")
    )


def test_host_namespaces_are_the_hosts_and_others_are_the_pods(agent: Agent) -> None:
    agent.write(
        pod("host", hostNetwork=True, hostPID=True, hostIPC=True),
        pod("apart", container(), container(name="other")),
        pod("shared", container(), container(name="other"), shareProcessNamespace=True),
    )

    def spaces(name: str, container: str = "main") -> dict[str, str]:
        said = agent.sh(
            name,
            f"for kind in {' '.join(KINDS)}; do readlink /proc/self/ns/$kind; done",
            container=container,
        )
        return dict(zip(KINDS, said.split(), strict=True))

    host = {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS}
    view = agent.wait("host", ready)
    assert spaces("host") == host
    assert view.ip == view.status["hostIP"]
    agent.wait("apart", ready)
    main, other = spaces("apart"), spaces("apart", "other")
    assert not set(main.values()) & set(host.values())
    assert (main["net"], main["ipc"]) == (other["net"], other["ipc"])
    assert main["pid"] != other["pid"]
    agent.wait("shared", ready)
    assert spaces("shared")["pid"] == spaces("shared", "other")["pid"]
    assert IDLE in agent.sh("shared", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_safe_sysctls_are_set(agent: Agent) -> None:
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]
    agent.write(pod("sysctl", securityContext={"sysctls": sysctls}))
    agent.wait("sysctl", ready)
    assert agent.sh("sysctl", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start").strip() == "80"
