"""Certificates in virtual time: asked for, issued, renewed, refused and asked for again."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.key_pairs import CLIENT, SERVING, KeyPairs, read_pair
from nodeagent.aio.threads import Threads
from nodeagent.core.certificates import Held, Wish, client_wish, serving_wish
from nodeagent.engine.api_ports import Api
from nodeagent.engine.certificates import PATIENCE, CertificateKeeper, Manner
from nodeagent.errors import CertificateRefused
from nodeagent.metrics import AgentMetrics
from nodeagent.model.api import SIGNING_REQUESTS
from tests.apiserver.authority import Authority
from tests.apiserver.signing import Signer, is_for_a_node
from tests.fakes.api import FakeApi
from tests.fakes.figures import value

pytestmark = pytest.mark.looptime
DAY = 86400.0


class SteppedClock:
    """The real time at its making, then the loop's: certificates are signed in real time."""

    def __init__(self) -> None:
        self._start = datetime.datetime.now(datetime.UTC).timestamp()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        return self._start + self._loop.time() - self._began


class InLoop(KeyPairs):
    """Files in the loop's own thread, so that virtual time waits for them."""

    async def held(self) -> Held | None:
        return read_pair(self.current)

    async def draft(self, wish: Wish):  # type: ignore[no-untyped-def]
        return self._make(wish)

    async def keep(self, draft_key: bytes, certificate: bytes, *, now: float) -> Held:
        return self.keep_now(draft_key, certificate, now=now)


class Rig:
    """A keeper, the API it asks and who signs."""

    def __init__(
        self, folder: Path, threads: Threads, *, pair: str = CLIENT, gives_up: bool = False
    ) -> None:
        self.clock = SteppedClock()
        self.api = FakeApi()
        self.signer = Signer(self.api.store, Authority(now=self.clock.now), now=self.clock.now)
        self.signer.approves = is_for_a_node
        self.signer.seconds = 10 * DAY
        self.pairs = InLoop(folder, pair, threads)
        self.ages: list[float | None] = []
        self.addresses = [v1.NodeAddress(type="InternalIP", address="10.0.0.2")]
        self.used: list[Held | None] = []
        self.keeper = CertificateKeeper(
            name=pair,
            pairs=self.pairs,
            wish=self._wish,
            api=self._way,
            clock=self.clock,
            on_change=self.ages.append,
            manner=Manner(gives_up=gives_up),
        )
        self._serving = pair == SERVING

    def _wish(self) -> Wish | None:
        return serving_wish("n1", self.addresses) if self._serving else client_wish("n1")

    def _way(self, held: Held | None) -> Api:
        self.used.append(held)
        return self.api

    @property
    def requests(self) -> int:
        return len(self.api.requests("create", SIGNING_REQUESTS.plural))

    def held(self) -> Held:
        found = read_pair(self.pairs.current)
        assert found is not None
        return found


@asynccontextmanager
async def keeping(
    folder: Path, *, pair: str = CLIENT, gives_up: bool = False
) -> AsyncIterator[Rig]:
    threads = Threads(1)
    rig = Rig(folder, threads, pair=pair, gives_up=gives_up)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(rig.keeper.run())
        try:
            yield rig
        finally:
            task.cancel()
            threads.close()


