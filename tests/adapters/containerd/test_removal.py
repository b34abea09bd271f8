"""Forgetting one CNI network's rules leaves every other network's alone."""

from nodeagent.adapters.containerd.removal import undo_rules

SAVED = """\
*nat
:POSTROUTING ACCEPT [0:0]
:CNI-1111aaaa - [0:0]
:CNI-2222bbbb - [0:0]
:CNI-DN-3333cccc - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 10.1.0.2/32 -m comment --comment "name: \\"blue\\" id: \\"i1\\"" -j CNI-1111aaaa
-A POSTROUTING -s 10.2.0.2/32 -m comment --comment "name: \\"blue2\\" id: \\"i2\\"" -j CNI-2222bbbb
-A CNI-1111aaaa -d 10.1.0.0/21 -m comment --comment "name: \\"blue\\" id: \\"i1\\"" -j ACCEPT
-A CNI-2222bbbb -d 10.2.0.0/21 -m comment --comment "name: \\"blue2\\" id: \\"i2\\"" -j ACCEPT
-A CNI-DN-3333cccc -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.2:80
-A CNI-HOSTPORT-DNAT -m comment --comment "dnat name: \\"blue\\" id: \\"i1\\"" -j CNI-DN-3333cccc
COMMIT
"""


def test_jumps_are_deleted_and_the_networks_own_chains_dropped() -> None:
    undo = undo_rules(SAVED, "blue").splitlines()
    assert undo[0] == "*nat"
    assert undo[-1] == "COMMIT"
    assert [line.split()[:2] for line in undo[1:-1]] == [
        ["-D", "POSTROUTING"],
        ["-D", "CNI-HOSTPORT-DNAT"],
        ["-F", "CNI-1111aaaa"],
        ["-F", "CNI-DN-3333cccc"],
        ["-X", "CNI-1111aaaa"],
        ["-X", "CNI-DN-3333cccc"],
    ]


def test_a_network_whose_name_only_begins_alike_is_left_alone() -> None:
    assert "2222bbbb" not in undo_rules(SAVED, "blue")
    assert "10.2.0" not in undo_rules(SAVED, "blue")


def test_chains_that_all_networks_share_stay() -> None:
    assert "-X CNI-HOSTPORT-DNAT" not in undo_rules(SAVED, "blue")


def test_nothing_is_undone_for_a_network_without_rules() -> None:
    assert undo_rules(SAVED, "green") == ""
