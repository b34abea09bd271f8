"""What is refused in a Pod that decodes; long because it is one table, one row a rule."""

import json
from typing import Any

import pytest

from nodeagent.core.manifest import check_manifest

OK: Any = None


def a_pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {
            "initContainers": [{"name": "init", "image": "busybox"}],
            "containers": [
                {
                    "name": "web",
                    "image": "busybox",
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }


def put(tree: Any, path: str, value: Any) -> None:
    *above, last = path.split(".")
    for step in above:
        tree = tree[int(step)] if isinstance(tree, list) else tree.setdefault(step, {})
    if isinstance(tree, list):
        tree[int(last) : int(last) + 1] = [value]
    else:
        tree[last] = value


def problems_of(**changes: Any) -> list[str]:
    tree = a_pod()
    for path, value in changes.items():
        put(tree, path, value)
    text = json.dumps(tree, indent=1).encode()
    found = check_manifest(text, origin="/m/web.yaml", node_name="node-1")
    assert all(problem.line > 0 and problem.column > 0 for problem in found)
    return [problem.message for problem in found]


C, N, V = "spec.containers.0", "spec.initContainers.0", "spec.volumes.0"
EXEC = {"exec": {"command": ["true"]}}
GET = {"httpGet": {"port": 80}}
CODES = {"operator": "In", "values": [42]}
RULE = {"action": "Restart", "exitCodes": CODES}
PVC = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}


def source(**value: Any) -> dict[str, Any]:
    return {"name": "data", **value}


def env(**value: Any) -> list[dict[str, Any]]:
    return [{"name": "A", "valueFrom": value}]


def mount(**value: Any) -> list[dict[str, Any]]:
    return [{"name": "data", "mountPath": "/data", **value}]


ROWS: list[tuple[str, Any, str | None]] = [
    # metadata
    ("metadata.name", "Web", 'metadata.name: is "Web-node-1"; needs at most 253'),
    ("metadata.name", "a" * 250, "metadata.name: is"),
    ("metadata.name", "a.b", OK),
    ("metadata.namespace", "a.b", 'metadata.namespace: is "a.b"; needs at most 63'),
    ("metadata.uid", "../../etc", 'metadata.uid: is "../../etc"'),
    ("metadata.uid", "0a-1", OK),
    ("metadata.labels", {"a/b/c": "x"}, 'metadata.labels[a/b/c]: "a/b" before "/"'),
    ("metadata.labels", {"-a": "x"}, 'metadata.labels.-a: "-a" needs at most 63'),
    ("metadata.labels", {"": "x"}, "is missing"),
    ("metadata.labels", {"a": "x y"}, 'metadata.labels.a: has the value "x y"'),
    ("metadata.labels", {"example.org/a": "X_y.z"}, OK),
    ("metadata.annotations", {"a b": "x"}, 'metadata.annotations.a b: "a b" needs'),
    ("metadata.annotations", {"Example.org/A": "any text; at all"}, OK),
    ("metadata.annotations", {"a": "x" * 300_000}, "metadata.annotations: are 300"),
    # life
    ("spec.restartPolicy", "always", "needs one of Always, OnFailure, Never"),
    ("spec.terminationGracePeriodSeconds", -1, "is -1; needs at least 0"),
    ("spec.terminationGracePeriodSeconds", 0, OK),
    ("spec.activeDeadlineSeconds", 0, "is 0; needs 1 to 2147483647"),
    ("spec.ephemeralContainers", [{"name": "e", "image": "i"}], "may not be in a manifest"),
    ("spec.schedulingGates", [{"name": "a"}], "spec.schedulingGates: may not be set"),
    ("spec.readinessGates", [{"conditionType": "a b"}], "readinessGates[0].conditionType:"),
    # network
    ("spec.hostname", "a.b", "spec.hostname: is"),
    ("spec.subdomain", "A", "spec.subdomain: is"),
    ("spec.hostnameOverride", "a" * 65, "spec.hostnameOverride: is"),
    ("spec.hostnameOverride", "a.b", OK),
    ("spec.hostAliases", [{"ip": "1.2.3", "hostnames": ["a"]}], "hostAliases[0].ip: is"),
    ("spec.hostAliases", [{"ip": "::1", "hostnames": ["a_b"]}], "hostnames[0]: is"),
    ("spec.hostAliases", [{"ip": "::1", "hostnames": ["a.b"]}], OK),
    ("spec.hostAliases", [{"ip": "::1", "hostnames": [""]}], "hostnames[0]: is missing"),
    # dns
    ("spec.dnsPolicy", "Any", "spec.dnsPolicy: is"),
    ("spec.dnsPolicy", "None", "needs at least one address, because dnsPolicy is None"),
    ("spec.dnsConfig", {"nameservers": ["1.1.1.1"] * 4}, "has 4; needs at most 3"),
    ("spec.dnsConfig", {"nameservers": ["dns"]}, "nameservers[0]: is"),
    ("spec.dnsConfig", {"searches": ["a"] * 33}, "has 33; needs at most 32"),
    ("spec.dnsConfig", {"searches": ["a" * 60 + ".b"] * 32}, OK),
    ("spec.dnsConfig", {"searches": ["a" * 64] * 32}, "at most 2048 characters"),
    ("spec.dnsConfig", {"searches": ["a b"]}, "searches[0]: is"),
    ("spec.dnsConfig", {"searches": [".", "_a.b."]}, OK),
    ("spec.dnsConfig", {"options": [{"value": "1"}]}, "options[0].name: is missing"),
    # placing
    ("spec.nodeSelector", {"a": "b c"}, "spec.nodeSelector.a: has the value"),
    ("spec.os", {"name": "plan9"}, "needs one of linux, windows"),
    ("spec.runtimeClassName", "A", "spec.runtimeClassName: is"),
    ("spec.priorityClassName", "system-node-critical", OK),
    ("spec.preemptionPolicy", "Maybe", "spec.preemptionPolicy: is"),
    ("spec.imagePullSecrets", [{}], "imagePullSecrets[0].name: is missing"),
    ("spec.tolerations", [{"operator": "Is"}], "tolerations[0].operator: is"),
    ("spec.tolerations", [{"value": "a"}], "needs to be Exists where there is no key"),
    ("spec.tolerations", [{"key": "a", "operator": "Exists", "value": "b"}], "has no use"),
    ("spec.tolerations", [{"key": "a", "effect": "Never"}], "tolerations[0].effect: is"),
    ("spec.tolerations", [{"key": "a b"}], "tolerations[0].key:"),
    ("spec.tolerations", [{"key": "a", "tolerationSeconds": 3}], "needs to be NoExecute"),
    ("spec.resourceClaims", [{"name": "a"}], "resourceClaims[0]: needs source: one of"),
    (
        "spec.resourceClaims",
        [{"name": "a", "resourceClaimName": "x"}, {"name": "a", "resourceClaimName": "y"}],
        'resourceClaims[1].name: is "a" for a second claim',
    ),
    # pod security
    ("spec.securityContext", {"runAsUser": -1}, "runAsUser: is -1; needs 0 to 2147483647"),
    ("spec.securityContext", {"runAsGroup": 2**31}, "runAsGroup: is"),
    ("spec.securityContext", {"fsGroup": -1}, "fsGroup: is"),
    ("spec.securityContext", {"supplementalGroups": [1, -1]}, "supplementalGroups[1]: is"),
    ("spec.securityContext", {"supplementalGroupsPolicy": "x"}, "needs one of Merge, Strict"),
    ("spec.securityContext", {"fsGroupChangePolicy": "x"}, "OnRootMismatch, Always"),
    ("spec.securityContext", {"seLinuxChangePolicy": "x"}, "Recursive, MountOption"),
    ("spec.securityContext", {"seccompProfile": {"type": "x"}}, "RuntimeDefault, Unconfined"),
    ("spec.securityContext", {"seccompProfile": {"type": "Localhost"}}, "is missing; the type"),
    (
        "spec.securityContext",
        {"seccompProfile": {"type": "Localhost", "localhostProfile": "../x"}},
        'may not have ".." in it',
    ),
    (
        "spec.securityContext",
        {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "x"}},
        "may only be set with the type Localhost",
    ),
    ("spec.securityContext", {"sysctls": [{"name": "a b", "value": "1"}]}, "sysctls[0].name"),
    (
        "spec.securityContext",
        {"sysctls": [{"name": "net.a", "value": "1"}, {"name": "net/a", "value": "1"}]},
        'is "net/a" a second time',
    ),
    # containers
    ("spec.containers", [], "spec.containers: needs at least one container"),
    (f"{C}.name", "Web", 'spec.containers[0].name: is "Web"'),
    (f"{C}.name", "", "spec.containers[0].name: is missing"),
    (f"{C}.name", "init", 'is "init" for a second container'),
    (f"{C}.image", "", "spec.containers[0].image: is missing"),
    (f"{C}.image", " busybox", "may not have blanks before or after it"),
    (f"{C}.imagePullPolicy", "Sometimes", "Always, IfNotPresent, Never"),
    (f"{C}.terminationMessagePolicy", "Log", "File, FallbackToLogsOnError"),
    (f"{C}.ports", [{"containerPort": 0}], "containerPort: is 0; needs 1 to 65535"),
    (f"{C}.ports", [{"containerPort": 1, "hostPort": 65536}], "hostPort: is 65536"),
    (f"{C}.ports", [{"containerPort": 1, "protocol": "tcp"}], "TCP, UDP, SCTP"),
    (f"{C}.ports", [{"containerPort": 1, "hostIP": "host"}], "hostIP: is"),
    (f"{C}.ports", [{"containerPort": 1, "name": "8080"}], "ports[0].name: is"),
    (f"{C}.ports", [{"containerPort": 1, "name": "a--b"}], "ports[0].name: is"),
    (f"{C}.ports", [{"containerPort": 1, "name": "a" * 16}], "ports[0].name: is"),
    (
        f"{C}.ports",
        [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}],
        'ports[1].name: is "a" for a second port',
    ),
    (
        f"{C}.ports",
        [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}],
        "ports[1].hostPort: is 9 a second time for TCP",
    ),
    (
        f"{C}.ports",
        [
            {"containerPort": 1, "hostPort": 9},
            {"containerPort": 2, "hostPort": 9, "protocol": "UDP"},
            {"containerPort": 3, "hostPort": 9, "hostIP": "127.0.0.1"},
        ],
        OK,
    ),
    # environment
    (f"{C}.env", [{"name": "A=B", "value": "x"}], "env[0].name: is"),
    (f"{C}.env", [{"name": "", "value": "x"}], "env[0].name: is missing"),
    (f"{C}.env", [{"name": "1.a-b", "value": "x"}], OK),
    (f"{C}.env", [{"name": "A", "value": "x", "valueFrom": {}}], "together with value"),
    (f"{C}.env", env(), "valueFrom: needs source: one of"),
    (
        f"{C}.env",
        env(fieldRef={"fieldPath": "metadata.name"}, resourceFieldRef={"resource": "limits.cpu"}),
        "resourceFieldRef: is one too many beside fieldRef",
    ),
    (f"{C}.env", env(fieldRef={"fieldPath": "spec.nope"}), "needs one of metadata.name"),
    (f"{C}.env", env(fieldRef={"fieldPath": "metadata.labels['a/b']"}), OK),
    (f"{C}.env", env(fieldRef={"fieldPath": "metadata.labels['a b']"}), "fieldPath:"),
    (f"{C}.env", env(fieldRef={"fieldPath": "metadata.name", "apiVersion": "v2"}), "apiVersion"),
    (f"{C}.env", env(resourceFieldRef={"resource": "cpu"}), "needs limits. or requests."),
    (
        f"{C}.env",
        env(resourceFieldRef={"resource": "limits.cpu", "divisor": "-1"}),
        "divisor: may not be negative",
    ),
    (f"{C}.env", env(secretKeyRef={"name": "s", "key": ""}), "secretKeyRef.key: is missing"),
    (f"{C}.env", env(configMapKeyRef={"key": "k"}), "configMapKeyRef.name: is missing"),
    (f"{C}.env", env(secretKeyRef={"name": "s", "key": "k"}), OK),
    (
        f"{C}.env",
        env(fileKeyRef={"volumeName": "nope", "path": "a", "key": "K"}),
        '"nope" needs to be an emptyDir',
    ),
    (f"{C}.env", env(fileKeyRef={"volumeName": "data", "path": "/a", "key": "K"}), "path: is"),
    (f"{C}.env", env(fileKeyRef={"volumeName": "data", "path": "a", "key": "K"}), OK),
    (f"{C}.envFrom", [{}], "envFrom[0]: needs source"),
    (f"{C}.envFrom", [{"configMapRef": {}}], "configMapRef.name: is missing"),
    (f"{C}.envFrom", [{"secretRef": {"name": "s"}, "prefix": "="}], "prefix: is"),
    # mounts and devices
    (f"{C}.volumeMounts", [{"name": "x", "mountPath": "/x"}], '"x" is not one of spec.volumes'),
    (f"{C}.volumeMounts", mount(mountPath=""), "mountPath: is missing"),
    (f"{C}.volumeMounts", mount(mountPath="data"), "needs an absolute path"),
    (f"{C}.volumeMounts", mount() * 2, "mountPath: is /data a second time"),
    (f"{C}.volumeMounts", mount(subPath="a/../b"), 'subPath: is "a/../b"; may not have'),
    (f"{C}.volumeMounts", mount(subPath="/a"), "needs a path relative to the volume"),
    (f"{C}.volumeMounts", mount(subPath="a", subPathExpr="b"), "together with subPath"),
    (f"{C}.volumeMounts", mount(mountPropagation="Both"), "mountPropagation: is"),
    (f"{C}.volumeMounts", mount(mountPropagation="Bidirectional"), "needs a privileged"),
    (f"{C}.volumeMounts", mount(recursiveReadOnly="Yes"), "Disabled, IfPossible, Enabled"),
    (f"{C}.volumeMounts", mount(recursiveReadOnly="Enabled"), "Enabled needs readOnly: true"),
    (
        f"{C}.volumeMounts",
        mount(recursiveReadOnly="IfPossible", readOnly=True, mountPropagation="HostToContainer"),
        "needs mountPropagation to be None",
    ),
    (f"{C}.volumeDevices", [{"name": "x", "devicePath": "/x"}], "is not one of spec.volumes"),
    (f"{C}.volumeDevices", [{"name": "data", "devicePath": "/x"}], "needs to be a persistent"),
    (f"{C}.volumeDevices", [{"name": "data", "devicePath": "/x"}], "already in volumeMounts"),
    (f"{C}.volumeDevices", [{"name": "data", "devicePath": "/data"}], "/data a second time"),
    # probes and hooks
    (f"{C}.livenessProbe", {}, "livenessProbe: needs handler: one of exec, httpGet"),
    (f"{C}.livenessProbe", EXEC | GET, "httpGet: is one too many beside exec"),
    (f"{C}.livenessProbe", EXEC | {"successThreshold": 2}, "is 2; needs 1 to 1"),
    (f"{C}.startupProbe", EXEC | {"successThreshold": 2}, "is 2; needs 1 to 1"),
    (f"{C}.readinessProbe", EXEC | {"successThreshold": 2}, OK),
    (f"{C}.readinessProbe", EXEC | {"terminationGracePeriodSeconds": 2}, "readiness probe"),
    (f"{C}.livenessProbe", EXEC | {"terminationGracePeriodSeconds": 0}, "needs at least 1"),
    (f"{C}.livenessProbe", EXEC | {"periodSeconds": -1}, "periodSeconds: is -1"),
    (f"{C}.livenessProbe", EXEC | {"periodSeconds": 0}, OK),
    (f"{C}.livenessProbe", {"exec": {}}, "exec.command: is missing"),
    (f"{C}.livenessProbe", {"httpGet": {"port": 0}}, "httpGet.port: is 0"),
    (f"{C}.livenessProbe", {"httpGet": {"port": "-"}}, "httpGet.port: is"),
    (f"{C}.livenessProbe", {"httpGet": {"port": 1, "scheme": "ftp"}}, "HTTP, HTTPS"),
    (
        f"{C}.livenessProbe",
        {"httpGet": {"port": 1, "httpHeaders": [{"name": "a b", "value": ""}]}},
        "httpHeaders[0].name: is",
    ),
    (
        f"{C}.livenessProbe",
        {"httpGet": {"port": 1, "httpHeaders": [{"name": "X-A", "value": ""}]}},
        OK,
    ),
    (f"{C}.livenessProbe", {"tcpSocket": {"port": 70000}}, "tcpSocket.port: is 70000"),
    (f"{C}.livenessProbe", {"grpc": {"port": 0}}, "grpc.port: is 0"),
    (f"{C}.lifecycle", {"preStop": {}}, "lifecycle.preStop: needs handler"),
    (f"{C}.lifecycle", {"preStop": {"sleep": {"seconds": 31}}}, "is 31; needs 0 to 30"),
    (f"{C}.lifecycle", {"preStop": {"sleep": {"seconds": 0}}}, OK),
    # resources
    (f"{C}.resources", {"limits": {"cpu": "-1"}}, "limits.cpu: is -1; may not be negative"),
    (f"{C}.resources", {"limits": {"gpu": "1"}}, "limits.gpu: is no resource"),
    (f"{C}.resources", {"limits": {"example.org/gpu": "1.5"}}, "needs a whole number"),
    (f"{C}.resources", {"limits": {"example.org/g p": "1"}}, '"g p" needs at most 63'),
    (f"{C}.resources", {"requests": {"example.org/gpu": "1"}}, "needs a limit of the same"),
    (
        f"{C}.resources",
        {"requests": {"example.org/gpu": "1"}, "limits": {"example.org/gpu": "2"}},
        "needs to equal the limit of 2",
    ),
    (
        f"{C}.resources",
        {"requests": {"cpu": "1.1"}, "limits": {"cpu": "1"}},
        "may not be above the limit of 1",
    ),
    (f"{C}.resources", {"requests": {"cpu": "1000m"}, "limits": {"cpu": 1}}, OK),
    (f"{C}.resources", {"limits": {"hugepages-2Mi": "2Mi"}}, "needs cpu or memory beside"),
    (f"{C}.resources", {"limits": {"hugepages-2Mi": "2Mi", "cpu": "1"}}, OK),
    (f"{C}.resources", {"claims": [{"name": "x"}]}, "is not one of spec.resourceClaims"),
    (f"{C}.resizePolicy", [{"resourceName": "x", "restartPolicy": "NotRequired"}], "cpu, memory"),
    (
        f"{C}.resizePolicy",
        [{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2,
        "is cpu a second time",
    ),
    (f"{C}.resources", {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}, OK),
    ("spec.resources", {"limits": {"example.org/gpu": "1"}}, "is no resource; needs cpu, memory"),
    ("spec.resources", {"claims": [{"name": "x"}]}, "may only be set on containers"),
    # security context of a container
    (f"{C}.securityContext", {"procMount": "x"}, "needs one of Default, Unmasked"),
    (f"{C}.securityContext", {"procMount": "Unmasked"}, "only where spec.hostUsers is false"),
    (
        f"{C}.securityContext",
        {"privileged": True, "allowPrivilegeEscalation": False},
        "may not be false together with privileged: true",
    ),
    (
        f"{C}.securityContext",
        {"capabilities": {"add": ["SYS_ADMIN"]}, "allowPrivilegeEscalation": False},
        "together with the capability SYS_ADMIN",
    ),
    # restart rules
    (f"{C}.restartPolicy", "Never", OK),
    (f"{C}.restartPolicy", "Sometimes", "restartPolicy: is"),
    (f"{C}.restartPolicyRules", [RULE], "restartPolicy: is missing; restartPolicyRules need it"),
    (f"{N}.restartPolicy", "Always", OK),
    (f"{N}.livenessProbe", EXEC, "may only be set on an init container with restartPolicy"),
    (f"{N}.lifecycle", {"preStop": EXEC}, "may only be set on an init container"),
    # volumes
    (f"{V}.name", "Data", "spec.volumes[0].name: is"),
    ("spec.volumes.1", source(emptyDir={}), 'is "data" for a second volume'),
    (V, source(emptyDir={}, secret={"secretName": "s"}), "is one too many beside"),
    (V, {"name": "data"}, OK),
    (V, source(hostPath={"path": "data"}), "hostPath.path: is"),
    (V, source(hostPath={"path": "/a/../b"}), 'may not have ".."'),
    (V, source(hostPath={"path": "/a", "type": "Folder"}), "DirectoryOrCreate"),
    (V, source(hostPath={"path": "/a", "type": "File"}), OK),
    (V, source(emptyDir={"medium": "Disk"}), "emptyDir.medium: is"),
    (V, source(emptyDir={"medium": "HugePages-2Mi"}), OK),
    (V, source(emptyDir={"sizeLimit": "-1"}), "sizeLimit: may not be negative"),
    (V, source(image={}), "image.reference: is missing"),
    (V, source(image={"reference": "a", "pullPolicy": "x"}), "pullPolicy: is"),
    (V, source(secret={}), "secret.secretName: is missing"),
    (V, source(secret={"secretName": "s", "defaultMode": 0o1000}), "is 1000 octal; needs"),
    (V, source(secret={"secretName": "s", "items": [{"key": "", "path": "a"}]}), "items[0].key"),
    (V, source(configMap={}), "configMap.name: is missing"),
    (V, source(configMap={"name": "c", "items": [{"key": "k", "path": ""}]}), "path: is missing"),
    (V, source(fc={"wwids": ["1"]}), OK),
    (V, source(csi={"driver": "csi.example.org"}), OK),
    (V, source(configMap={"name": "c", "items": [{"key": "k", "path": "..a"}]}), "start with"),
    (V, source(configMap={"name": "c", "items": [{"key": "k", "path": "a"}]}), OK),
    (V, source(downwardAPI={"items": [{"path": "a"}]}), "items[0]: needs value"),
    (
        V,
        source(downwardAPI={"items": [{"path": "a", "fieldRef": {"fieldPath": "status.podIP"}}]}),
        "needs one of metadata.name",
    ),
    (
        V,
        source(
            downwardAPI={"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}}] * 2}
        ),
        'is "a" for a second file',
    ),
    (
        V,
        source(
            downwardAPI={"items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}}]}
        ),
        "containerName: is missing",
    ),
    (V, source(projected={"sources": [{}]}), "sources[0]: needs source"),
    (V, source(projected={"sources": [{"secret": {}}]}), "secret.name: is missing"),
    (V, source(projected={"sources": [{"configMap": {}}]}), "configMap.name: is missing"),
    (
        V,
        source(projected={"sources": [{"downwardAPI": {"items": [{"path": "a"}]}}]}),
        "downwardAPI.items[0]: needs value",
    ),
    (
        V,
        source(
            projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 9}}]}
        ),
        "expirationSeconds: is 9; needs 600",
    ),
    (V, source(nfs={"server": "", "path": "/x"}), "nfs.server: is missing"),
    (V, source(iscsi={"targetPortal": "p", "iqn": "", "lun": 0}), "iscsi.iqn: is missing"),
    (V, source(iscsi={"targetPortal": "p", "iqn": "i", "lun": 256}), "iscsi.lun: is 256"),
    (V, source(csi={"driver": "a b"}), "csi.driver: is"),
    (V, source(fc={}), "fc: needs targetWWNs"),
    (V, PVC, OK),
]


