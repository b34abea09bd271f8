"""Status codes -> the errors of the house, pure and over a real socket."""

import asyncio
from pathlib import Path

import grpc
import pytest

from nodeagent.adapters.cri.connect import open_cri
from nodeagent.adapters.cri.errors import NAME_RESERVED, PLUGIN_DISABLED, cri_error
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.errors import (
    CriError,
    CriNotFound,
    CriRefused,
    CriUnavailable,
    CriUnimplemented,
    ImagePullFailed,
)
from nodeagent.model.ids import ContainerId, ImageRef, SandboxId
from tests.adapters.cri.fake_cri import FakeCri, Refusal, connected

Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.NOT_FOUND, CriNotFound),
        (Code.UNAVAILABLE, CriUnavailable),
        (Code.DEADLINE_EXCEEDED, CriUnavailable),
        (Code.CANCELLED, CriUnavailable),
        (Code.UNIMPLEMENTED, CriUnimplemented),
        (Code.INVALID_ARGUMENT, CriRefused),
        (Code.FAILED_PRECONDITION, CriRefused),
        (Code.ALREADY_EXISTS, CriRefused),
        (Code.PERMISSION_DENIED, CriRefused),
        (Code.UNKNOWN, CriError),
        (Code.INTERNAL, CriError),
        (Code.RESOURCE_EXHAUSTED, CriError),
    ],
)
def test_each_code_has_its_error(code: grpc.StatusCode, kind: type[CriError]) -> None:
    error = cri_error("StartContainer", "c-1", code, "words")
    assert type(error) is kind
    assert str(error) == "StartContainer c-1: words"


def test_an_error_without_words_says_so() -> None:
    assert cri_error("Version", "runtime", Code.INTERNAL, "").detail != ""


@pytest.mark.parametrize("service", ["RuntimeService", "ImageService"])
def test_a_disabled_plugin_is_named_with_the_way_to_enable_it(service: str) -> None:
    words = f"unknown service runtime.v1.{service}"
    error = cri_error("Version", "runtime", Code.UNIMPLEMENTED, words)
    assert type(error) is CriUnavailable
    assert error.reason == PLUGIN_DISABLED
    for part in ("CRI plugin is disabled", "disabled_plugins", "config.toml", "restart containerd"):
        assert part in error.detail


def test_a_missing_method_is_not_a_disabled_plugin() -> None:
    words = "unknown method RuntimeConfig for service runtime.v1.RuntimeService"
    error = cri_error("RuntimeConfig", "runtime", Code.UNIMPLEMENTED, words)
    assert type(error) is CriUnimplemented


def test_a_runtime_that_is_still_starting_counts_as_away() -> None:
    error = cri_error("Status", "runtime", Code.UNKNOWN, "server is not initialized yet")
    assert type(error) is CriUnavailable


@pytest.mark.parametrize(
    "words", ["not implemented yet", "UpdatePodSandboxResources: not implemented"]
)
def test_a_missing_method_is_known_by_its_words_too(words: str) -> None:
    error = cri_error("UpdatePodSandboxResources", "s1", Code.UNKNOWN, words)
    assert type(error) is CriUnimplemented


@pytest.mark.parametrize(
    "words",
    [
        'failed to reserve container name "a_b_0": name "a_b_0" is reserved for "1f"',
        "pod sandbox name is reserved: name k8s_x is reserved",
    ],
)
def test_a_taken_name_is_told_apart(words: str) -> None:
    error = cri_error("CreateContainer", "web", Code.UNKNOWN, words)
    assert type(error) is CriRefused
    assert error.reason == NAME_RESERVED


async def test_a_socket_that_is_not_there_is_unavailable_and_named(tmp_path: Path) -> None:
    async with open_cri(str(tmp_path / "none.sock")) as cri:
        with pytest.raises(CriUnavailable, match=r"none\.sock"):
            await cri.runtime.info()


async def test_a_runtime_that_hangs_is_unavailable_after_the_timeout(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["Status"] = _hang
    async with connected(fake, tmp_path, timeout=0.2) as cri:
        with pytest.raises(CriUnavailable, match="Status container runtime"):
            await cri.runtime.health()


async def test_what_is_already_gone_counts_as_done(tmp_path: Path) -> None:
    fake = FakeCri()
    methods = ("StopContainer", "RemoveContainer", "StopPodSandbox", "RemovePodSandbox")
    for method in (*methods, "RemoveImage"):
        fake.answers[method] = Refusal(Code.NOT_FOUND)
    async with connected(fake, tmp_path) as cri:
        await cri.containers.stop_container(ContainerId("c"), grace=1.0)
        await cri.containers.remove_container(ContainerId("c"))
        await cri.sandboxes.stop_sandbox(SandboxId("s"))
        await cri.sandboxes.remove_sandbox(SandboxId("s"))
        await cri.images.remove_image(ImageRef("i"))
    assert [name for name, _ in fake.asked] == [*methods, "RemoveImage"]


async def test_starting_what_is_gone_is_an_error(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["StartContainer"] = Refusal(Code.NOT_FOUND)
    async with connected(fake, tmp_path) as cri:
        with pytest.raises(CriNotFound):
            await cri.containers.start_container(ContainerId("c"))


@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        (Code.UNKNOWN, "failed to resolve reference: 500", "ErrImagePull"),
        (Code.NOT_FOUND, "x:1: not found", "ErrImagePull"),
        (Code.UNKNOWN, "RegistryUnavailable: try later", "RegistryUnavailable"),
        (Code.UNKNOWN, "SignatureValidationFailed: no", "SignatureValidationFailed"),
    ],
)
async def test_a_failed_pull_has_the_words_of_the_registry(
    tmp_path: Path, code: grpc.StatusCode, words: str, reason: str
) -> None:
    fake = FakeCri()
    fake.answers["PullImage"] = Refusal(code, words)
    async with connected(fake, tmp_path) as cri:
        with pytest.raises(ImagePullFailed) as caught:
            await cri.images.pull_image("x:1", annotations={})
    assert (caught.value.detail, caught.value.reason) == (words, reason)


async def test_a_runtime_that_goes_away_during_a_pull_is_no_failed_pull(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["PullImage"] = Refusal(Code.UNAVAILABLE)
    async with connected(fake, tmp_path) as cri:
        with pytest.raises(CriUnavailable):
            await cri.images.pull_image("x:1", annotations={})


async def _hang(_: object) -> pb.StatusResponse:
    await asyncio.Event().wait()
    return pb.StatusResponse()
