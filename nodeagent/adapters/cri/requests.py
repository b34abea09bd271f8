"""Values -> protobuf requests. Pure; every decision was taken before."""

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.model.launch import (
    ContainerConfig,
    ContainerSecurity,
    DnsSpec,
    IdRange,
    MountSpec,
    Namespaces,
    Profile,
    Propagation,
    Resources,
    SandboxConfig,
    SelinuxSpec,
)

_PROPAGATIONS = {
    Propagation.NONE: pb.PROPAGATION_PRIVATE,
    Propagation.HOST_TO_CONTAINER: pb.PROPAGATION_HOST_TO_CONTAINER,
    Propagation.BIDIRECTIONAL: pb.PROPAGATION_BIDIRECTIONAL,
}
_PROTOCOLS = {"TCP": pb.TCP, "UDP": pb.UDP, "SCTP": pb.SCTP}
_PID_MODES = {"POD": pb.POD, "CONTAINER": pb.CONTAINER, "NODE": pb.NODE, "TARGET": pb.TARGET}
_GROUP_POLICIES = {"Merge": pb.Merge, "Strict": pb.Strict}
_PROFILES = {
    "RuntimeDefault": pb.SecurityProfile.RuntimeDefault,
    "Unconfined": pb.SecurityProfile.Unconfined,
    "Localhost": pb.SecurityProfile.Localhost,
}
_LEGACY_APPARMOR = {"RuntimeDefault": "runtime/default", "Unconfined": "unconfined"}


def sandbox_config(config: SandboxConfig) -> pb.PodSandboxConfig:
    """The message that RunPodSandbox takes, and CreateContainer beside its own."""
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=config.name, uid=config.uid, namespace=config.namespace, attempt=config.attempt
        ),
        hostname=config.hostname,
        log_directory=config.log_directory,
        dns_config=_dns(config.dns) if config.dns is not None else None,
        port_mappings=[
            pb.PortMapping(
                protocol=_PROTOCOLS[port.protocol],
                container_port=port.container_port,
                host_port=port.host_port,
                host_ip=port.host_ip,
            )
            for port in config.ports
        ],
        labels=config.labels,
        annotations=config.annotations,
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=config.cgroup_parent,
            security_context=_sandbox_security(config),
            sysctls=config.sysctls,
            overhead=_resources_or_none(config.overhead),
            resources=_resources_or_none(config.resources),
        ),
    )


def container_config(config: ContainerConfig) -> pb.ContainerConfig:
    """The message that CreateContainer takes."""
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=pb.ImageSpec(image=config.image_ref, user_specified_image=config.image),
        command=config.command,
        args=config.args,
        working_dir=config.working_dir,
        envs=[pb.KeyValue(key=k, value=_raw(v)) for k, v in config.env],
        mounts=[_mount(mount) for mount in config.mounts],
        devices=[
            pb.Device(
                container_path=device.container_path,
                host_path=device.host_path,
                permissions=device.permissions,
            )
            for device in config.devices
        ],
        labels=config.labels,
        annotations=config.annotations,
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        linux=pb.LinuxContainerConfig(
            resources=linux_resources(config.resources),
            security_context=_container_security(config.security),
        ),
        CDI_devices=[pb.CDIDevice(name=name) for name in config.cdi_devices],
        stop_signal=_signal(config.stop_signal),
    )


def linux_resources(resources: Resources) -> pb.LinuxContainerResources:
    """cgroup values; what is zero or empty is left for the runtime's default."""
    return pb.LinuxContainerResources(
        cpu_period=resources.cpu_period,
        cpu_quota=resources.cpu_quota,
        cpu_shares=resources.cpu_shares,
        memory_limit_in_bytes=resources.memory_limit_bytes,
        memory_swap_limit_in_bytes=resources.memory_swap_limit_bytes,
        oom_score_adj=resources.oom_score_adj,
        cpuset_cpus=resources.cpuset_cpus,
        cpuset_mems=resources.cpuset_mems,
        hugepage_limits=[
            pb.HugepageLimit(page_size=size, limit=limit) for size, limit in resources.hugepages
        ],
        unified=dict(resources.unified),
    )


def _resources_or_none(resources: Resources | None) -> pb.LinuxContainerResources | None:
    return None if resources is None else linux_resources(resources)


