"""Tokens of service accounts, in virtual time over a server that gives or refuses them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from lightkube.models import authentication_v1

from nodeagent.core.times import as_time
from nodeagent.engine.tokens import Tokens
from nodeagent.errors import ApiForbidden, ApiUnavailable
from nodeagent.model.api import ApiKind, Purpose
from nodeagent.model.ids import PodUid
from nodeagent.model.tokens import TokenWish
from tests.fakes.probes import LoopClock

pytestmark = pytest.mark.looptime

WISH = TokenWish(
    namespace="shop", account="till", pod="web", uid=PodUid("u1"), audience="vault", seconds=3600
)


class Issuer:
    """The part of an API server that gives tokens; `life` is what it makes of any wish."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self.asked: list[tuple[str, str, authentication_v1.TokenRequestSpec]] = []
        self.life = 3600
        self.down = self.refuses = False

    async def create(
        self,
        kind: ApiKind[Any],
        body: Any,
        namespace: str = "",
        *,
        purpose: Purpose,
        name: str = "",
        subresource: str = "",
    ) -> Any:
        assert (kind.path(namespace, name, subresource), purpose) == (
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            Purpose.TOKENS,
        )
        if self.refuses:
            raise ApiForbidden(op="create", target=name, detail="no")
        if self.down:
            raise ApiUnavailable(op="create", target=name, detail="down")
        self.asked.append((namespace, name, body.spec))
        status = authentication_v1.TokenRequestStatus(
            token=f"t{len(self.asked)}",
            expirationTimestamp=as_time(self._clock.now() + self.life),
        )
        spec = authentication_v1.TokenRequestSpec(audiences=[], expirationSeconds=self.life)
        return authentication_v1.TokenRequest(spec=spec, status=status)

    async def read(self, *_: Any, **__: Any) -> Any:
        raise ApiForbidden(op="read", target="", detail="")

    replace = patch = delete = read

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        nobody: tuple[Any, ...] = ()
        for nothing in nobody:
            yield nothing


class Bench:
    def __init__(self) -> None:
        self.clock = LoopClock(1_700_000_000.0)
        self.issuer = Issuer(self.clock)
        self.tokens = Tokens(self.issuer, self.clock)

    async def value(self, wish: TokenWish = WISH) -> str:
        return (await self.tokens.token(wish)).value


async def test_a_token_is_asked_for_once_with_what_the_pod_wants() -> None:
    bench = Bench()
    assert [await bench.value() for _ in range(3)] == ["t1"] * 3
    ((namespace, account, spec),) = bench.issuer.asked
    assert (namespace, account) == ("shop", "till")
    assert (spec.audiences, spec.expirationSeconds) == (["vault"], 3600)
    assert spec.boundObjectRef is not None
    assert (spec.boundObjectRef.kind, spec.boundObjectRef.name, spec.boundObjectRef.uid) == (
        "Pod", "web", "u1")  # fmt: skip


async def test_a_first_refusal_may_be_that_of_an_authorizer_that_does_not_know_the_pod_yet() -> (
    None
):
    bench = Bench()
    bench.issuer.refuses = True
    async with asyncio.TaskGroup() as group:
        given = group.create_task(bench.value())
        await asyncio.sleep(0.25)
        bench.issuer.refuses = False
    assert given.result() == "t1"
    bench.issuer.refuses = True
    with pytest.raises(ApiForbidden):
        await bench.value(msgspec.structs.replace(WISH, pod="other"))


async def test_it_is_replaced_at_eighty_percent_of_its_life() -> None:
    bench = Bench()
    first = await bench.tokens.token(WISH)
    assert 2869 <= first.refresh_at - bench.clock.now() <= 2880
    await asyncio.sleep(2860)
    assert await bench.value() == "t1"
    await asyncio.sleep(20)
    assert await bench.value() == "t2"


async def test_a_long_lived_one_is_replaced_after_a_day() -> None:
    bench = Bench()
    bench.issuer.life = 30 * 24 * 3600
    await bench.value()
    await asyncio.sleep(24 * 3600 - 20)
    assert await bench.value() == "t1"
    await asyncio.sleep(20)
    assert await bench.value() == "t2"


async def test_the_old_one_is_kept_while_no_new_one_is_given() -> None:
    bench = Bench()
    await bench.value()
    bench.issuer.down = True
    await asyncio.sleep(3000)
    kept = await bench.tokens.token(WISH)
    assert kept.value == "t1"
    assert kept.refresh_at == pytest.approx(bench.clock.now() + 30)
    await asyncio.sleep(601)
    over = await bench.tokens.token(WISH)
    assert over.value == "t1", "a pod could not be started without it"
    assert over.refresh_at == pytest.approx(bench.clock.now() + 30)
    bench.issuer.refuses = True
    with pytest.raises(ApiForbidden):
        await bench.value()
    bench.issuer.down = bench.issuer.refuses = False
    assert await bench.value() == "t2"


async def test_a_restart_without_the_server_goes_on_with_the_tokens_there_were() -> None:
    bench = Bench()
    told: list[TokenWish] = []
    before = Tokens(bench.issuer, bench.clock, on_kept=told.append)
    await before.token(WISH)
    assert told == [WISH]
    kept = before.to_keep(WISH)
    assert kept is not None and kept.confidential and "t1" not in repr(kept)
    bench.issuer.down = True
    bench.tokens.restore([kept])
    await asyncio.sleep(2 * 24 * 3600)
    assert await bench.value() == "t1"
    bench.issuer.down = False
    assert await bench.value() == "t2"
    assert before.keep_only([WISH.uid]) == {WISH}
    assert before.keep_only([]) == frozenset()
    assert told == [WISH, WISH] and before.to_keep(WISH) is None


async def test_a_token_never_shows_and_is_forgotten_with_its_pod() -> None:
    bench = Bench()
    assert "t1" not in repr(await bench.tokens.token(WISH))
    bench.tokens.forget(PodUid("other"))
    assert await bench.value() == "t1"
    bench.tokens.forget(WISH.uid)
    assert await bench.value() == "t2"
