"""Every reason that the agent can show is in the catalogue of errors, and the page is fresh."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nodeagent
from nodeagent import errors
from nodeagent.core.catalogue import ENTRIES, code_for, entry_for, similar
from tools.errors_page import CHAPTERS, PAGE, page

PACKAGE = Path(nodeagent.__file__).parent
# Reasons that are no error: they say how far something is, or whose move it is.
NO_ERRORS = {
    "Completed",
    "ContainerCreating",
    "ContainersNotInitialized",
    "ContainersNotReady",
    "FileSystemResizeSuccessful",
    "NotTold",
    "PodCompleted",
    "PodFailed",
    "PodInitializing",
    "RestartingAllContainers",
    "SuccessfulMountVolume",
    "TerminationByKubelet",
}


def trees() -> Iterator[ast.Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "pb" not in path.parts and "settings" not in path.parts:
            yield ast.parse(path.read_text())


def texts(node: ast.AST) -> Iterator[str]:
    """A reason is a word in capitals and small letters; D-Bus and others use small ones."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Za-z]+", value):
        yield value


def emitted() -> set[str]:
    """Reasons in `reason="X"`, in warning events, and in predicates of admission."""
    found: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                if keyword.arg == "reason":
                    found.update(texts(keyword.value))
            called = ast.unparse(node.func).rpartition(".")[2]
            if called == "_failed" and node.args:
                found.update(texts(node.args[0]))
            words = [ast.unparse(arg) for arg in node.args]
            if called in ("event", "_event", "_tell") and "EventType.WARNING" in words:
                after = node.args[words.index("EventType.WARNING") + 1 :]
                found.update(word for arg in after[:1] for word in texts(arg))
    return found


def test_every_reason_that_is_emitted_has_a_code() -> None:
    reasons = emitted()
    assert len(reasons) > 15
    assert {one for one in reasons - NO_ERRORS if not code_for(one)} == set()


def test_every_error_class_has_a_code() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    ours = [one for one in kinds if issubclass(one, errors.AgentError)]
    assert len(ours) > 20
    assert {one.__name__ for one in ours if not code_for(one.default_reason)} == set()


def test_what_is_no_error_has_no_code() -> None:
    assert {one for one in NO_ERRORS if code_for(one)} == set()


def test_codes_are_in_order_and_each_stands_once() -> None:
    codes = [entry.code for entry in ENTRIES]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"NA[1-9]\d{3}", code) and code[2] in CHAPTERS for code in codes)
    reasons = [reason for entry in ENTRIES for reason in entry.reasons]
    assert len(reasons) == len(set(reasons))


def test_every_entry_says_what_to_do_in_sentences() -> None:
    for entry in ENTRIES:
        assert len(entry.cause) > 30 and entry.cause[0].isupper(), entry.code
        assert len(entry.fix) > 15, entry.code
        assert not entry.title.endswith("."), entry.code


def test_admission_reasons_and_resources_have_codes() -> None:
    for reason in ("SysctlForbidden", "AppArmor", "OutOfcpu", "OutOfnvidia.com/gpu", "NodePorts"):
        assert code_for(reason).startswith("NA2"), reason
    assert entry_for("OutOf") is None


def test_the_exit_code_says_more_than_the_reason() -> None:
    assert code_for("Error", exit_code=1) == "NA5003"
    assert code_for("Error", exit_code=127) == "NA5006"
    assert code_for("CrashLoopBackOff", exit_code=137) == "NA5007"
    assert code_for("OOMKilled", exit_code=137) == "NA5002"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run: python -m tools.errors_page"


def test_what_is_nearly_a_code_or_reason_is_found() -> None:
    assert similar("oomkiled") == ["OOMKilled"]
    assert similar("NA30011")[0] == "NA3001"
    assert similar("quux") == []
