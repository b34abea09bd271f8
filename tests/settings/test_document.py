"""The configuration in use as a document, and as flags."""

from pathlib import Path

import msgspec

from nodeagent.settings import ClusterAccess, KubeletConfiguration, NodeIdentity, Settings
from nodeagent.settings.configz import configz
from nodeagent.settings.flag_table import CONFIG_FLAGS
from nodeagent.settings.kubelet import UserNamespaces
from nodeagent.settings.show import document, flag_values


def test_the_document_has_defaults_and_leaves_out_what_is_empty() -> None:
    shown = document(KubeletConfiguration())
    assert (shown["kind"], shown["apiVersion"]) == (
        "KubeletConfiguration", "kubelet.config.k8s.io/v1beta1",
    )  # fmt: skip
    assert shown["port"] == 10250
    assert shown["streamingConnectionIdleTimeout"] == "4h0m0s"
    assert shown["authentication"]["webhook"] == {"enabled": True, "cacheTTL": "2m0s"}
    assert shown["registerNode"] is True and shown["readOnlyPort"] == 0
    for empty in ("tlsCertFile", "clusterDNS", "featureGates", "tracing"):
        assert empty not in shown
    msgspec.json.encode(shown)


def test_a_kubelets_page_of_it_leaves_out_what_a_kubelet_does() -> None:
    shown = configz(
        KubeletConfiguration(), own_pair=(Path("/p/kubelet.crt"), Path("/p/kubelet.key"))
    )
    for absent in ("readOnlyPort", "podsPerCore", "userNamespaces", "serverTLSBootstrap"):
        assert absent not in shown
    for false in ("failSwapOn", "seccompDefault", "mergeDefaultEvictionSettings"):
        assert false in shown
    assert (shown["iptablesMasqueradeBit"], shown["memorySwap"]) == (14, {})
    assert (shown["tlsCertFile"], shown["tlsPrivateKeyFile"]) == (
        "/p/kubelet.crt",
        "/p/kubelet.key",
    )
    assert shown["logging"]["flushFrequency"] == "5s"
    given = KubeletConfiguration(
        read_only_port=10255, tls_cert_file="/a", user_namespaces=UserNamespaces(ids_per_pod=131072)
    )
    shown = configz(given, own_pair=None)
    assert (shown["readOnlyPort"], shown["tlsCertFile"]) == (10255, "/a")
    assert shown["userNamespaces"] == {"idsPerPod": 131072}


def test_no_secret_of_a_header_is_shown() -> None:
    config = KubeletConfiguration(static_pod_url_header={"Authorization": ("secret", "more")})
    assert document(config)["staticPodURLHeader"] == {"Authorization": ["<masked>"]}
    assert "secret" not in str(flag_values(Settings(node=NodeIdentity(name="n"), kubelet=config)))


def test_flags_as_they_would_be_given() -> None:
    settings = Settings(
        node=NodeIdentity(name="node1", ips=("10.0.0.1", "fd00::1")),
        kubelet=KubeletConfiguration(
            cluster_dns=("10.96.0.10", "10.96.0.11"), feature_gates={"CSIVolumeHealth": True}
        ),
        cluster=ClusterAccess(kubeconfig=Path("/etc/kubernetes/kubelet.conf")),
        verbosity=3,
    )
    flags = flag_values(settings)
    assert set(CONFIG_FLAGS) <= set(flags)
    assert flags["cluster-dns"] == "10.96.0.10,10.96.0.11"
    assert flags["feature-gates"] == "CSIVolumeHealth=true"
    assert flags["anonymous-auth"] == "false"
    assert flags["node-ip"] == "10.0.0.1,fd00::1"
    assert flags["kubeconfig"] == "/etc/kubernetes/kubelet.conf"
    assert (flags["v"], flags["tls-cert-file"]) == ("3", "")
