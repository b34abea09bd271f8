"""Messages of package runtime.v1. Made from protos/cri.proto by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\tcri.proto\x12\nruntime.v1"!\n\x0eVersionRequest\x12\x0f\n\x07version\x18\x01 \x01(\t"n\n\x0fVe'
    b'rsionResponse\x12\x0f\n\x07version\x18\x01 \x01(\t\x12\x14\n\x0cruntime_name\x18\x02 \x01(\t\x12\x17\n\x0fruntime_'
    b'version\x18\x03 \x01(\t\x12\x1b\n\x13runtime_api_version\x18\x04 \x01(\t"?\n\tDNSConfig\x12\x0f\n\x07serve'
    b'rs\x18\x01 \x03(\t\x12\x10\n\x08searches\x18\x02 \x03(\t\x12\x0f\n\x07options\x18\x03 \x03(\t"q\n\x0bPortMapping\x12&\n\x08pr'
    b'otocol\x18\x01 \x01(\x0e2\x14.runtime.v1.Protocol\x12\x16\n\x0econtainer_port\x18\x02 \x01(\x05\x12\x11\n\tho'
    b'st_port\x18\x03 \x01(\x05\x12\x0f\n\x07host_ip\x18\x04 \x01(\t"\xc3\x02\n\x05Mount\x12\x16\n\x0econtainer_path\x18\x01 \x01(\t'
    b'\x12\x11\n\thost_path\x18\x02 \x01(\t\x12\x10\n\x08readonly\x18\x03 \x01(\x08\x12\x17\n\x0fselinux_relabel\x18\x04 \x01(\x08\x121'
    b'\n\x0bpropagation\x18\x05 \x01(\x0e2\x1c.runtime.v1.MountPropagation\x12*\n\x0buidMappings'
    b'\x18\x06 \x03(\x0b2\x15.runtime.v1.IDMapping\x12*\n\x0bgidMappings\x18\x07 \x03(\x0b2\x15.runtime.v1.'
    b'IDMapping\x12\x1b\n\x13recursive_read_only\x18\x08 \x01(\x08\x12$\n\x05image\x18\t \x01(\x0b2\x15.runtime.'
    b'v1.ImageSpec\x12\x16\n\x0eimage_sub_path\x18\n \x01(\t"B\n\tIDMapping\x12\x0f\n\x07host_id\x18\x01 \x01'
    b'(\r\x12\x14\n\x0ccontainer_id\x18\x02 \x01(\r\x12\x0e\n\x06length\x18\x03 \x01(\r"\x82\x01\n\rUserNamespace\x12\'\n\x04mo'
    b'de\x18\x01 \x01(\x0e2\x19.runtime.v1.NamespaceMode\x12#\n\x04uids\x18\x02 \x03(\x0b2\x15.runtime.v1.I'
    b'DMapping\x12#\n\x04gids\x18\x03 \x03(\x0b2\x15.runtime.v1.IDMapping"\xd3\x01\n\x0fNamespaceOptio'
    b'n\x12*\n\x07network\x18\x01 \x01(\x0e2\x19.runtime.v1.NamespaceMode\x12&\n\x03pid\x18\x02 \x01(\x0e2\x19.run'
    b'time.v1.NamespaceMode\x12&\n\x03ipc\x18\x03 \x01(\x0e2\x19.runtime.v1.NamespaceMode\x12\x11\n'
    b'\ttarget_id\x18\x04 \x01(\t\x121\n\x0euserns_options\x18\x05 \x01(\x0b2\x19.runtime.v1.UserNamesp'
    b'ace"\x1b\n\nInt64Value\x12\r\n\x05value\x18\x01 \x01(\x03"\xf3\x03\n\x1bLinuxSandboxSecurityContext'
    b'\x126\n\x11namespace_options\x18\x01 \x01(\x0b2\x1b.runtime.v1.NamespaceOption\x122\n\x0fseli'
    b'nux_options\x18\x02 \x01(\x0b2\x19.runtime.v1.SELinuxOption\x12+\n\x0brun_as_user\x18\x03 \x01('
    b'\x0b2\x16.runtime.v1.Int64Value\x12,\n\x0crun_as_group\x18\x08 \x01(\x0b2\x16.runtime.v1.Int'
    b'64Value\x12\x17\n\x0freadonly_rootfs\x18\x04 \x01(\x08\x12\x1b\n\x13supplemental_groups\x18\x05 \x03(\x03\x12H\n'
    b'\x1asupplemental_groups_policy\x18\x0b \x01(\x0e2$.runtime.v1.SupplementalGroup'
    b'sPolicy\x12\x12\n\nprivileged\x18\x06 \x01(\x08\x12,\n\x07seccomp\x18\t \x01(\x0b2\x1b.runtime.v1.Securi'
    b'tyProfile\x12-\n\x08apparmor\x18\n \x01(\x0b2\x1b.runtime.v1.SecurityProfile\x12\x1c\n\x14secc'
    b'omp_profile_path\x18\x07 \x01(\t"\xa9\x01\n\x0fSecurityProfile\x12=\n\x0cprofile_type\x18\x01 \x01(\x0e'
    b"2'.runtime.v1.SecurityProfile.ProfileType\x12\x15\n\rlocalhost_ref\x18\x02 \x01(\t"
    b'"@\n\x0bProfileType\x12\x12\n\x0eRuntimeDefault\x10\x00\x12\x0e\n\nUnconfined\x10\x01\x12\r\n\tLocalhost'
    b'\x10\x02"\xd1\x02\n\x15LinuxPodSandboxConfig\x12\x15\n\rcgroup_parent\x18\x01 \x01(\t\x12A\n\x10security_'
    b"context\x18\x02 \x01(\x0b2'.runtime.v1.LinuxSandboxSecurityContext\x12?\n\x07sysctl"
    b's\x18\x03 \x03(\x0b2..runtime.v1.LinuxPodSandboxConfig.SysctlsEntry\x125\n\x08overh'
    b'ead\x18\x04 \x01(\x0b2#.runtime.v1.LinuxContainerResources\x126\n\tresources\x18\x05 \x01('
    b'\x0b2#.runtime.v1.LinuxContainerResources\x1a.\n\x0cSysctlsEntry\x12\x0b\n\x03key\x18\x01 '
    b'\x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"S\n\x12PodSandboxMetadata\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x0b\n\x03ui'
    b'd\x18\x02 \x01(\t\x12\x11\n\tnamespace\x18\x03 \x01(\t\x12\x0f\n\x07attempt\x18\x04 \x01(\r"\x91\x04\n\x10PodSandboxConfig'
    b'\x120\n\x08metadata\x18\x01 \x01(\x0b2\x1e.runtime.v1.PodSandboxMetadata\x12\x10\n\x08hostname\x18\x02'
    b' \x01(\t\x12\x15\n\rlog_directory\x18\x03 \x01(\t\x12)\n\ndns_config\x18\x04 \x01(\x0b2\x15.runtime.v1.DNS'
    b'Config\x12.\n\rport_mappings\x18\x05 \x03(\x0b2\x17.runtime.v1.PortMapping\x128\n\x06labels'
    b'\x18\x06 \x03(\x0b2(.runtime.v1.PodSandboxConfig.LabelsEntry\x12B\n\x0bannotations\x18'
    b'\x07 \x03(\x0b2-.runtime.v1.PodSandboxConfig.AnnotationsEntry\x120\n\x05linux\x18\x08 '
    b'\x01(\x0b2!.runtime.v1.LinuxPodSandboxConfig\x124\n\x07windows\x18\t \x01(\x0b2#.runtim'
    b'e.v1.WindowsPodSandboxConfig\x1a-\n\x0bLabelsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05valu'
    b'e\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10AnnotationsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"'
    b']\n\x14RunPodSandboxRequest\x12,\n\x06config\x18\x01 \x01(\x0b2\x1c.runtime.v1.PodSandboxC'
    b'onfig\x12\x17\n\x0fruntime_handler\x18\x02 \x01(\t"/\n\x15RunPodSandboxResponse\x12\x16\n\x0epod_s'
    b'andbox_id\x18\x01 \x01(\t"/\n\x15StopPodSandboxRequest\x12\x16\n\x0epod_sandbox_id\x18\x01 \x01(\t'
    b'"\x18\n\x16StopPodSandboxResponse"1\n\x17RemovePodSandboxRequest\x12\x16\n\x0epod_san'
    b'dbox_id\x18\x01 \x01(\t"\x1a\n\x18RemovePodSandboxResponse"B\n\x17PodSandboxStatusReq'
    b'uest\x12\x16\n\x0epod_sandbox_id\x18\x01 \x01(\t\x12\x0f\n\x07verbose\x18\x02 \x01(\x08"\x13\n\x05PodIP\x12\n\n\x02ip\x18\x01 \x01'
    b'(\t"P\n\x17PodSandboxNetworkStatus\x12\n\n\x02ip\x18\x01 \x01(\t\x12)\n\x0eadditional_ips\x18\x02 \x03('
    b'\x0b2\x11.runtime.v1.PodIP"9\n\tNamespace\x12,\n\x07options\x18\x02 \x01(\x0b2\x1b.runtime.v1.'
    b'NamespaceOption"B\n\x15LinuxPodSandboxStatus\x12)\n\nnamespaces\x18\x01 \x01(\x0b2\x15.r'
    b'untime.v1.Namespace"\xf2\x03\n\x10PodSandboxStatus\x12\n\n\x02id\x18\x01 \x01(\t\x120\n\x08metadata'
    b'\x18\x02 \x01(\x0b2\x1e.runtime.v1.PodSandboxMetadata\x12*\n\x05state\x18\x03 \x01(\x0e2\x1b.runtime.'
    b'v1.PodSandboxState\x12\x12\n\ncreated_at\x18\x04 \x01(\x03\x124\n\x07network\x18\x05 \x01(\x0b2#.runtim'
    b'e.v1.PodSandboxNetworkStatus\x120\n\x05linux\x18\x06 \x01(\x0b2!.runtime.v1.LinuxPo'
    b'dSandboxStatus\x128\n\x06labels\x18\x07 \x03(\x0b2(.runtime.v1.PodSandboxStatus.Lab'
    b'elsEntry\x12B\n\x0bannotations\x18\x08 \x03(\x0b2-.runtime.v1.PodSandboxStatus.Anno'
    b'tationsEntry\x12\x17\n\x0fruntime_handler\x18\t \x01(\t\x1a-\n\x0bLabelsEntry\x12\x0b\n\x03key\x18\x01 \x01('
    b'\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10AnnotationsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02'
    b' \x01(\t:\x028\x01"\x80\x02\n\x18PodSandboxStatusResponse\x12,\n\x06status\x18\x01 \x01(\x0b2\x1c.runtime.'
    b'v1.PodSandboxStatus\x12<\n\x04info\x18\x02 \x03(\x0b2..runtime.v1.PodSandboxStatusR'
    b'esponse.InfoEntry\x128\n\x13containers_statuses\x18\x03 \x03(\x0b2\x1b.runtime.v1.Cont'
    b'ainerStatus\x12\x11\n\ttimestamp\x18\x04 \x01(\x03\x1a+\n\tInfoEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05valu'
    b'e\x18\x02 \x01(\t:\x028\x01"B\n\x14PodSandboxStateValue\x12*\n\x05state\x18\x01 \x01(\x0e2\x1b.runtime.v1.'
    b'PodSandboxState"\xce\x01\n\x10PodSandboxFilter\x12\n\n\x02id\x18\x01 \x01(\t\x12/\n\x05state\x18\x02 \x01(\x0b2'
    b' .runtime.v1.PodSandboxStateValue\x12G\n\x0elabel_selector\x18\x03 \x03(\x0b2/.runt'
    b'ime.v1.PodSandboxFilter.LabelSelectorEntry\x1a4\n\x12LabelSelectorEntry'
    b'\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"E\n\x15ListPodSandboxRequest\x12,\n\x06fil'
    b'ter\x18\x01 \x01(\x0b2\x1c.runtime.v1.PodSandboxFilter"\xf8\x02\n\nPodSandbox\x12\n\n\x02id\x18\x01 \x01'
    b'(\t\x120\n\x08metadata\x18\x02 \x01(\x0b2\x1e.runtime.v1.PodSandboxMetadata\x12*\n\x05state\x18\x03 '
    b'\x01(\x0e2\x1b.runtime.v1.PodSandboxState\x12\x12\n\ncreated_at\x18\x04 \x01(\x03\x122\n\x06labels\x18\x05'
    b' \x03(\x0b2".runtime.v1.PodSandbox.LabelsEntry\x12<\n\x0bannotations\x18\x06 \x03(\x0b2\'.'
    b'runtime.v1.PodSandbox.AnnotationsEntry\x12\x17\n\x0fruntime_handler\x18\x07 \x01(\t\x1a'
    b'-\n\x0bLabelsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10AnnotationsEnt'
    b'ry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"?\n\x16ListPodSandboxResponse\x12%\n\x05'
    b'items\x18\x01 \x03(\x0b2\x16.runtime.v1.PodSandbox"I\n\x19StreamPodSandboxesRequest'
    b'\x12,\n\x06filter\x18\x01 \x01(\x0b2\x1c.runtime.v1.PodSandboxFilter"K\n\x1aStreamPodSandb'
    b'oxesResponse\x12-\n\rpod_sandboxes\x18\x01 \x03(\x0b2\x16.runtime.v1.PodSandbox"0\n\x16P'
    b'odSandboxStatsRequest\x12\x16\n\x0epod_sandbox_id\x18\x01 \x01(\t"E\n\x17PodSandboxStats'
    b'Response\x12*\n\x05stats\x18\x01 \x01(\x0b2\x1b.runtime.v1.PodSandboxStats"\xa7\x01\n\x15PodSand'
    b'boxStatsFilter\x12\n\n\x02id\x18\x01 \x01(\t\x12L\n\x0elabel_selector\x18\x02 \x03(\x0b24.runtime.v1.'
    b'PodSandboxStatsFilter.LabelSelectorEntry\x1a4\n\x12LabelSelectorEntry\x12\x0b'
    b'\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"O\n\x1aListPodSandboxStatsRequest\x121\n\x06'
    b'filter\x18\x01 \x01(\x0b2!.runtime.v1.PodSandboxStatsFilter"I\n\x1bListPodSandbo'
    b'xStatsResponse\x12*\n\x05stats\x18\x01 \x03(\x0b2\x1b.runtime.v1.PodSandboxStats"Q\n\x1cSt'
    b'reamPodSandboxStatsRequest\x121\n\x06filter\x18\x01 \x01(\x0b2!.runtime.v1.PodSandb'
    b'oxStatsFilter"W\n\x1dStreamPodSandboxStatsResponse\x126\n\x11pod_sandbox_st'
    b'ats\x18\x01 \x03(\x0b2\x1b.runtime.v1.PodSandboxStats"\xbd\x02\n\x14PodSandboxAttributes\x12'
    b'\n\n\x02id\x18\x01 \x01(\t\x120\n\x08metadata\x18\x02 \x01(\x0b2\x1e.runtime.v1.PodSandboxMetadata\x12<\n'
    b'\x06labels\x18\x03 \x03(\x0b2,.runtime.v1.PodSandboxAttributes.LabelsEntry\x12F\n\x0ba'
    b'nnotations\x18\x04 \x03(\x0b21.runtime.v1.PodSandboxAttributes.AnnotationsEn'
    b'try\x1a-\n\x0bLabelsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10Annotation'
    b'sEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"\xad\x01\n\x0fPodSandboxStats\x124\n\nat'
    b'tributes\x18\x01 \x01(\x0b2 .runtime.v1.PodSandboxAttributes\x12/\n\x05linux\x18\x02 \x01(\x0b2'
    b' .runtime.v1.LinuxPodSandboxStats\x123\n\x07windows\x18\x03 \x01(\x0b2".runtime.v1.'
    b'WindowsPodSandboxStats"\x89\x02\n\x14LinuxPodSandboxStats\x12!\n\x03cpu\x18\x01 \x01(\x0b2\x14.r'
    b"untime.v1.CpuUsage\x12'\n\x06memory\x18\x02 \x01(\x0b2\x17.runtime.v1.MemoryUsage\x12)\n\x07n"
    b'etwork\x18\x03 \x01(\x0b2\x18.runtime.v1.NetworkUsage\x12)\n\x07process\x18\x04 \x01(\x0b2\x18.runtim'
    b'e.v1.ProcessUsage\x12.\n\ncontainers\x18\x05 \x03(\x0b2\x1a.runtime.v1.ContainerStat'
    b's\x12\x1f\n\x02io\x18\x06 \x01(\x0b2\x13.runtime.v1.IoUsage"\x8d\x02\n\x16WindowsPodSandboxStats\x12(\n'
    b'\x03cpu\x18\x01 \x01(\x0b2\x1b.runtime.v1.WindowsCpuUsage\x12.\n\x06memory\x18\x02 \x01(\x0b2\x1e.runtim'
    b'e.v1.WindowsMemoryUsage\x120\n\x07network\x18\x03 \x01(\x0b2\x1f.runtime.v1.WindowsNet'
    b'workUsage\x120\n\x07process\x18\x04 \x01(\x0b2\x1f.runtime.v1.WindowsProcessUsage\x125\n\nc'
    b'ontainers\x18\x05 \x03(\x0b2!.runtime.v1.WindowsContainerStats"\x96\x01\n\x0cNetworkUs'
    b'age\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x12<\n\x11default_interface\x18\x02 \x01(\x0b2!.runtime.v1.N'
    b'etworkInterfaceUsage\x125\n\ninterfaces\x18\x03 \x03(\x0b2!.runtime.v1.NetworkInt'
    b'erfaceUsage"\xab\x01\n\x13WindowsNetworkUsage\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x12C\n\x11defaul'
    b't_interface\x18\x02 \x01(\x0b2(.runtime.v1.WindowsNetworkInterfaceUsage\x12<\n\ni'
    b'nterfaces\x18\x03 \x03(\x0b2(.runtime.v1.WindowsNetworkInterfaceUsage"\xd3\x01\n\x15Ne'
    b'tworkInterfaceUsage\x12\x0c\n\x04name\x18\x01 \x01(\t\x12)\n\x08rx_bytes\x18\x02 \x01(\x0b2\x17.runtime.v1'
    b'.UInt64Value\x12*\n\trx_errors\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12)\n\x08tx_b'
    b'ytes\x18\x04 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12*\n\ttx_errors\x18\x05 \x01(\x0b2\x17.runtime'
    b'.v1.UInt64Value"\xec\x01\n\x1cWindowsNetworkInterfaceUsage\x12\x0c\n\x04name\x18\x01 \x01(\t\x12)'
    b'\n\x08rx_bytes\x18\x02 \x01(\x0b2\x17.runtime.v1.UInt64Value\x123\n\x12rx_packets_dropped\x18'
    b'\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12)\n\x08tx_bytes\x18\x04 \x01(\x0b2\x17.runtime.v1.UI'
    b'nt64Value\x123\n\x12tx_packets_dropped\x18\x05 \x01(\x0b2\x17.runtime.v1.UInt64Value"Q'
    b'\n\x0cProcessUsage\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x12.\n\rprocess_count\x18\x02 \x01(\x0b2\x17.runti'
    b'me.v1.UInt64Value"X\n\x13WindowsProcessUsage\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x12.\n\rp'
    b'rocess_count\x18\x02 \x01(\x0b2\x17.runtime.v1.UInt64Value"\xd5\x01\n\tImageSpec\x12\r\n\x05ima'
    b'ge\x18\x01 \x01(\t\x12;\n\x0bannotations\x18\x02 \x03(\x0b2&.runtime.v1.ImageSpec.Annotations'
    b'Entry\x12\x1c\n\x14user_specified_image\x18\x12 \x01(\t\x12\x17\n\x0fruntime_handler\x18\x13 \x01(\t\x12\x11\n\t'
    b'image_ref\x18\x14 \x01(\t\x1a2\n\x10AnnotationsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:'
    b'\x028\x01"&\n\x08KeyValue\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\x0c"\xff\x02\n\x17LinuxContainerRe'
    b'sources\x12\x12\n\ncpu_period\x18\x01 \x01(\x03\x12\x11\n\tcpu_quota\x18\x02 \x01(\x03\x12\x12\n\ncpu_shares\x18\x03 \x01'
    b'(\x03\x12\x1d\n\x15memory_limit_in_bytes\x18\x04 \x01(\x03\x12\x15\n\room_score_adj\x18\x05 \x01(\x03\x12\x13\n\x0bcpus'
    b'et_cpus\x18\x06 \x01(\t\x12\x13\n\x0bcpuset_mems\x18\x07 \x01(\t\x122\n\x0fhugepage_limits\x18\x08 \x03(\x0b2\x19.ru'
    b'ntime.v1.HugepageLimit\x12A\n\x07unified\x18\t \x03(\x0b20.runtime.v1.LinuxContai'
    b'nerResources.UnifiedEntry\x12"\n\x1amemory_swap_limit_in_bytes\x18\n \x01(\x03\x1a.\n'
    b'\x0cUnifiedEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"1\n\rHugepageLimit\x12\x11'
    b'\n\tpage_size\x18\x01 \x01(\t\x12\r\n\x05limit\x18\x02 \x01(\x04"H\n\rSELinuxOption\x12\x0c\n\x04user\x18\x01 \x01(\t\x12'
    b'\x0c\n\x04role\x18\x02 \x01(\t\x12\x0c\n\x04type\x18\x03 \x01(\t\x12\r\n\x05level\x18\x04 \x01(\t"c\n\nCapability\x12\x18\n\x10add_'
    b'capabilities\x18\x01 \x03(\t\x12\x19\n\x11drop_capabilities\x18\x02 \x03(\t\x12 \n\x18add_ambient_cap'
    b'abilities\x18\x03 \x03(\t"\x9a\x05\n\x1dLinuxContainerSecurityContext\x12,\n\x0ccapabilitie'
    b's\x18\x01 \x01(\x0b2\x16.runtime.v1.Capability\x12\x12\n\nprivileged\x18\x02 \x01(\x08\x126\n\x11namespace'
    b'_options\x18\x03 \x01(\x0b2\x1b.runtime.v1.NamespaceOption\x122\n\x0fselinux_options\x18\x04'
    b' \x01(\x0b2\x19.runtime.v1.SELinuxOption\x12+\n\x0brun_as_user\x18\x05 \x01(\x0b2\x16.runtime.v'
    b'1.Int64Value\x12,\n\x0crun_as_group\x18\x0c \x01(\x0b2\x16.runtime.v1.Int64Value\x12\x17\n\x0fru'
    b'n_as_username\x18\x06 \x01(\t\x12\x17\n\x0freadonly_rootfs\x18\x07 \x01(\x08\x12\x1b\n\x13supplemental_gro'
    b'ups\x18\x08 \x03(\x03\x12H\n\x1asupplemental_groups_policy\x18\x11 \x01(\x0e2$.runtime.v1.Suppl'
    b'ementalGroupsPolicy\x12\x14\n\x0cno_new_privs\x18\x0b \x01(\x08\x12\x14\n\x0cmasked_paths\x18\r \x03(\t\x12'
    b'\x16\n\x0ereadonly_paths\x18\x0e \x03(\t\x12,\n\x07seccomp\x18\x0f \x01(\x0b2\x1b.runtime.v1.SecurityPr'
    b'ofile\x12-\n\x08apparmor\x18\x10 \x01(\x0b2\x1b.runtime.v1.SecurityProfile\x12\x18\n\x10apparmor'
    b'_profile\x18\t \x01(\t\x12\x1c\n\x14seccomp_profile_path\x18\n \x01(\t"\x93\x01\n\x14LinuxContainerC'
    b'onfig\x126\n\tresources\x18\x01 \x01(\x0b2#.runtime.v1.LinuxContainerResources\x12C\n'
    b'\x10security_context\x18\x02 \x01(\x0b2).runtime.v1.LinuxContainerSecurityConte'
    b'xt"K\n\x12LinuxContainerUser\x12\x0b\n\x03uid\x18\x01 \x01(\x03\x12\x0b\n\x03gid\x18\x02 \x01(\x03\x12\x1b\n\x13supplement'
    b'al_groups\x18\x03 \x03(\x03"D\n\x16WindowsNamespaceOption\x12*\n\x07network\x18\x01 \x01(\x0e2\x19.run'
    b'time.v1.NamespaceMode"\xa6\x01\n\x1dWindowsSandboxSecurityContext\x12\x17\n\x0frun_a'
    b's_username\x18\x01 \x01(\t\x12\x17\n\x0fcredential_spec\x18\x02 \x01(\t\x12\x14\n\x0chost_process\x18\x03 \x01(\x08\x12'
    b'=\n\x11namespace_options\x18\x04 \x01(\x0b2".runtime.v1.WindowsNamespaceOption"^'
    b'\n\x17WindowsPodSandboxConfig\x12C\n\x10security_context\x18\x01 \x01(\x0b2).runtime.v1'
    b'.WindowsSandboxSecurityContext"i\n\x1fWindowsContainerSecurityContex'
    b't\x12\x17\n\x0frun_as_username\x18\x01 \x01(\t\x12\x17\n\x0fcredential_spec\x18\x02 \x01(\t\x12\x14\n\x0chost_proc'
    b'ess\x18\x03 \x01(\x08"\x99\x01\n\x16WindowsContainerConfig\x128\n\tresources\x18\x01 \x01(\x0b2%.runtim'
    b'e.v1.WindowsContainerResources\x12E\n\x10security_context\x18\x02 \x01(\x0b2+.runti'
    b'me.v1.WindowsContainerSecurityContext"\xd0\x01\n\x19WindowsContainerResour'
    b'ces\x12\x12\n\ncpu_shares\x18\x01 \x01(\x03\x12\x11\n\tcpu_count\x18\x02 \x01(\x03\x12\x13\n\x0bcpu_maximum\x18\x03 \x01(\x03\x12'
    b'\x1d\n\x15memory_limit_in_bytes\x18\x04 \x01(\x03\x12\x1c\n\x14rootfs_size_in_bytes\x18\x05 \x01(\x03\x12:\n\r'
    b'affinity_cpus\x18\x06 \x03(\x0b2#.runtime.v1.WindowsCpuGroupAffinity">\n\x17Wind'
    b'owsCpuGroupAffinity\x12\x10\n\x08cpu_mask\x18\x01 \x01(\x04\x12\x11\n\tcpu_group\x18\x02 \x01(\r"2\n\x11Cont'
    b'ainerMetadata\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x0f\n\x07attempt\x18\x02 \x01(\r"H\n\x06Device\x12\x16\n\x0econtai'
    b'ner_path\x18\x01 \x01(\t\x12\x11\n\thost_path\x18\x02 \x01(\t\x12\x13\n\x0bpermissions\x18\x03 \x01(\t"\x19\n\tCDIDev'
    b'ice\x12\x0c\n\x04name\x18\x01 \x01(\t"\xe4\x05\n\x0fContainerConfig\x12/\n\x08metadata\x18\x01 \x01(\x0b2\x1d.runtim'
    b'e.v1.ContainerMetadata\x12$\n\x05image\x18\x02 \x01(\x0b2\x15.runtime.v1.ImageSpec\x12\x0f\n\x07'
    b'command\x18\x03 \x03(\t\x12\x0c\n\x04args\x18\x04 \x03(\t\x12\x13\n\x0bworking_dir\x18\x05 \x01(\t\x12"\n\x04envs\x18\x06 \x03(\x0b2\x14'
    b'.runtime.v1.KeyValue\x12!\n\x06mounts\x18\x07 \x03(\x0b2\x11.runtime.v1.Mount\x12#\n\x07devic'
    b"es\x18\x08 \x03(\x0b2\x12.runtime.v1.Device\x127\n\x06labels\x18\t \x03(\x0b2'.runtime.v1.Contai"
    b'nerConfig.LabelsEntry\x12A\n\x0bannotations\x18\n \x03(\x0b2,.runtime.v1.Containe'
    b'rConfig.AnnotationsEntry\x12\x10\n\x08log_path\x18\x0b \x01(\t\x12\r\n\x05stdin\x18\x0c \x01(\x08\x12\x12\n\nstd'
    b'in_once\x18\r \x01(\x08\x12\x0b\n\x03tty\x18\x0e \x01(\x08\x12/\n\x05linux\x18\x0f \x01(\x0b2 .runtime.v1.LinuxCont'
    b'ainerConfig\x123\n\x07windows\x18\x10 \x01(\x0b2".runtime.v1.WindowsContainerConfig'
    b"\x12*\n\x0bCDI_devices\x18\x11 \x03(\x0b2\x15.runtime.v1.CDIDevice\x12'\n\x0bstop_signal\x18\x12 \x01("
    b'\x0e2\x12.runtime.v1.Signal\x1a-\n\x0bLabelsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t'
    b':\x028\x01\x1a2\n\x10AnnotationsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"\x93\x01\n\x16Cre'
    b'ateContainerRequest\x12\x16\n\x0epod_sandbox_id\x18\x01 \x01(\t\x12+\n\x06config\x18\x02 \x01(\x0b2\x1b.ru'
    b'ntime.v1.ContainerConfig\x124\n\x0esandbox_config\x18\x03 \x01(\x0b2\x1c.runtime.v1.Po'
    b'dSandboxConfig"/\n\x17CreateContainerResponse\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"'
    b'-\n\x15StartContainerRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"\x18\n\x16StartContainer'
    b'Response"=\n\x14StopContainerRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0f\n\x07timeou'
    b't\x18\x02 \x01(\x03"\x17\n\x15StopContainerResponse".\n\x16RemoveContainerRequest\x12\x14\n\x0cco'
    b'ntainer_id\x18\x01 \x01(\t"\x19\n\x17RemoveContainerResponse"@\n\x13ContainerStateVal'
    b'ue\x12)\n\x05state\x18\x01 \x01(\x0e2\x1a.runtime.v1.ContainerState"\xe3\x01\n\x0fContainerFilte'
    b'r\x12\n\n\x02id\x18\x01 \x01(\t\x12.\n\x05state\x18\x02 \x01(\x0b2\x1f.runtime.v1.ContainerStateValue\x12\x16\n'
    b'\x0epod_sandbox_id\x18\x03 \x01(\t\x12F\n\x0elabel_selector\x18\x04 \x03(\x0b2..runtime.v1.Conta'
    b'inerFilter.LabelSelectorEntry\x1a4\n\x12LabelSelectorEntry\x12\x0b\n\x03key\x18\x01 \x01(\t'
    b'\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"D\n\x15ListContainersRequest\x12+\n\x06filter\x18\x01 \x01(\x0b2\x1b.r'
    b'untime.v1.ContainerFilter"\xbd\x03\n\tContainer\x12\n\n\x02id\x18\x01 \x01(\t\x12\x16\n\x0epod_sandb'
    b'ox_id\x18\x02 \x01(\t\x12/\n\x08metadata\x18\x03 \x01(\x0b2\x1d.runtime.v1.ContainerMetadata\x12$\n\x05'
    b'image\x18\x04 \x01(\x0b2\x15.runtime.v1.ImageSpec\x12\x11\n\timage_ref\x18\x05 \x01(\t\x12)\n\x05state\x18\x06'
    b' \x01(\x0e2\x1a.runtime.v1.ContainerState\x12\x12\n\ncreated_at\x18\x07 \x01(\x03\x121\n\x06labels\x18\x08'
    b' \x03(\x0b2!.runtime.v1.Container.LabelsEntry\x12;\n\x0bannotations\x18\t \x03(\x0b2&.r'
    b'untime.v1.Container.AnnotationsEntry\x12\x10\n\x08image_id\x18\n \x01(\t\x1a-\n\x0bLabels'
    b'Entry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10AnnotationsEntry\x12\x0b\n\x03key'
    b'\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"C\n\x16ListContainersResponse\x12)\n\ncontainer'
    b's\x18\x01 \x03(\x0b2\x15.runtime.v1.Container"F\n\x17StreamContainersRequest\x12+\n\x06fil'
    b'ter\x18\x01 \x01(\x0b2\x1b.runtime.v1.ContainerFilter"E\n\x18StreamContainersRespon'
    b'se\x12)\n\ncontainers\x18\x01 \x03(\x0b2\x15.runtime.v1.Container"?\n\x16ContainerStatus'
    b'Request\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0f\n\x07verbose\x18\x02 \x01(\x08"\xce\x05\n\x0fContainerStat'
    b'us\x12\n\n\x02id\x18\x01 \x01(\t\x12/\n\x08metadata\x18\x02 \x01(\x0b2\x1d.runtime.v1.ContainerMetadata\x12'
    b')\n\x05state\x18\x03 \x01(\x0e2\x1a.runtime.v1.ContainerState\x12\x12\n\ncreated_at\x18\x04 \x01(\x03\x12\x12'
    b'\n\nstarted_at\x18\x05 \x01(\x03\x12\x13\n\x0bfinished_at\x18\x06 \x01(\x03\x12\x11\n\texit_code\x18\x07 \x01(\x05\x12$\n\x05im'
    b'age\x18\x08 \x01(\x0b2\x15.runtime.v1.ImageSpec\x12\x11\n\timage_ref\x18\t \x01(\t\x12\x0e\n\x06reason\x18\n '
    b"\x01(\t\x12\x0f\n\x07message\x18\x0b \x01(\t\x127\n\x06labels\x18\x0c \x03(\x0b2'.runtime.v1.ContainerStatu"
    b's.LabelsEntry\x12A\n\x0bannotations\x18\r \x03(\x0b2,.runtime.v1.ContainerStatus.'
    b'AnnotationsEntry\x12!\n\x06mounts\x18\x0e \x03(\x0b2\x11.runtime.v1.Mount\x12\x10\n\x08log_path\x18'
    b'\x0f \x01(\t\x121\n\tresources\x18\x10 \x01(\x0b2\x1e.runtime.v1.ContainerResources\x12\x10\n\x08imag'
    b"e_id\x18\x11 \x01(\t\x12'\n\x04user\x18\x12 \x01(\x0b2\x19.runtime.v1.ContainerUser\x12'\n\x0bstop_sign"
    b'al\x18\x13 \x01(\x0e2\x12.runtime.v1.Signal\x1a-\n\x0bLabelsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05valu'
    b'e\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10AnnotationsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"'
    b'\xb0\x01\n\x17ContainerStatusResponse\x12+\n\x06status\x18\x01 \x01(\x0b2\x1b.runtime.v1.Contain'
    b'erStatus\x12;\n\x04info\x18\x02 \x03(\x0b2-.runtime.v1.ContainerStatusResponse.Info'
    b'Entry\x1a+\n\tInfoEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"\x80\x01\n\x12Container'
    b'Resources\x122\n\x05linux\x18\x01 \x01(\x0b2#.runtime.v1.LinuxContainerResources\x126\n'
    b'\x07windows\x18\x02 \x01(\x0b2%.runtime.v1.WindowsContainerResources">\n\rContain'
    b'erUser\x12-\n\x05linux\x18\x01 \x01(\x0b2\x1e.runtime.v1.LinuxContainerUser"\xaa\x02\n\x1fUpdate'
    b'ContainerResourcesRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x122\n\x05linux\x18\x02 \x01(\x0b2#'
    b'.runtime.v1.LinuxContainerResources\x126\n\x07windows\x18\x03 \x01(\x0b2%.runtime.v'
    b'1.WindowsContainerResources\x12Q\n\x0bannotations\x18\x04 \x03(\x0b2<.runtime.v1.Up'
    b'dateContainerResourcesRequest.AnnotationsEntry\x1a2\n\x10AnnotationsEnt'
    b'ry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01""\n UpdateContainerResourcesRe'
    b'sponse"E\n\x0fExecSyncRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0b\n\x03cmd\x18\x02 \x03(\t\x12\x0f\n\x07'
    b'timeout\x18\x03 \x01(\x03"E\n\x10ExecSyncResponse\x12\x0e\n\x06stdout\x18\x01 \x01(\x0c\x12\x0e\n\x06stderr\x18\x02 \x01('
    b'\x0c\x12\x11\n\texit_code\x18\x03 \x01(\x05"l\n\x0bExecRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0b\n\x03cmd'
    b'\x18\x02 \x03(\t\x12\x0b\n\x03tty\x18\x03 \x01(\x08\x12\r\n\x05stdin\x18\x04 \x01(\x08\x12\x0e\n\x06stdout\x18\x05 \x01(\x08\x12\x0e\n\x06stderr\x18\x06 \x01'
    b'(\x08"\x1b\n\x0cExecResponse\x12\x0b\n\x03url\x18\x01 \x01(\t"a\n\rAttachRequest\x12\x14\n\x0ccontainer_id'
    b'\x18\x01 \x01(\t\x12\r\n\x05stdin\x18\x02 \x01(\x08\x12\x0b\n\x03tty\x18\x03 \x01(\x08\x12\x0e\n\x06stdout\x18\x04 \x01(\x08\x12\x0e\n\x06stderr\x18\x05 \x01'
    b'(\x08"\x1d\n\x0eAttachResponse\x12\x0b\n\x03url\x18\x01 \x01(\t":\n\x12PortForwardRequest\x12\x16\n\x0epod_s'
    b'andbox_id\x18\x01 \x01(\t\x12\x0c\n\x04port\x18\x02 \x03(\x05""\n\x13PortForwardResponse\x12\x0b\n\x03url\x18\x01 \x01('
    b'\t"3\n\x0bImageFilter\x12$\n\x05image\x18\x01 \x01(\x0b2\x15.runtime.v1.ImageSpec"<\n\x11ListIm'
    b'agesRequest\x12\'\n\x06filter\x18\x01 \x01(\x0b2\x17.runtime.v1.ImageFilter"\xb6\x01\n\x05Image\x12\n'
    b'\n\x02id\x18\x01 \x01(\t\x12\x11\n\trepo_tags\x18\x02 \x03(\t\x12\x14\n\x0crepo_digests\x18\x03 \x03(\t\x12\x0c\n\x04size\x18\x04 \x01('
    b'\x04\x12#\n\x03uid\x18\x05 \x01(\x0b2\x16.runtime.v1.Int64Value\x12\x10\n\x08username\x18\x06 \x01(\t\x12#\n\x04spec'
    b'\x18\x07 \x01(\x0b2\x15.runtime.v1.ImageSpec\x12\x0e\n\x06pinned\x18\x08 \x01(\x08"7\n\x12ListImagesRespo'
    b'nse\x12!\n\x06images\x18\x01 \x03(\x0b2\x11.runtime.v1.Image">\n\x13StreamImagesRequest\x12\'\n'
    b'\x06filter\x18\x01 \x01(\x0b2\x17.runtime.v1.ImageFilter"9\n\x14StreamImagesResponse\x12!'
    b'\n\x06images\x18\x01 \x03(\x0b2\x11.runtime.v1.Image"K\n\x12ImageStatusRequest\x12$\n\x05image'
    b'\x18\x01 \x01(\x0b2\x15.runtime.v1.ImageSpec\x12\x0f\n\x07verbose\x18\x02 \x01(\x08"\x9d\x01\n\x13ImageStatusRe'
    b'sponse\x12 \n\x05image\x18\x01 \x01(\x0b2\x11.runtime.v1.Image\x127\n\x04info\x18\x02 \x03(\x0b2).runtime'
    b'.v1.ImageStatusResponse.InfoEntry\x1a+\n\tInfoEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05v'
    b'alue\x18\x02 \x01(\t:\x028\x01"\x86\x01\n\nAuthConfig\x12\x10\n\x08username\x18\x01 \x01(\t\x12\x10\n\x08password\x18\x02 \x01('
    b'\t\x12\x0c\n\x04auth\x18\x03 \x01(\t\x12\x16\n\x0eserver_address\x18\x04 \x01(\t\x12\x16\n\x0eidentity_token\x18\x05 \x01(\t\x12'
    b'\x16\n\x0eregistry_token\x18\x06 \x01(\t"\x94\x01\n\x10PullImageRequest\x12$\n\x05image\x18\x01 \x01(\x0b2\x15.ru'
    b'ntime.v1.ImageSpec\x12$\n\x04auth\x18\x02 \x01(\x0b2\x16.runtime.v1.AuthConfig\x124\n\x0esand'
    b'box_config\x18\x03 \x01(\x0b2\x1c.runtime.v1.PodSandboxConfig"&\n\x11PullImageRespo'
    b'nse\x12\x11\n\timage_ref\x18\x01 \x01(\t":\n\x12RemoveImageRequest\x12$\n\x05image\x18\x01 \x01(\x0b2\x15.ru'
    b'ntime.v1.ImageSpec"\x15\n\x13RemoveImageResponse"!\n\rNetworkConfig\x12\x10\n\x08po'
    b'd_cidr\x18\x01 \x01(\t"B\n\rRuntimeConfig\x121\n\x0enetwork_config\x18\x01 \x01(\x0b2\x19.runtime.'
    b'v1.NetworkConfig"O\n\x1aUpdateRuntimeConfigRequest\x121\n\x0eruntime_config'
    b'\x18\x01 \x01(\x0b2\x19.runtime.v1.RuntimeConfig"\x1d\n\x1bUpdateRuntimeConfigResponse'
    b'"Q\n\x10RuntimeCondition\x12\x0c\n\x04type\x18\x01 \x01(\t\x12\x0e\n\x06status\x18\x02 \x01(\x08\x12\x0e\n\x06reason\x18\x03 \x01'
    b'(\t\x12\x0f\n\x07message\x18\x04 \x01(\t"A\n\rRuntimeStatus\x120\n\nconditions\x18\x01 \x03(\x0b2\x1c.runti'
    b'me.v1.RuntimeCondition" \n\rStatusRequest\x12\x0f\n\x07verbose\x18\x01 \x01(\x08"U\n\x16Runt'
    b'imeHandlerFeatures\x12"\n\x1arecursive_read_only_mounts\x18\x01 \x01(\x08\x12\x17\n\x0fuser_n'
    b'amespaces\x18\x02 \x01(\x08"T\n\x0eRuntimeHandler\x12\x0c\n\x04name\x18\x01 \x01(\t\x124\n\x08features\x18\x02 \x01('
    b'\x0b2".runtime.v1.RuntimeHandlerFeatures"[\n\x0fRuntimeFeatures\x12"\n\x1asupp'
    b'lemental_groups_policy\x18\x01 \x01(\x08\x12$\n\x1cuser_namespaces_host_network\x18\x02 \x01'
    b'(\x08"\x81\x02\n\x0eStatusResponse\x12)\n\x06status\x18\x01 \x01(\x0b2\x19.runtime.v1.RuntimeStatus'
    b'\x122\n\x04info\x18\x02 \x03(\x0b2$.runtime.v1.StatusResponse.InfoEntry\x124\n\x10runtime_'
    b'handlers\x18\x03 \x03(\x0b2\x1a.runtime.v1.RuntimeHandler\x12-\n\x08features\x18\x04 \x01(\x0b2\x1b.r'
    b'untime.v1.RuntimeFeatures\x1a+\n\tInfoEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01'
    b'(\t:\x028\x01"\x14\n\x12ImageFsInfoRequest"\x1c\n\x0bUInt64Value\x12\r\n\x05value\x18\x01 \x01(\x04"*\n\x14Fi'
    b'lesystemIdentifier\x12\x12\n\nmountpoint\x18\x01 \x01(\t"\xb0\x01\n\x0fFilesystemUsage\x12\x11\n\tti'
    b'mestamp\x18\x01 \x01(\x03\x12/\n\x05fs_id\x18\x02 \x01(\x0b2 .runtime.v1.FilesystemIdentifier\x12+'
    b'\n\nused_bytes\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12,\n\x0binodes_used\x18\x04 \x01(\x0b'
    b'2\x17.runtime.v1.UInt64Value"\x89\x01\n\x16WindowsFilesystemUsage\x12\x11\n\ttimestam'
    b'p\x18\x01 \x01(\x03\x12/\n\x05fs_id\x18\x02 \x01(\x0b2 .runtime.v1.FilesystemIdentifier\x12+\n\nused'
    b'_bytes\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value"\x89\x01\n\x13ImageFsInfoResponse\x126\n'
    b'\x11image_filesystems\x18\x01 \x03(\x0b2\x1b.runtime.v1.FilesystemUsage\x12:\n\x15contain'
    b'er_filesystems\x18\x02 \x03(\x0b2\x1b.runtime.v1.FilesystemUsage"-\n\x15ContainerSt'
    b'atsRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"C\n\x16ContainerStatsResponse\x12)\n\x05st'
    b'ats\x18\x01 \x01(\x0b2\x1a.runtime.v1.ContainerStats"M\n\x19ListContainerStatsReque'
    b'st\x120\n\x06filter\x18\x01 \x01(\x0b2 .runtime.v1.ContainerStatsFilter"\xbd\x01\n\x14Contain'
    b'erStatsFilter\x12\n\n\x02id\x18\x01 \x01(\t\x12\x16\n\x0epod_sandbox_id\x18\x02 \x01(\t\x12K\n\x0elabel_selec'
    b'tor\x18\x03 \x03(\x0b23.runtime.v1.ContainerStatsFilter.LabelSelectorEntry\x1a4'
    b'\n\x12LabelSelectorEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"G\n\x1aListCont'
    b'ainerStatsResponse\x12)\n\x05stats\x18\x01 \x03(\x0b2\x1a.runtime.v1.ContainerStats"O\n'
    b'\x1bStreamContainerStatsRequest\x120\n\x06filter\x18\x01 \x01(\x0b2 .runtime.v1.Contai'
    b'nerStatsFilter"S\n\x1cStreamContainerStatsResponse\x123\n\x0fcontainer_stat'
    b's\x18\x01 \x03(\x0b2\x1a.runtime.v1.ContainerStats"\xb9\x02\n\x13ContainerAttributes\x12\n\n\x02i'
    b'd\x18\x01 \x01(\t\x12/\n\x08metadata\x18\x02 \x01(\x0b2\x1d.runtime.v1.ContainerMetadata\x12;\n\x06labe'
    b'ls\x18\x03 \x03(\x0b2+.runtime.v1.ContainerAttributes.LabelsEntry\x12E\n\x0bannotat'
    b'ions\x18\x04 \x03(\x0b20.runtime.v1.ContainerAttributes.AnnotationsEntry\x1a-\n\x0b'
    b'LabelsEntry\x12\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01\x1a2\n\x10AnnotationsEntry\x12'
    b'\x0b\n\x03key\x18\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\t:\x028\x01"\x8c\x02\n\x0eContainerStats\x123\n\nattributes'
    b'\x18\x01 \x01(\x0b2\x1f.runtime.v1.ContainerAttributes\x12!\n\x03cpu\x18\x02 \x01(\x0b2\x14.runtime.v'
    b"1.CpuUsage\x12'\n\x06memory\x18\x03 \x01(\x0b2\x17.runtime.v1.MemoryUsage\x123\n\x0ewritable_"
    b'layer\x18\x04 \x01(\x0b2\x1b.runtime.v1.FilesystemUsage\x12#\n\x04swap\x18\x05 \x01(\x0b2\x15.runtime'
    b'.v1.SwapUsage\x12\x1f\n\x02io\x18\x06 \x01(\x0b2\x13.runtime.v1.IoUsage"\xe2\x01\n\x15WindowsContai'
    b'nerStats\x123\n\nattributes\x18\x01 \x01(\x0b2\x1f.runtime.v1.ContainerAttributes\x12(\n'
    b'\x03cpu\x18\x02 \x01(\x0b2\x1b.runtime.v1.WindowsCpuUsage\x12.\n\x06memory\x18\x03 \x01(\x0b2\x1e.runtim'
    b'e.v1.WindowsMemoryUsage\x12:\n\x0ewritable_layer\x18\x04 \x01(\x0b2".runtime.v1.Win'
    b'dowsFilesystemUsage"P\n\x08PsiStats\x12!\n\x04Full\x18\x01 \x01(\x0b2\x13.runtime.v1.PsiDa'
    b'ta\x12!\n\x04Some\x18\x02 \x01(\x0b2\x13.runtime.v1.PsiData"F\n\x07PsiData\x12\r\n\x05Total\x18\x01 \x01(\x04\x12'
    b'\r\n\x05Avg10\x18\x02 \x01(\x01\x12\r\n\x05Avg60\x18\x03 \x01(\x01\x12\x0e\n\x06Avg300\x18\x04 \x01(\x01"\xad\x01\n\x08CpuUsage\x12\x11\n\tti'
    b'mestamp\x18\x01 \x01(\x03\x128\n\x17usage_core_nano_seconds\x18\x02 \x01(\x0b2\x17.runtime.v1.UInt'
    b'64Value\x121\n\x10usage_nano_cores\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12!\n\x03ps'
    b'i\x18\x04 \x01(\x0b2\x14.runtime.v1.PsiStats"\x91\x01\n\x0fWindowsCpuUsage\x12\x11\n\ttimestamp\x18\x01'
    b' \x01(\x03\x128\n\x17usage_core_nano_seconds\x18\x02 \x01(\x0b2\x17.runtime.v1.UInt64Value\x121'
    b'\n\x10usage_nano_cores\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value"\xe5\x02\n\x0bMemoryUsag'
    b'e\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x122\n\x11working_set_bytes\x18\x02 \x01(\x0b2\x17.runtime.v1.UIn'
    b't64Value\x120\n\x0favailable_bytes\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12,\n\x0bus'
    b'age_bytes\x18\x04 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12*\n\trss_bytes\x18\x05 \x01(\x0b2\x17.ru'
    b'ntime.v1.UInt64Value\x12,\n\x0bpage_faults\x18\x06 \x01(\x0b2\x17.runtime.v1.UInt64Val'
    b'ue\x122\n\x11major_page_faults\x18\x07 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12!\n\x03psi\x18\x08 '
    b'\x01(\x0b2\x14.runtime.v1.PsiStats"?\n\x07IoUsage\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x12!\n\x03psi\x18\x02'
    b' \x01(\x0b2\x14.runtime.v1.PsiStats"\x88\x01\n\tSwapUsage\x12\x11\n\ttimestamp\x18\x01 \x01(\x03\x125\n\x14s'
    b'wap_available_bytes\x18\x02 \x01(\x0b2\x17.runtime.v1.UInt64Value\x121\n\x10swap_usage'
    b'_bytes\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value"\xf1\x01\n\x12WindowsMemoryUsage\x12\x11\n\t'
    b'timestamp\x18\x01 \x01(\x03\x122\n\x11working_set_bytes\x18\x02 \x01(\x0b2\x17.runtime.v1.UInt64Va'
    b'lue\x120\n\x0favailable_bytes\x18\x03 \x01(\x0b2\x17.runtime.v1.UInt64Value\x12,\n\x0bpage_fa'
    b'ults\x18\x04 \x01(\x0b2\x17.runtime.v1.UInt64Value\x124\n\x13commit_memory_bytes\x18\x05 \x01(\x0b'
    b'2\x17.runtime.v1.UInt64Value"1\n\x19ReopenContainerLogRequest\x12\x14\n\x0ccontai'
    b'ner_id\x18\x01 \x01(\t"\x1c\n\x1aReopenContainerLogResponse"U\n\x1aCheckpointContaine'
    b'rRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x10\n\x08location\x18\x02 \x01(\t\x12\x0f\n\x07timeout\x18\x03 \x01('
    b'\x03"\x1d\n\x1bCheckpointContainerResponse"\x12\n\x10GetEventsRequest"\xf4\x01\n\x16Contain'
    b'erEventResponse\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12<\n\x14container_event_type\x18\x02 '
    b'\x01(\x0e2\x1e.runtime.v1.ContainerEventType\x12\x12\n\ncreated_at\x18\x03 \x01(\x03\x128\n\x12pod_s'
    b'andbox_status\x18\x04 \x01(\x0b2\x1c.runtime.v1.PodSandboxStatus\x128\n\x13containers_'
    b'statuses\x18\x05 \x03(\x0b2\x1b.runtime.v1.ContainerStatus"\x1e\n\x1cListMetricDescrip'
    b'torsRequest"R\n\x1dListMetricDescriptorsResponse\x121\n\x0bdescriptors\x18\x01 \x03('
    b'\x0b2\x1c.runtime.v1.MetricDescriptor"B\n\x10MetricDescriptor\x12\x0c\n\x04name\x18\x01 \x01('
    b'\t\x12\x0c\n\x04help\x18\x02 \x01(\t\x12\x12\n\nlabel_keys\x18\x03 \x03(\t"\x1e\n\x1cListPodSandboxMetricsRequ'
    b'est"S\n\x1dListPodSandboxMetricsResponse\x122\n\x0bpod_metrics\x18\x01 \x03(\x0b2\x1d.runt'
    b'ime.v1.PodSandboxMetrics" \n\x1eStreamPodSandboxMetricsRequest"]\n\x1fSt'
    b'reamPodSandboxMetricsResponse\x12:\n\x13pod_sandbox_metrics\x18\x01 \x03(\x0b2\x1d.run'
    b'time.v1.PodSandboxMetrics"\x89\x01\n\x11PodSandboxMetrics\x12\x16\n\x0epod_sandbox_i'
    b'd\x18\x01 \x01(\t\x12#\n\x07metrics\x18\x02 \x03(\x0b2\x12.runtime.v1.Metric\x127\n\x11container_metric'
    b's\x18\x03 \x03(\x0b2\x1c.runtime.v1.ContainerMetrics"M\n\x10ContainerMetrics\x12\x14\n\x0ccon'
    b'tainer_id\x18\x01 \x01(\t\x12#\n\x07metrics\x18\x02 \x03(\x0b2\x12.runtime.v1.Metric"\x94\x01\n\x06Metric\x12'
    b'\x0c\n\x04name\x18\x01 \x01(\t\x12\x11\n\ttimestamp\x18\x02 \x01(\x03\x12+\n\x0bmetric_type\x18\x03 \x01(\x0e2\x16.runtime.'
    b'v1.MetricType\x12\x14\n\x0clabel_values\x18\x04 \x03(\t\x12&\n\x05value\x18\x05 \x01(\x0b2\x17.runtime.v1.'
    b'UInt64Value"\x16\n\x14RuntimeConfigRequest"M\n\x15RuntimeConfigResponse\x124\n\x05'
    b'linux\x18\x01 \x01(\x0b2%.runtime.v1.LinuxRuntimeConfiguration"L\n\x19LinuxRunti'
    b'meConfiguration\x12/\n\rcgroup_driver\x18\x01 \x01(\x0e2\x18.runtime.v1.CgroupDriver'
    b'"\xa9\x01\n UpdatePodSandboxResourcesRequest\x12\x16\n\x0epod_sandbox_id\x18\x01 \x01(\t\x125\n'
    b'\x08overhead\x18\x02 \x01(\x0b2#.runtime.v1.LinuxContainerResources\x126\n\tresource'
    b's\x18\x03 \x01(\x0b2#.runtime.v1.LinuxContainerResources"#\n!UpdatePodSandbox'
    b'ResourcesResponse*&\n\x08Protocol\x12\x07\n\x03TCP\x10\x00\x12\x07\n\x03UDP\x10\x01\x12\x08\n\x04SCTP\x10\x02*m\n\x10Mou'
    b'ntPropagation\x12\x17\n\x13PROPAGATION_PRIVATE\x10\x00\x12!\n\x1dPROPAGATION_HOST_TO_CO'
    b'NTAINER\x10\x01\x12\x1d\n\x19PROPAGATION_BIDIRECTIONAL\x10\x02*=\n\rNamespaceMode\x12\x07\n\x03POD'
    b'\x10\x00\x12\r\n\tCONTAINER\x10\x01\x12\x08\n\x04NODE\x10\x02\x12\n\n\x06TARGET\x10\x03*1\n\x18SupplementalGroupsPol'
    b'icy\x12\t\n\x05Merge\x10\x00\x12\n\n\x06Strict\x10\x01*:\n\x0fPodSandboxState\x12\x11\n\rSANDBOX_READY\x10\x00'
    b'\x12\x14\n\x10SANDBOX_NOTREADY\x10\x01*\xac\x08\n\x06Signal\x12\x13\n\x0fRUNTIME_DEFAULT\x10\x00\x12\x0b\n\x07SIGABR'
    b'T\x10\x01\x12\x0b\n\x07SIGALRM\x10\x02\x12\n\n\x06SIGBUS\x10\x03\x12\x0b\n\x07SIGCHLD\x10\x04\x12\n\n\x06SIGCLD\x10\x05\x12\x0b\n\x07SIGCONT'
    b'\x10\x06\x12\n\n\x06SIGFPE\x10\x07\x12\n\n\x06SIGHUP\x10\x08\x12\n\n\x06SIGILL\x10\t\x12\n\n\x06SIGINT\x10\n\x12\t\n\x05SIGIO\x10\x0b\x12\n\n'
    b'\x06SIGIOT\x10\x0c\x12\x0b\n\x07SIGKILL\x10\r\x12\x0b\n\x07SIGPIPE\x10\x0e\x12\x0b\n\x07SIGPOLL\x10\x0f\x12\x0b\n\x07SIGPROF\x10\x10\x12\n\n'
    b'\x06SIGPWR\x10\x11\x12\x0b\n\x07SIGQUIT\x10\x12\x12\x0b\n\x07SIGSEGV\x10\x13\x12\r\n\tSIGSTKFLT\x10\x14\x12\x0b\n\x07SIGSTOP\x10\x15\x12'
    b'\n\n\x06SIGSYS\x10\x16\x12\x0b\n\x07SIGTERM\x10\x17\x12\x0b\n\x07SIGTRAP\x10\x18\x12\x0b\n\x07SIGTSTP\x10\x19\x12\x0b\n\x07SIGTTIN\x10\x1a\x12'
    b'\x0b\n\x07SIGTTOU\x10\x1b\x12\n\n\x06SIGURG\x10\x1c\x12\x0b\n\x07SIGUSR1\x10\x1d\x12\x0b\n\x07SIGUSR2\x10\x1e\x12\r\n\tSIGVTALRM\x10'
    b'\x1f\x12\x0c\n\x08SIGWINCH\x10 \x12\x0b\n\x07SIGXCPU\x10!\x12\x0b\n\x07SIGXFSZ\x10"\x12\x0c\n\x08SIGRTMIN\x10#\x12\x11\n\rSIGRT'
    b'MINPLUS1\x10$\x12\x11\n\rSIGRTMINPLUS2\x10%\x12\x11\n\rSIGRTMINPLUS3\x10&\x12\x11\n\rSIGRTMINPLUS'
    b"4\x10'\x12\x11\n\rSIGRTMINPLUS5\x10(\x12\x11\n\rSIGRTMINPLUS6\x10)\x12\x11\n\rSIGRTMINPLUS7\x10*\x12\x11\n\r"
    b'SIGRTMINPLUS8\x10+\x12\x11\n\rSIGRTMINPLUS9\x10,\x12\x12\n\x0eSIGRTMINPLUS10\x10-\x12\x12\n\x0eSIGRTM'
    b'INPLUS11\x10.\x12\x12\n\x0eSIGRTMINPLUS12\x10/\x12\x12\n\x0eSIGRTMINPLUS13\x100\x12\x12\n\x0eSIGRTMINPL'
    b'US14\x101\x12\x12\n\x0eSIGRTMINPLUS15\x102\x12\x13\n\x0fSIGRTMAXMINUS14\x103\x12\x13\n\x0fSIGRTMAXMINUS'
    b'13\x104\x12\x13\n\x0fSIGRTMAXMINUS12\x105\x12\x13\n\x0fSIGRTMAXMINUS11\x106\x12\x13\n\x0fSIGRTMAXMINUS1'
    b'0\x107\x12\x12\n\x0eSIGRTMAXMINUS9\x108\x12\x12\n\x0eSIGRTMAXMINUS8\x109\x12\x12\n\x0eSIGRTMAXMINUS7\x10:\x12'
    b'\x12\n\x0eSIGRTMAXMINUS6\x10;\x12\x12\n\x0eSIGRTMAXMINUS5\x10<\x12\x12\n\x0eSIGRTMAXMINUS4\x10=\x12\x12\n\x0eS'
    b'IGRTMAXMINUS3\x10>\x12\x12\n\x0eSIGRTMAXMINUS2\x10?\x12\x12\n\x0eSIGRTMAXMINUS1\x10@\x12\x0c\n\x08SIGRT'
    b'MAX\x10A*k\n\x0eContainerState\x12\x15\n\x11CONTAINER_CREATED\x10\x00\x12\x15\n\x11CONTAINER_RUNN'
    b'ING\x10\x01\x12\x14\n\x10CONTAINER_EXITED\x10\x02\x12\x15\n\x11CONTAINER_UNKNOWN\x10\x03*\x88\x01\n\x12Container'
    b'EventType\x12\x1b\n\x17CONTAINER_CREATED_EVENT\x10\x00\x12\x1b\n\x17CONTAINER_STARTED_EVEN'
    b'T\x10\x01\x12\x1b\n\x17CONTAINER_STOPPED_EVENT\x10\x02\x12\x1b\n\x17CONTAINER_DELETED_EVENT\x10\x03*$\n'
    b'\nMetricType\x12\x0b\n\x07COUNTER\x10\x00\x12\t\n\x05GAUGE\x10\x01*)\n\x0cCgroupDriver\x12\x0b\n\x07SYSTEMD\x10\x00'
    b'\x12\x0c\n\x08CGROUPFS\x10\x012\xd9\x19\n\x0eRuntimeService\x12B\n\x07Version\x12\x1a.runtime.v1.Versio'
    b'nRequest\x1a\x1b.runtime.v1.VersionResponse\x12T\n\rRunPodSandbox\x12 .runtime'
    b'.v1.RunPodSandboxRequest\x1a!.runtime.v1.RunPodSandboxResponse\x12W\n\x0eS'
    b'topPodSandbox\x12!.runtime.v1.StopPodSandboxRequest\x1a".runtime.v1.St'
    b'opPodSandboxResponse\x12]\n\x10RemovePodSandbox\x12#.runtime.v1.RemovePodS'
    b'andboxRequest\x1a$.runtime.v1.RemovePodSandboxResponse\x12]\n\x10PodSandbo'
    b'xStatus\x12#.runtime.v1.PodSandboxStatusRequest\x1a$.runtime.v1.PodSan'
    b'dboxStatusResponse\x12W\n\x0eListPodSandbox\x12!.runtime.v1.ListPodSandbox'
    b'Request\x1a".runtime.v1.ListPodSandboxResponse\x12e\n\x12StreamPodSandboxe'
    b's\x12%.runtime.v1.StreamPodSandboxesRequest\x1a&.runtime.v1.StreamPodS'
    b'andboxesResponse0\x01\x12Z\n\x0fCreateContainer\x12".runtime.v1.CreateContain'
    b'erRequest\x1a#.runtime.v1.CreateContainerResponse\x12W\n\x0eStartContainer'
    b'\x12!.runtime.v1.StartContainerRequest\x1a".runtime.v1.StartContainerR'
    b'esponse\x12T\n\rStopContainer\x12 .runtime.v1.StopContainerRequest\x1a!.run'
    b'time.v1.StopContainerResponse\x12Z\n\x0fRemoveContainer\x12".runtime.v1.Re'
    b'moveContainerRequest\x1a#.runtime.v1.RemoveContainerResponse\x12W\n\x0eLis'
    b'tContainers\x12!.runtime.v1.ListContainersRequest\x1a".runtime.v1.List'
    b'ContainersResponse\x12_\n\x10StreamContainers\x12#.runtime.v1.StreamContai'
    b'nersRequest\x1a$.runtime.v1.StreamContainersResponse0\x01\x12Z\n\x0fContainer'
    b'Status\x12".runtime.v1.ContainerStatusRequest\x1a#.runtime.v1.Containe'
    b'rStatusResponse\x12u\n\x18UpdateContainerResources\x12+.runtime.v1.UpdateC'
    b'ontainerResourcesRequest\x1a,.runtime.v1.UpdateContainerResourcesRe'
    b'sponse\x12c\n\x12ReopenContainerLog\x12%.runtime.v1.ReopenContainerLogRequ'
    b'est\x1a&.runtime.v1.ReopenContainerLogResponse\x12E\n\x08ExecSync\x12\x1b.runtim'
    b'e.v1.ExecSyncRequest\x1a\x1c.runtime.v1.ExecSyncResponse\x129\n\x04Exec\x12\x17.run'
    b'time.v1.ExecRequest\x1a\x18.runtime.v1.ExecResponse\x12?\n\x06Attach\x12\x19.runtim'
    b'e.v1.AttachRequest\x1a\x1a.runtime.v1.AttachResponse\x12N\n\x0bPortForward\x12\x1e.'
    b'runtime.v1.PortForwardRequest\x1a\x1f.runtime.v1.PortForwardResponse\x12W'
    b'\n\x0eContainerStats\x12!.runtime.v1.ContainerStatsRequest\x1a".runtime.v1'
    b'.ContainerStatsResponse\x12c\n\x12ListContainerStats\x12%.runtime.v1.ListC'
    b'ontainerStatsRequest\x1a&.runtime.v1.ListContainerStatsResponse\x12k\n\x14'
    b"StreamContainerStats\x12'.runtime.v1.StreamContainerStatsRequest\x1a(."
    b'runtime.v1.StreamContainerStatsResponse0\x01\x12Z\n\x0fPodSandboxStats\x12".r'
    b'untime.v1.PodSandboxStatsRequest\x1a#.runtime.v1.PodSandboxStatsRes'
    b'ponse\x12f\n\x13ListPodSandboxStats\x12&.runtime.v1.ListPodSandboxStatsReq'
    b"uest\x1a'.runtime.v1.ListPodSandboxStatsResponse\x12n\n\x15StreamPodSandbo"
    b'xStats\x12(.runtime.v1.StreamPodSandboxStatsRequest\x1a).runtime.v1.St'
    b'reamPodSandboxStatsResponse0\x01\x12f\n\x13UpdateRuntimeConfig\x12&.runtime.v'
    b"1.UpdateRuntimeConfigRequest\x1a'.runtime.v1.UpdateRuntimeConfigRes"
    b'ponse\x12?\n\x06Status\x12\x19.runtime.v1.StatusRequest\x1a\x1a.runtime.v1.StatusRe'
    b'sponse\x12f\n\x13CheckpointContainer\x12&.runtime.v1.CheckpointContainerRe'
    b"quest\x1a'.runtime.v1.CheckpointContainerResponse\x12X\n\x12GetContainerEv"
    b'ents\x12\x1c.runtime.v1.GetEventsRequest\x1a".runtime.v1.ContainerEventRe'
    b'sponse0\x01\x12l\n\x15ListMetricDescriptors\x12(.runtime.v1.ListMetricDescrip'
    b'torsRequest\x1a).runtime.v1.ListMetricDescriptorsResponse\x12l\n\x15ListPo'
    b'dSandboxMetrics\x12(.runtime.v1.ListPodSandboxMetricsRequest\x1a).runt'
    b'ime.v1.ListPodSandboxMetricsResponse\x12t\n\x17StreamPodSandboxMetrics\x12'
    b'*.runtime.v1.StreamPodSandboxMetricsRequest\x1a+.runtime.v1.StreamP'
    b'odSandboxMetricsResponse0\x01\x12T\n\rRuntimeConfig\x12 .runtime.v1.Runtime'
    b'ConfigRequest\x1a!.runtime.v1.RuntimeConfigResponse\x12x\n\x19UpdatePodSan'
    b'dboxResources\x12,.runtime.v1.UpdatePodSandboxResourcesRequest\x1a-.ru'
    b'ntime.v1.UpdatePodSandboxResourcesResponse2\xea\x03\n\x0cImageService\x12K\n\nL'
    b'istImages\x12\x1d.runtime.v1.ListImagesRequest\x1a\x1e.runtime.v1.ListImages'
    b'Response\x12S\n\x0cStreamImages\x12\x1f.runtime.v1.StreamImagesRequest\x1a .runt'
    b'ime.v1.StreamImagesResponse0\x01\x12N\n\x0bImageStatus\x12\x1e.runtime.v1.ImageS'
    b'tatusRequest\x1a\x1f.runtime.v1.ImageStatusResponse\x12H\n\tPullImage\x12\x1c.run'
    b'time.v1.PullImageRequest\x1a\x1d.runtime.v1.PullImageResponse\x12N\n\x0bRemov'
    b'eImage\x12\x1e.runtime.v1.RemoveImageRequest\x1a\x1f.runtime.v1.RemoveImageR'
    b'esponse\x12N\n\x0bImageFsInfo\x12\x1e.runtime.v1.ImageFsInfoRequest\x1a\x1f.runtime'
    b'.v1.ImageFsInfoResponseb\x06proto3'
)
TCP = 0
UDP = 1
SCTP = 2
PROPAGATION_PRIVATE = 0
PROPAGATION_HOST_TO_CONTAINER = 1
PROPAGATION_BIDIRECTIONAL = 2
POD = 0
CONTAINER = 1
NODE = 2
TARGET = 3
Merge = 0
Strict = 1
SANDBOX_READY = 0
SANDBOX_NOTREADY = 1
RUNTIME_DEFAULT = 0
SIGABRT = 1
SIGALRM = 2
SIGBUS = 3
SIGCHLD = 4
SIGCLD = 5
SIGCONT = 6
SIGFPE = 7
SIGHUP = 8
SIGILL = 9
SIGINT = 10
SIGIO = 11
SIGIOT = 12
SIGKILL = 13
SIGPIPE = 14
SIGPOLL = 15
SIGPROF = 16
SIGPWR = 17
SIGQUIT = 18
SIGSEGV = 19
SIGSTKFLT = 20
SIGSTOP = 21
SIGSYS = 22
SIGTERM = 23
SIGTRAP = 24
SIGTSTP = 25
SIGTTIN = 26
SIGTTOU = 27
SIGURG = 28
SIGUSR1 = 29
SIGUSR2 = 30
SIGVTALRM = 31
SIGWINCH = 32
SIGXCPU = 33
SIGXFSZ = 34
SIGRTMIN = 35
SIGRTMINPLUS1 = 36
SIGRTMINPLUS2 = 37
SIGRTMINPLUS3 = 38
SIGRTMINPLUS4 = 39
SIGRTMINPLUS5 = 40
SIGRTMINPLUS6 = 41
SIGRTMINPLUS7 = 42
SIGRTMINPLUS8 = 43
SIGRTMINPLUS9 = 44
SIGRTMINPLUS10 = 45
SIGRTMINPLUS11 = 46
SIGRTMINPLUS12 = 47
SIGRTMINPLUS13 = 48
SIGRTMINPLUS14 = 49
SIGRTMINPLUS15 = 50
SIGRTMAXMINUS14 = 51
SIGRTMAXMINUS13 = 52
SIGRTMAXMINUS12 = 53
SIGRTMAXMINUS11 = 54
SIGRTMAXMINUS10 = 55
SIGRTMAXMINUS9 = 56
SIGRTMAXMINUS8 = 57
SIGRTMAXMINUS7 = 58
SIGRTMAXMINUS6 = 59
SIGRTMAXMINUS5 = 60
SIGRTMAXMINUS4 = 61
SIGRTMAXMINUS3 = 62
SIGRTMAXMINUS2 = 63
SIGRTMAXMINUS1 = 64
SIGRTMAX = 65
CONTAINER_CREATED = 0
CONTAINER_RUNNING = 1
CONTAINER_EXITED = 2
CONTAINER_UNKNOWN = 3
CONTAINER_CREATED_EVENT = 0
CONTAINER_STARTED_EVENT = 1
CONTAINER_STOPPED_EVENT = 2
CONTAINER_DELETED_EVENT = 3
COUNTER = 0
GAUGE = 1
SYSTEMD = 0
CGROUPFS = 1


def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
