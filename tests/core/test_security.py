"""Security contexts of containers."""

import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.security import (
    MASKED,
    READ_ONLY,
    apparmor_profile,
    container_security,
    is_privileged,
    pod_namespaces,
    supplemental_groups,
)
from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import (
    ContainerSecurity,
    IdRange,
    Namespaces,
    Profile,
    SelinuxSpec,
    VolumePlace,
)
from nodeagent.model.memory import ImageOutcome, ImageState
from nodeagent.model.node import NodeFacts, NodeRules, PodDirs

NODE = NodeFacts(name="n")
DIRS = PodDirs(root="/var/lib/kubelet", logs="/var/log/pods")
RANGE = IdRange(host_id=65536, container_id=0, length=65536)


def an_image(uid: int | None = None, username: str = "") -> ImageOutcome:
    return ImageOutcome(attempt=0, state=ImageState.READY, uid=uid, username=username)


def a_pod(
    context: v1.PodSecurityContext | None = None, annotations: dict[str, str] | None = None
) -> DesiredPod:
    return DesiredPod(
        uid=PodUid("u1"),
        source=Source.FILE,
        origin="",
        pod=v1.Pod(
            metadata=meta_v1.ObjectMeta(name="web", namespace="shop", annotations=annotations),
            spec=v1.PodSpec(containers=[v1.Container(name="c")], securityContext=context),
        ),
    )


def secured(
    own: v1.SecurityContext | None = None,
    whole: v1.PodSecurityContext | None = None,
    *,
    image: ImageOutcome | None = None,
    rules: NodeRules | None = None,
    node: NodeFacts = NODE,
) -> ContainerSecurity:
    return container_security(
        a_pod(whole),
        v1.Container(name="c", securityContext=own),
        image=image or an_image(),
        namespaces=Namespaces(),
        volumes={"v": VolumePlace(host_path="/v", gid=77), "w": VolumePlace(host_path="/w")},
        node=node,
        rules=rules or NodeRules(),
        dirs=DIRS,
    )


def test_a_plain_container_is_root_masked_and_unconfined() -> None:
    assert secured() == ContainerSecurity(
        run_as_user=0,
        supplemental_groups=(77,),
        masked_paths=MASKED,
        readonly_paths=READ_ONLY,
    )


def test_the_containers_fields_replace_the_pods() -> None:
    whole = v1.PodSecurityContext(
        runAsUser=1,
        runAsGroup=2,
        fsGroup=3,
        supplementalGroups=[4, 5],
        supplementalGroupsPolicy="Strict",
        seLinuxOptions=v1.SELinuxOptions(level="s0", type="t", user="u", role="r"),
    )
    got = secured(None, whole, image=an_image(9))
    assert (got.run_as_user, got.run_as_group) == (1, 2)
    assert got.supplemental_groups == (3, 4, 5, 77)
    assert got.supplemental_groups_policy == "Strict"
    assert got.selinux == SelinuxSpec(level="s0", type="t", user="u", role="r")
    own = v1.SecurityContext(
        runAsUser=0,
        runAsGroup=0,
        seLinuxOptions=v1.SELinuxOptions(level="s1"),
        privileged=True,
        readOnlyRootFilesystem=True,
        allowPrivilegeEscalation=False,
        capabilities=v1.Capabilities(add=["NET_ADMIN"], drop=["ALL"]),
    )
    got = secured(own, whole)
    assert (got.run_as_user, got.run_as_group) == (0, 0)
    assert got.selinux == SelinuxSpec(level="s1")
    assert got.privileged and got.readonly_rootfs and got.no_new_privs
    assert (got.add_capabilities, got.drop_capabilities) == (("NET_ADMIN",), ("ALL",))


@pytest.mark.parametrize(
    ("image", "uid", "username"),
    [(an_image(), 0, ""), (an_image(1000), 1000, ""), (an_image(None, "web"), None, "web")],
)
def test_the_image_names_the_user_where_the_spec_does_not(
    image: ImageOutcome, uid: int | None, username: str
) -> None:
    got = secured(image=image)
    assert (got.run_as_user, got.run_as_username) == (uid, username)


@pytest.mark.parametrize(
    ("user", "image", "trouble"),
    [
        (0, an_image(5), "container's runAsUser breaks non-root policy"),
        (None, an_image(0), "container has runAsNonRoot and image will run as root"),
        (None, an_image(), "container has runAsNonRoot and image will run as root"),
        (None, an_image(None, "web"), "container has runAsNonRoot and image has non-numeric user "
         "(web), cannot verify user is non-root"),
    ],
)  # fmt: skip
def test_root_is_refused_where_it_must_not_be(
    user: int | None, image: ImageOutcome, trouble: str
) -> None:
    own = v1.SecurityContext(runAsNonRoot=True, runAsUser=user)
    with pytest.raises(ConfigError) as failure:
        secured(own, image=image)
    assert failure.value.detail == f'{trouble} (pod: "web_shop(u1)", container: c)'
    assert failure.value.reason == "CreateContainerConfigError"


@pytest.mark.parametrize(("user", "image"), [(5, an_image(0)), (None, an_image(5))])
def test_others_than_root_may_run(user: int | None, image: ImageOutcome) -> None:
    own = v1.SecurityContext(runAsNonRoot=True, runAsUser=user)
    assert secured(own, image=image).run_as_user == 5


