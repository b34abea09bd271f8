"""A machine with a configuration file and drop-ins, for tests of loading."""

from pathlib import Path

import pytest

from nodeagent.errors import SettingsError
from nodeagent.settings import Settings
from nodeagent.settings.flags import parse_flags
from nodeagent.settings.load import load

KUBELET = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
AGENT = "apiVersion: nodeagent.dev/v1alpha1\nkind: AgentConfiguration\n"


class Machine:
    """A folder with a configuration file and drop-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.drop_ins = folder / "conf.d"
        self.drop_ins.mkdir()

    def has(self, text: str, *, header: str = KUBELET) -> None:
        self.config.write_text(header + text)

    def drops(self, name: str, text: str, *, header: str = KUBELET) -> None:
        path = self.drop_ins / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(header + text)

    def load(self, *words: str, host_name: str = "node-1") -> Settings:
        return self.load_with_warnings(*words, host_name=host_name)[0]

    def load_with_warnings(
        self, *words: str, host_name: str = "node-1"
    ) -> tuple[Settings, list[str]]:
        argv = ["--config", str(self.config)] if self.config.exists() else []
        argv += ["--config-dir", str(self.drop_ins)] if any(self.drop_ins.iterdir()) else []
        settings, warnings = load(parse_flags([*argv, *words]), host_name=host_name)
        return settings, [str(warning) for warning in warnings]

    def refuses(self, *words: str, host_name: str = "node-1") -> str:
        with pytest.raises(SettingsError) as caught:
            self.load(*words, host_name=host_name)
        return str(caught.value)