async def test_the_first_certificate_is_asked_for_at_once(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        await asyncio.sleep(1)
        assert rig.held().common_name == "system:node:n1"
        assert rig.ages == [None] and rig.used == [None]
        assert rig.pairs.current.readlink().parent == tmp_path
        assert rig.pairs.current.stat().st_mode & 0o777 == 0o600


async def test_it_is_renewed_before_its_end_and_not_before_seven_tenths(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        await asyncio.sleep(6.9 * DAY)
        assert rig.requests == 1
        await asyncio.sleep(2.2 * DAY)
        assert rig.requests >= 2
        assert rig.ages[1] is not None and 6.9 * DAY < rig.ages[1] < 9.2 * DAY


async def test_a_failing_server_is_asked_again_with_growing_pauses(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        fault = rig.api.fail(503, times=1000, verb="create")
        await asyncio.sleep(300)
        assert 10 <= rig.requests <= 14
        assert rig.keeper.failures == rig.requests
        fault.times = 0
        await asyncio.sleep(40)
        assert rig.held().is_good(rig.clock.now())


async def test_a_keeper_that_is_refused_for_five_minutes_ends(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with keeping(tmp_path, gives_up=True) as rig:
            rig.api.fail(401, times=1000, verb="create")
            await asyncio.sleep(290)
            assert not rig.keeper.granted.is_set()
            await asyncio.sleep(60)
            raise AssertionError("it has given up by then")
    assert caught.group_contains(CertificateRefused, match="bootstrap kubeconfig")


@pytest.mark.parametrize(("code", "has_one"), [(503, False), (401, True)])
async def test_a_keeper_goes_on_while_the_server_is_away_or_it_has_one_that_works(
    tmp_path: Path, code: int, *, has_one: bool
) -> None:
    async with keeping(tmp_path, gives_up=True) as rig:
        fault = rig.api.fail(code, times=0 if has_one else 1000, verb="create")
        await asyncio.sleep(1)
        fault.times = 1000
        await asyncio.sleep(9.5 * DAY if has_one else 3600)
        assert rig.keeper.granted.is_set() is has_one
        assert rig.keeper.failures > 0
        fault.times = 0
        await asyncio.sleep(40)
        assert rig.held().is_good(rig.clock.now())


async def test_a_denied_request_is_followed_by_another(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        rig.signer.approves = lambda _: False
        await asyncio.sleep(1)
        rig.signer.deny(rig.signer.waiting()[0]["metadata"]["name"])
        await asyncio.sleep(1)
        assert rig.keeper.failures == 1
        rig.signer.approves = is_for_a_node
        await asyncio.sleep(5)
        assert rig.requests == 2
        assert rig.held().is_good(rig.clock.now())


async def test_a_request_that_nobody_approves_is_given_up_for_another(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        rig.signer.approves = lambda _: False
        await asyncio.sleep(PATIENCE + 10)
        assert rig.requests == 2


async def test_an_approval_by_hand_is_seen_at_once(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        rig.signer.approves = lambda _: False
        await asyncio.sleep(600)
        rig.signer.approve(rig.signer.waiting()[0]["metadata"]["name"])
        await asyncio.sleep(1)
        assert rig.held().is_good(rig.clock.now())


async def test_a_new_address_calls_for_a_new_serving_certificate(tmp_path: Path) -> None:
    async with keeping(tmp_path, pair=SERVING) as rig:
        await asyncio.sleep(1)
        assert rig.held().addresses == ("10.0.0.2",)
        rig.addresses = [v1.NodeAddress(type="InternalIP", address="10.0.0.3")]
        rig.keeper.bell.ring()
        await asyncio.sleep(1)
        assert rig.held().addresses == ("10.0.0.3",)


async def test_without_an_address_nothing_is_asked_for_yet(tmp_path: Path) -> None:
    async with keeping(tmp_path, pair=SERVING) as rig:
        rig.addresses = []
        await asyncio.sleep(10)
        assert rig.requests == 0
        rig.addresses = [v1.NodeAddress(type="InternalIP", address="10.0.0.2")]
        await asyncio.sleep(2)
        assert rig.held().addresses == ("10.0.0.2",)


async def test_a_signer_whose_clock_is_behind_is_not_asked_without_end(tmp_path: Path) -> None:
    async with keeping(tmp_path) as rig:
        rig.signer.seconds = 1.0
        await asyncio.sleep(600)
        assert 9 <= rig.requests <= 12


def test_a_refusal_has_its_own_reason() -> None:
    assert CertificateRefused(op="a", target="b", detail="c").reason == "CertificateRefused"


async def test_the_time_left_and_renewals_that_failed_are_told(tmp_path: Path) -> None:
    metrics = AgentMetrics()
    left = "kubelet_certificate_manager_client_ttl_seconds"
    errors = "kubelet_certificate_manager_client_expiration_renew_errors"
    async with keeping(tmp_path) as rig:
        rig.signer.seconds = 3600.0
        metrics.certificates.add_client(rig.keeper.left, lambda: rig.keeper.failures)
        assert value(metrics, left) == float("inf")
        await asyncio.sleep(600)
        assert 2980 < value(metrics, left) <= 3000
        assert value(metrics, errors) == 0
        rig.api.fail(503, times=10_000, verb="create")
        await asyncio.sleep(3600)
        assert value(metrics, left) < 0
        assert value(metrics, errors) == rig.requests - 1 > 0


async def test_the_age_of_a_serving_certificate_that_is_replaced_is_told(tmp_path: Path) -> None:
    metrics = AgentMetrics()
    async with keeping(tmp_path, pair=SERVING) as rig:
        keeper = rig.keeper
        observe = metrics.certificates.add_serving(keeper.left, lambda: keeper.failures)
        await asyncio.sleep(9.5 * DAY)
        assert rig.ages[0] is None
        for age in rig.ages:
            if age is not None:
                observe(age)
        assert value(metrics, "kubelet_certificate_manager_server_ttl_seconds") > DAY
        assert value(metrics, "kubelet_server_expiration_renew_errors") == 0
        ages = "kubelet_certificate_manager_server_rotation_seconds"
        assert value(metrics, f"{ages}_count") == 1
        assert 6.9 * DAY < value(metrics, f"{ages}_sum") < 9.2 * DAY
