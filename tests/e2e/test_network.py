"""Names, addresses, ports, variables: what a pod knows of itself and how it is reached."""

import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.samples.images.build import BUSYBOX_IMAGE
from tests.e2e.agent import NODE, Agent, running_agent
from tests.e2e.pods import Document, container, pod, ready
from tests.e2e.runtime import Runtime

HTTPD = ["httpd", "-f", "-p", "80", "-h", "/var/www"]


@pytest.fixture(scope="module")
def agent(runtime: Runtime) -> Iterator[Agent]:
    with running_agent(runtime) as agent:
        yield agent


def web(name: str, **port: Any) -> Document:
    """A web server behind a host port."""
    return pod(
        name,
        container(command=HTTPD, ports=[{"containerPort": 80, **port}]),
        terminationGracePeriodSeconds=1,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(address: str, port: int) -> bytes:
    with urllib.request.urlopen(f"http://{address}:{port}/", timeout=5) as answer:
        body: bytes = answer.read()
        return body


def test_a_host_port_leads_to_the_pod(agent: Agent) -> None:
    port = free_port()
    agent.write(web("everywhere", hostPort=port))
    view = agent.wait("everywhere", ready)
    assert fetch("127.0.0.1", port) == b"It works.\n"
    assert fetch(view.ip, 80) == b"It works.\n"
    agent.remove("everywhere")
    agent.wait_gone("everywhere")
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        fetch("127.0.0.1", port)


def test_a_host_port_with_an_address_answers_only_there(agent: Agent) -> None:
    port = free_port()
    agent.write(web("local", hostPort=port, hostIP="127.0.0.1"))
    view = agent.wait("local", ready)
    assert fetch("127.0.0.1", port) == b"It works.\n"
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        fetch(view.status["hostIP"], port)


def test_variables_come_from_fields_resources_and_each_other(agent: Agent) -> None:
    def field(path: str) -> Document:
        return {"valueFrom": {"fieldRef": {"fieldPath": path}}}

    def resource(name: str, **more: str) -> Document:
        return {"valueFrom": {"resourceFieldRef": {"resource": name, **more}}}

    wanted: dict[str, Document] = {
        "NAME": field("metadata.name"),
        "NAMESPACE": field("metadata.namespace"),
        "UID_": field("metadata.uid"),
        "LABEL": field("metadata.labels['app']"),
        "NOTE": field("metadata.annotations['note']"),
        "NODE": field("spec.nodeName"),
        "POD_IP": field("status.podIP"),
        "HOST_IP": field("status.hostIP"),
        "CPU": resource("limits.cpu"),
        "MILLIS": resource("limits.cpu", divisor="1m"),
        "MEMORY": resource("requests.memory", divisor="1Mi"),
        "JOINED": {"value": "$(NAME)/$(NAMESPACE) $$(NAME) $(NOBODY)"},
    }
    env = [{"name": name, **source} for name, source in wanted.items()]
    resources = {"limits": {"cpu": "300m"}, "requests": {"memory": "32Mi"}}
    document = pod(
        "env",
        container(env=env, resources=resources),
        labels={"app": "web"},
        annotations={"note": "well"},
    )
    agent.write(document)
    view = agent.wait("env", ready)
    lines = agent.sh("env", "env").splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    assert {name: said[name] for name in wanted} == {
        "NAME": f"env-{NODE}",
        "NAMESPACE": "default",
        "UID_": view.uid,
        "LABEL": "web",
        "NOTE": "well",
        "NODE": NODE,
        "POD_IP": view.ip,
        "HOST_IP": view.status["hostIP"],
        "CPU": "1",
        "MILLIS": "300",
        "MEMORY": "32",
        "JOINED": f"env-{NODE}/default $(NAME) $(NOBODY)",
    }
    assert agent.sh("env", "hostname").strip() == f"env-{NODE}"


def test_the_hosts_file_names_the_pod_and_its_aliases(agent: Agent) -> None:
    aliases = [{"ip": "192.0.2.7", "hostnames": ["one.test", "two.test"]}]
    agent.write(pod("hosts", hostAliases=aliases, hostname="own", subdomain="sub"))
    view = agent.wait("hosts", ready)
    text = agent.sh("hosts", "cat /etc/hosts")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert f"{view.ip}\town.sub.default.svc.cluster.local\town\n" in text or f"{view.ip}\t" in text
    assert text.endswith("# Entries added by HostAliases.\n192.0.2.7\tone.test\ttwo.test\n")
    assert agent.sh("hosts", "hostname").strip() == "own"
    assert (agent.pod_dir(view) / "etc-hosts").read_text() == text


def test_a_pod_on_the_hosts_network_has_the_hosts_names(agent: Agent) -> None:
    agent.write(pod("hostnet", hostNetwork=True))
    agent.wait("hostnet", ready)
    text = agent.sh("hostnet", "cat /etc/hosts")
    assert text == "# Kubernetes-managed hosts file (host network).\n" + (
        Path("/etc/hosts").read_text()
    )


def test_a_pods_own_dns_is_all_there_is(agent: Agent) -> None:
    config = {
        "nameservers": ["192.0.2.53"],
        "searches": ["one.test", "two.test"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    agent.write(pod("dns", dnsPolicy="None", dnsConfig=config))
    agent.wait("dns", ready)
    assert agent.sh("dns", "cat /etc/resolv.conf").splitlines() == [
        "search one.test two.test",
        "nameserver 192.0.2.53",
        "options ndots:2 edns0",
    ]


def test_dns_by_default_is_the_nodes(agent: Agent) -> None:
    agent.write(pod("dnsnode", dnsPolicy="Default"))
    agent.wait("dnsnode", ready)

    def servers(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith("nameserver")]

    own = Path("/etc/resolv.conf").read_text()
    assert servers(agent.sh("dnsnode", "cat /etc/resolv.conf")) == servers(own)[:3]


def test_two_pods_reach_each_other_by_address(agent: Agent) -> None:
    agent.write(pod("server", container(command=HTTPD), terminationGracePeriodSeconds=1))
    agent.write(pod("client", container(image=BUSYBOX_IMAGE)))
    server = agent.wait("server", ready)
    agent.wait("client", ready)
    assert agent.sh("client", f"wget -q -O - http://{server.ip}/") == "It works.\n"