def _sandbox_security(config: SandboxConfig) -> pb.LinuxSandboxSecurityContext:
    return pb.LinuxSandboxSecurityContext(
        namespace_options=_namespaces(config.namespaces),
        selinux_options=_selinux(config.selinux),
        run_as_user=_int64(config.run_as_user),
        run_as_group=_int64(config.run_as_group),
        supplemental_groups=config.supplemental_groups,
        supplemental_groups_policy=_GROUP_POLICIES[config.supplemental_groups_policy],
        privileged=config.privileged,
        seccomp=_profile(config.seccomp),
    )


def _container_security(security: ContainerSecurity) -> pb.LinuxContainerSecurityContext:
    return pb.LinuxContainerSecurityContext(
        capabilities=pb.Capability(
            add_capabilities=security.add_capabilities,
            drop_capabilities=security.drop_capabilities,
        ),
        privileged=security.privileged,
        namespace_options=_namespaces(security.namespaces),
        selinux_options=_selinux(security.selinux),
        run_as_user=_int64(security.run_as_user),
        run_as_group=_int64(security.run_as_group),
        run_as_username=security.run_as_username,
        readonly_rootfs=security.readonly_rootfs,
        supplemental_groups=security.supplemental_groups,
        supplemental_groups_policy=_GROUP_POLICIES[security.supplemental_groups_policy],
        no_new_privs=security.no_new_privs,
        masked_paths=security.masked_paths,
        readonly_paths=security.readonly_paths,
        seccomp=_profile(security.seccomp),
        apparmor=_profile(security.apparmor),
        apparmor_profile=_legacy_apparmor(security.apparmor),
    )


def _namespaces(namespaces: Namespaces) -> pb.NamespaceOption:
    return pb.NamespaceOption(
        network=pb.NODE if namespaces.host_network else pb.POD,
        pid=_PID_MODES[namespaces.pid],
        ipc=pb.NODE if namespaces.host_ipc else pb.POD,
        target_id=namespaces.pid_target,
        userns_options=_user_namespace(namespaces.user),
    )


def _user_namespace(mapping: IdRange | None) -> pb.UserNamespace | None:
    if mapping is None:
        return None
    return pb.UserNamespace(mode=pb.POD, uids=[_id_mapping(mapping)], gids=[_id_mapping(mapping)])


def _id_mapping(mapping: IdRange) -> pb.IDMapping:
    return pb.IDMapping(
        host_id=mapping.host_id, container_id=mapping.container_id, length=mapping.length
    )


def _mount(mount: MountSpec) -> pb.Mount:
    mappings = [] if mount.id_map is None else [_id_mapping(mount.id_map)]
    return pb.Mount(
        container_path=mount.container_path,
        host_path=mount.host_path,
        readonly=mount.readonly,
        selinux_relabel=mount.selinux_relabel,
        propagation=_PROPAGATIONS[mount.propagation],
        uidMappings=mappings,
        gidMappings=mappings,
        recursive_read_only=mount.recursive_read_only,
        image=pb.ImageSpec(image=mount.image) if mount.image else None,
        image_sub_path=mount.image_sub_path,
    )


def _dns(dns: DnsSpec) -> pb.DNSConfig:
    return pb.DNSConfig(servers=dns.servers, searches=dns.searches, options=dns.options)


def _profile(profile: Profile | None) -> pb.SecurityProfile | None:
    if profile is None:
        return None
    return pb.SecurityProfile(profile_type=_PROFILES[profile.kind], localhost_ref=profile.ref)


def _legacy_apparmor(profile: Profile | None) -> str:
    """The string that runtimes older than the structured field read."""
    if profile is None:
        return ""
    return _LEGACY_APPARMOR.get(profile.kind, f"localhost/{profile.ref}")


def _selinux(label: SelinuxSpec | None) -> pb.SELinuxOption | None:
    if label is None:
        return None
    return pb.SELinuxOption(user=label.user, role=label.role, type=label.type, level=label.level)


def _signal(name: str) -> int:
    """CRI spells SIGRTMIN+1 as SIGRTMINPLUS1, and has a number of its own for each signal."""
    if not name:
        return pb.RUNTIME_DEFAULT
    spelled = name.replace("+", "PLUS").replace("-", "MINUS")
    number: int = pb.DESCRIPTOR.enum_types_by_name["Signal"].values_by_name[spelled].number
    return number


def _int64(value: int | None) -> pb.Int64Value | None:
    return None if value is None else pb.Int64Value(value=value)


def _raw(value: str) -> bytes:
    """CRI takes bytes: what came in as undecodable bytes goes out unchanged."""
    return value.encode("utf-8", "surrogateescape")