def test_the_container_may_lift_the_pods_ban_on_root() -> None:
    whole = v1.PodSecurityContext(runAsNonRoot=True)
    assert secured(v1.SecurityContext(runAsNonRoot=False), whole).run_as_user == 0
    with pytest.raises(ConfigError):
        secured(None, whole)


def test_proc_can_be_unmasked() -> None:
    got = secured(v1.SecurityContext(procMount="Unmasked"))
    assert (got.masked_paths, got.readonly_paths) == ((), ())


def test_paths_of_the_nodes_own_cpus_are_masked_too() -> None:
    path = "/sys/devices/system/cpu/cpu0/thermal_throttle"
    got = secured(node=NodeFacts(name="n", throttle_paths=(path,)))
    assert got.masked_paths == (*MASKED, path)


LOCAL = v1.SeccompProfile(type="Localhost", localhostProfile="a/b.json")
DEFAULT = v1.SeccompProfile(type="RuntimeDefault")
FREE = v1.SeccompProfile(type="Unconfined")


@pytest.mark.parametrize(
    ("own", "whole", "default", "expected"),
    [
        (None, None, False, Profile(kind="Unconfined")),
        (None, None, True, Profile(kind="RuntimeDefault")),
        (None, DEFAULT, False, Profile(kind="RuntimeDefault")),
        (FREE, DEFAULT, True, Profile(kind="Unconfined")),
        (LOCAL, None, False, Profile(kind="Localhost", ref="/var/lib/kubelet/seccomp/a/b.json")),
    ],
)
def test_seccomp_is_chosen_from_the_inside_out(
    own: v1.SeccompProfile | None,
    whole: v1.SeccompProfile | None,
    default: bool,
    expected: Profile,
) -> None:
    got = secured(
        v1.SecurityContext(seccompProfile=own),
        v1.PodSecurityContext(seccompProfile=whole),
        rules=NodeRules(seccomp_default=default),
    )
    assert got.seccomp == expected


def test_a_localhost_profile_needs_a_name() -> None:
    own = v1.SecurityContext(seccompProfile=v1.SeccompProfile(type="Localhost"))
    with pytest.raises(ConfigError, match="localhostProfile must be set"):
        secured(own)


@pytest.mark.parametrize(
    ("own", "whole", "annotation", "expected"),
    [
        (None, None, None, None),
        (v1.AppArmorProfile(type="Unconfined"), v1.AppArmorProfile(type="RuntimeDefault"), None,
         Profile(kind="Unconfined")),
        (None, v1.AppArmorProfile(type="Localhost", localhostProfile="p"), "unconfined",
         Profile(kind="Localhost", ref="p")),
        (None, None, "runtime/default", Profile(kind="RuntimeDefault")),
        (None, None, "unconfined", Profile(kind="Unconfined")),
        (None, None, "localhost/p/q", Profile(kind="Localhost", ref="p/q")),
        (None, None, "something", None),
    ],
)  # fmt: skip
def test_apparmor_is_chosen_from_the_inside_out(
    own: v1.AppArmorProfile | None,
    whole: v1.AppArmorProfile | None,
    annotation: str | None,
    expected: Profile | None,
) -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    pod = a_pod(
        v1.PodSecurityContext(appArmorProfile=whole), {key: annotation} if annotation else None
    )
    container = v1.Container(name="c", securityContext=v1.SecurityContext(appArmorProfile=own))
    assert apparmor_profile(pod.pod, container) == expected


def test_a_bare_pod_has_no_apparmor_profile() -> None:
    assert apparmor_profile(v1.Pod(), v1.Container(name="c")) is None


def spec(**more: object) -> v1.PodSpec:
    return v1.PodSpec(containers=[], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "target", "expected"),
    [
        (spec(), "", Namespaces()),
        (spec(), "abc", Namespaces(pid="TARGET", pid_target="abc")),
        (spec(shareProcessNamespace=True), "abc", Namespaces(pid="POD")),
        (spec(hostPID=True, hostNetwork=True, hostIPC=True), "",
         Namespaces(pid="NODE", host_network=True, host_ipc=True)),
        (spec(hostUsers=False), "", Namespaces(user=RANGE)),
        (spec(hostUsers=True), "", Namespaces()),
    ],
)  # fmt: skip
def test_namespaces_follow_the_spec(given: v1.PodSpec, target: str, expected: Namespaces) -> None:
    assert pod_namespaces(given, user=RANGE, target=target) == expected


def test_groups_without_a_context_are_those_of_volumes() -> None:
    assert supplemental_groups(spec(), ()) == ()
    assert supplemental_groups(spec(), (VolumePlace(gid=5), VolumePlace())) == (5,)


def test_one_privileged_container_makes_the_sandbox_so() -> None:
    quiet = v1.Container(name="a", securityContext=v1.SecurityContext(privileged=False))
    loud = v1.Container(name="b", securityContext=v1.SecurityContext(privileged=True))
    assert not is_privileged(v1.PodSpec(containers=[quiet, v1.Container(name="c")]))
    assert is_privileged(v1.PodSpec(containers=[quiet], initContainers=[loud]))
