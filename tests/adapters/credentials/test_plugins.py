"""Credential provider plugins as real programs."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from nodeagent.adapters.credentials.config import Provider, Variable, load_providers
from nodeagent.adapters.credentials.plugins import Plugins
from nodeagent.errors import SettingsError
from nodeagent.metrics import AgentMetrics
from tests.fakes.figures import value

V1 = "credentialprovider.kubelet.k8s.io/v1"
IMAGE = "eu.r.io/team/app:1"


def answer(user: str = "u", **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": V1,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Image",
        "cacheDuration": "1h",
        "auth": {"*.r.io": {"username": user, "password": "p"}},
        **changes,
    }


def plugin(folder: Path, body: str, name: str = "plug") -> Provider:
    """A plugin of this shell text; it notes each question in `asked`."""
    program = folder / name
    program.write_text(f"#!/bin/sh\ncat >>{folder}/asked\necho >>{folder}/asked\n{body}\n")
    program.chmod(0o755)
    return Provider(
        name=name, match_images=("*.r.io",), default_cache_duration="0s", api_version=V1
    )


def saying(folder: Path, document: dict[str, Any]) -> Provider:
    (folder / "answer").write_text(json.dumps(document))
    return plugin(folder, f"cat {folder}/answer")


def asked(folder: Path) -> list[dict[str, Any]]:
    file = folder / "asked"
    return [json.loads(line) for line in file.read_text().split()] if file.exists() else []


async def test_a_plugin_is_asked_and_its_answer_is_kept(tmp_path: Path) -> None:
    plugins = Plugins([saying(tmp_path, answer())], tmp_path)
    (found,) = await plugins.provided(IMAGE)
    assert (found.key, found.username, found.password) == ("*.r.io", "u", "p")
    await plugins.provided(IMAGE)
    assert asked(tmp_path) == [
        {"apiVersion": V1, "kind": "CredentialProviderRequest", "image": "eu.r.io/team/app"}
    ]


async def test_a_plugin_for_other_images_is_not_asked(tmp_path: Path) -> None:
    assert await Plugins([saying(tmp_path, answer())], tmp_path).provided("busybox") == ()
    assert asked(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "duration", "times"),
    [("Image", "1h", 2), ("Registry", "1h", 1), ("Global", "1h", 1), ("Image", None, 3)],
)
async def test_answers_count_for_an_image_a_registry_or_all(
    tmp_path: Path, kind: str, duration: str | None, times: int
) -> None:
    told = answer(cacheKeyType=kind, cacheDuration=duration)
    plugins = Plugins([saying(tmp_path, told)], tmp_path)
    for image in (IMAGE, "eu.r.io/other:1", IMAGE):
        await plugins.provided(image)
    assert len(asked(tmp_path)) == times


async def test_the_same_question_is_asked_once_at_a_time(tmp_path: Path) -> None:
    plugins = Plugins([saying(tmp_path, answer())], tmp_path)
    found = await asyncio.gather(*(plugins.provided(IMAGE) for _ in range(5)))
    assert all(len(one) == 1 for one in found) and len(asked(tmp_path)) == 1


async def test_arguments_and_environment_are_handed_over(tmp_path: Path) -> None:
    document = json.dumps(answer("@")).replace('"@"', "\"'$1$WORD'\"")
    provider = plugin(tmp_path, f"echo '{document}'")
    given = Provider(
        name=provider.name,
        match_images=provider.match_images,
        default_cache_duration="0s",
        api_version=V1,
        args=("one",),
        env=(Variable("WORD", "two"),),
    )
    (found,) = await Plugins([given], tmp_path).provided(IMAGE)
    assert found.username == "onetwo"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo went wrong >&2; exit 3", "code 3: went wrong"),
        ("echo nonsense", "cannot be read"),
        ("sleep 60", "no answer within 1 s"),
        (f"echo '{json.dumps(answer(apiVersion='other/v1'))}'", "of other/v1"),
        (f"echo '{json.dumps(answer(cacheKeyType='Odd'))}'", '"Odd" is not known'),
    ],
)
async def test_a_plugin_that_fails_is_told_and_has_none(
    tmp_path: Path, body: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = plugin(tmp_path, body)
    assert await Plugins([provider], tmp_path, limit=1.0).provided(IMAGE) == ()
    told = capsys.readouterr()
    assert words in told.out + told.err


def write_config(folder: Path, **changes: Any) -> Path:
    provider = {
        "name": "plug",
        "matchImages": ["*.r.io"],
        "defaultCacheDuration": "12h",
        "apiVersion": V1,
        **changes,
    }
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [provider],
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(document))
    return path


def test_a_configuration_is_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    plugin(tmp_path, "true")
    folder = tmp_path / "conf"
    folder.mkdir()
    file = write_config(folder)
    (found,) = load_providers(file, tmp_path)
    assert (found.name, found.keep) == ("plug", 43200.0)
    assert load_providers(folder, tmp_path) == (found,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "absent"}, "there is no program"),
        ({"name": "a/b"}, "cannot be the name"),
        ({"apiVersion": "v7"}, "apiVersion must be one of"),
        ({"matchImages": []}, "matchImages must not be empty"),
        ({"defaultCacheDuration": "soon"}, "defaultCacheDuration"),
        ({"defaultCacheDuration": "-1s"}, "must not be negative"),
        ({"matchImages": "x"}, "Expected"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    plugin(tmp_path, "true")
    with pytest.raises(SettingsError, match=words):
        load_providers(write_config(tmp_path, **changes), tmp_path)


async def test_runs_are_counted_with_those_that_failed(tmp_path: Path) -> None:
    metrics = AgentMetrics()
    tell = metrics.asked.plugin_ran
    good = Plugins([saying(tmp_path, answer())], tmp_path, tell=tell)
    await good.provided(IMAGE)
    await good.provided(IMAGE)
    bad = plugin(tmp_path, "exit 3")
    await Plugins([bad], tmp_path, tell=tell).provided(IMAGE)
    labels = {"plugin_name": bad.name}
    assert value(metrics, "kubelet_credential_provider_plugin_duration_count", **labels) == 2
    assert value(metrics, "kubelet_credential_provider_plugin_errors_total", **labels) == 1
