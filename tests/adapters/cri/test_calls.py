"""The tables of calls name methods and messages as the services declare them."""

from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor

from nodeagent.adapters.cri.calls import ContainerdCalls, ImageCalls, RuntimeCalls
from nodeagent.adapters.cri.channel import socket_target
from nodeagent.adapters.cri.pb import containerd_service_pb2 as events_pb
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import SettingsError

METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for file in (pb.DESCRIPTOR, events_pb.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
}


class Ledger:
    """Stands where a channel stands, and writes down what is asked of it."""

    def __init__(self) -> None:
        self.made: list[tuple[str, bool, Any]] = []

    def unary_unary(
        self, method: str, *, request_serializer: Any, response_deserializer: Any
    ) -> None:
        self.made.append((method, False, response_deserializer))

    def unary_stream(
        self, method: str, *, request_serializer: Any, response_deserializer: Any
    ) -> None:
        self.made.append((method, True, response_deserializer))


@pytest.mark.parametrize("table", [RuntimeCalls, ImageCalls, ContainerdCalls])
def test_every_call_fits_its_method(table: Any) -> None:
    ledger = Ledger()
    table(ledger)
    assert ledger.made
    for name, streams, parse in ledger.made:
        assert streams is METHODS[name].server_streaming, name
        assert parse(b"").DESCRIPTOR.full_name == METHODS[name].output_type.full_name, name


@pytest.mark.parametrize(
    "endpoint",
    ["unix:///run/x.sock", "unix:/run/x.sock", "/run/x.sock"],
)
def test_an_endpoint_is_a_unix_socket(endpoint: str) -> None:
    assert socket_target(endpoint) == "unix:///run/x.sock"


@pytest.mark.parametrize("endpoint", ["", "tcp://1.2.3.4:5", "run/x.sock", "unix://run/x.sock"])
def test_any_other_endpoint_is_a_wrong_setting(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="containerRuntimeEndpoint"):
        socket_target(endpoint)
