"""Nothing grows while pods come and go."""

import pytest

from tests.e2e.agent import running_agent
from tests.e2e.runtime import Runtime
from tests.soak.waves import MIB, run_waves, settled

WARM_UP, PODS, AT_ONCE = 40, 200, 40
# Events are remembered, up to 2000 of them; the wave of 500 in `make soak` fills that up first.
JOURNAL = 8 * MIB


@pytest.mark.timeout(240)
def test_two_hundred_pods_leave_the_node_as_it_was(runtime: Runtime) -> None:
    with running_agent(runtime, kubelet={"maxPods": 200}) as agent:
        run_waves(agent, pods=WARM_UP, at_once=AT_ONCE, first=0, say=print)
        before = settled(agent)
        run_waves(agent, pods=PODS, at_once=AT_ONCE, first=WARM_UP, say=print)
        after = settled(agent)
        print(before, after, sep="\n")
        assert after.grown(before, memory_bytes=JOURNAL) == {}
