"""Patches as the API server applies them, for the lists that a node touches."""

from tests.apiserver.patches import apply_json_patch, merge, strategic


def test_conditions_are_merged_by_their_type_and_one_can_be_deleted() -> None:
    pod = {"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B"}]}}
    patch = {
        "status": {
            "$setElementOrder/conditions": [{"type": "A"}, {"type": "C"}],
            "conditions": [
                {"type": "A", "status": "False"},
                {"type": "C"},
                {"$patch": "delete", "type": "B"},
            ],
        }
    }
    found = strategic(pod, patch, kind="Pod")["status"]["conditions"]
    assert found == [{"type": "A", "status": "False"}, {"type": "C"}]


def test_container_statuses_and_taints_are_replaced_whole() -> None:
    pod = {"status": {"containerStatuses": [{"name": "a"}, {"name": "b"}]}}
    patch = {"status": {"containerStatuses": [{"name": "b", "ready": True}]}}
    assert strategic(pod, patch, kind="Pod")["status"] == patch["status"]
    node = {"spec": {"taints": [{"key": "a"}]}}
    assert strategic(node, {"spec": {"taints": []}}, kind="Node") == {"spec": {"taints": []}}


def test_kept_keys_are_the_only_ones_left() -> None:
    pod = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    patch = {
        "spec": {
            "volumes": [
                {"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/"}}
            ]
        }
    }
    found = strategic(pod, patch, kind="Pod")["spec"]["volumes"]
    assert found == [{"name": "v", "hostPath": {"path": "/"}}]


def test_a_merge_patch_removes_with_null_and_replaces_lists() -> None:
    assert merge({"a": 1, "b": [1, 2]}, {"a": None, "b": [3]}) == {"b": [3]}


def test_a_json_patch_adds_tests_and_removes() -> None:
    steps = [
        {"op": "test", "path": "/a~1b", "value": 1},
        {"op": "add", "path": "/l/-", "value": 3},
        {"op": "remove", "path": "/l/0"},
        {"op": "move", "from": "/a~1b", "path": "/c"},
    ]
    assert apply_json_patch({"a/b": 1, "l": [1, 2]}, steps) == {"l": [2, 3], "c": 1}