@pytest.mark.parametrize(("path", "value", "words"), ROWS)
def test_a_field_that_cannot_be_is_named(path: str, value: Any, words: str | None) -> None:
    found = problems_of(**{path: value})
    if words is None:
        assert found == []
    else:
        assert any(words in message for message in found), found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec.hostUsers": False, "spec.hostNetwork": True}, "together with hostNetwork: true"),
        ({"spec.hostUsers": False, "spec.hostPID": True}, "together with hostPID: true"),
        ({"spec.hostUsers": False, f"{C}.securityContext": {"procMount": "Unmasked"}}, OK),
        ({"spec.hostPID": True, "spec.shareProcessNamespace": True}, "shareProcessNamespace: may"),
        (
            {"spec.hostNetwork": True, f"{C}.ports": [{"containerPort": 1, "hostPort": 2}]},
            "needs to equal containerPort under hostNetwork",
        ),
        ({"spec.hostNetwork": True, f"{C}.ports": [{"containerPort": 1}]}, OK),
        ({"spec.hostNetwork": True, "spec.hostnameOverride": "a"}, "together with hostNetwork"),
        ({"spec.setHostnameAsFQDN": True, "spec.hostnameOverride": "a"}, "setHostnameAsFQDN: true"),
        (
            {
                "spec.hostNetwork": True,
                "spec.securityContext": {"sysctls": [{"name": "net.x", "value": "1"}]},
            },
            "net.x may not be set together with hostNetwork",
        ),
        (
            {
                "spec.hostIPC": True,
                "spec.securityContext": {"sysctls": [{"name": "kernel.shmmax", "value": "1"}]},
            },
            "kernel.shmmax may not be set together with hostIPC",
        ),
        ({"spec.dnsPolicy": "None", "spec.dnsConfig": {"nameservers": ["::1"]}}, OK),
        ({N + ".restartPolicy": "Always", N + ".startupProbe": EXEC}, OK),
        ({N + ".restartPolicy": "Always", N + ".restartPolicyRules": [RULE]}, "has no use beside"),
        ({C + ".restartPolicy": "Never", C + ".restartPolicyRules": [RULE]}, OK),
        (
            {C + ".restartPolicy": "Never", C + ".restartPolicyRules": [RULE] * 21},
            "has 21 rules; needs at most 20",
        ),
        (
            {C + ".restartPolicy": "Never", C + ".restartPolicyRules": [{"action": "Restart"}]},
            "restartPolicyRules[0].exitCodes: is missing",
        ),
        (
            {
                C + ".restartPolicy": "Never",
                C + ".restartPolicyRules": [
                    {"action": "Stop", "exitCodes": {"operator": "Is", "values": [1, 1]}}
                ],
            },
            "needs 1 to 255 different exit codes",
        ),
        (
            {
                f"{C}.securityContext": {"privileged": True},
                f"{C}.volumeMounts": mount(mountPropagation="Bidirectional"),
            },
            OK,
        ),
        (
            {
                f"{V}": PVC,
                f"{C}.volumeMounts": [],
                f"{C}.volumeDevices": [{"name": "data", "devicePath": "/d"}],
            },
            OK,
        ),
        (
            {
                "spec.resourceClaims": [{"name": "a", "resourceClaimName": "x"}],
                f"{C}.resources": {"claims": [{"name": "a"}, {"name": "a"}]},
            },
            "claims[1]: is there twice",
        ),
        (
            {
                "spec.resources": {"limits": {"cpu": "1"}},
                f"{C}.resources": {"limits": {"cpu": "2"}},
            },
            "container web may have 2",
        ),
        (
            {
                "spec.resources": {"requests": {"cpu": "1"}},
                f"{C}.resources": {"requests": {"cpu": "2"}},
            },
            "spec.resources.requests.cpu: is 1; the containers ask for more in sum",
        ),
        (
            {
                "spec.resources": {"limits": {"cpu": "2"}},
                f"{C}.resources": {"limits": {"cpu": "2"}},
            },
            OK,
        ),
    ],
)
def test_fields_that_cannot_be_together_are_named(
    changes: dict[str, Any], words: str | None
) -> None:
    found = problems_of(**changes)
    if words is None:
        assert found == []
    else:
        assert any(words in message for message in found), found


def test_the_place_is_that_of_the_value_or_of_what_it_is_missing_from() -> None:
    text = json.dumps(a_pod(), indent=1).replace('"/data"', '"data"').replace('"busybox"', '""')
    found = check_manifest(text.encode(), origin="o", node_name="n")
    lines = text.splitlines()
    assert [(lines[p.line - 1].strip(), p.column) for p in found] == [
        ('"image": ""', lines[found[0].line - 1].index('""') + 1),
        ('"image": "",', lines[found[1].line - 1].index('""') + 1),
        ('"mountPath": "data"', lines[found[2].line - 1].index('"data"') + 1),
    ]
