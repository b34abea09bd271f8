"""The rules of the house, for every file: layers, sizes, names, and what is not done."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.settings.flag_table import CONFIG_FLAGS
from nodeagent.settings.flags import CommandLine, help_text

ROOT = Path(__file__).parents[2]
LONGEST = {"nodeagent": 400, "tools": 400, "protos": 400, "docs": 400}
LONGEST_TEST = 550  # tables of cases are long and simple
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler"}
FORBIDDEN_NAMES |= {"handlers", "managers", "impl"}
# Around one step of one pod, and in the HTTP error handler (Tornado has its own).
BROAD = {"nodeagent/engine/worker.py": 1}
MAKES_TASKS = ("create_task", "ensure_future")
# A read of a stream that outlives many waits: cancelling it would end the stream.
MADE_ALONE = {"nodeagent/adapters/cri/containerd_events.py"}
# One question at a time to a slow program; one collection of images at a time.
LOCKS = {"nodeagent/adapters/credentials/plugins.py", "nodeagent/engine/image_gc.py"}


def ours() -> list[Path]:
    """Every Python file of the project that people wrote."""
    found = [
        path
        for top in ("nodeagent", "tests", "tools", "protos", "docs")
        for path in sorted((ROOT / top).rglob("*.py"))
    ]
    return [path for path in found if "pb" not in path.parts]


def package() -> list[Path]:
    return [path for path in ours() if path.relative_to(ROOT).parts[0] == "nodeagent"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def test_the_rooms_import_each_other_as_agreed() -> None:
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("path", ours(), ids=name_of)
def test_a_file_is_short_or_says_why_not(path: Path) -> None:
    lines = path.read_text().splitlines()
    most = LONGEST.get(path.relative_to(ROOT).parts[0], LONGEST_TEST)
    assert len(lines) <= most or "long because" in " ".join(lines[:3]), (
        f"{len(lines)} lines; split it, or say in the first lines what it is long because of"
    )


@pytest.mark.parametrize("path", ours(), ids=name_of)
def test_no_name_that_says_nothing(path: Path) -> None:
    parts = {*path.relative_to(ROOT).parts[:-1], path.stem}
    words = {word for part in parts for word in part.split("_")}
    assert not words & FORBIDDEN_NAMES


@pytest.mark.parametrize("path", package(), ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    tree = tree_of(path)
    assert not tree.body or ast.get_docstring(tree)


def test_broad_excepts_stand_where_they_are_meant() -> None:
    found = {name_of(path): len(list(broad_excepts(tree_of(path)))) for path in package()}
    assert {name: count for name, count in found.items() if count} == BROAD


def broad_excepts(tree: ast.Module) -> Iterator[ast.ExceptHandler]:
    """Those that catch whatever comes and do not raise it again at their end."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {kind.id if isinstance(kind, ast.Name) else "" for kind in kinds}
        broad = node.type is None or names & {"Exception", "BaseException"}
        last = node.body[-1]
        if broad and not (isinstance(last, ast.Raise) and last.exc is None):
            yield node


def test_cancellation_is_only_caught_to_be_raised_again() -> None:
    swallowed = [
        f"{name_of(path)}:{node.lineno}"
        for path in package()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and "CancelledError" in ast.dump(node.type)
        and not isinstance(node.body[-1], ast.Raise)
    ]
    assert swallowed == []


def test_tasks_are_made_in_groups_only() -> None:
    found = {
        name_of(path)
        for path in package()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and makes_a_task(node.func)
    }
    assert found == MADE_ALONE


def makes_a_task(called: ast.expr) -> bool:
    """asyncio.create_task, asyncio.ensure_future, or those of a loop; a group's are welcome."""
    if not isinstance(called, ast.Attribute) or called.attr not in MAKES_TASKS:
        return isinstance(called, ast.Name) and called.id in MAKES_TASKS
    owner = called.value
    named = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return "group" not in named.lower()


def test_nothing_forks_or_locks() -> None:
    banned = re.compile(r"\bos\.fork\(|\basyncio\.Lock\(|\bthreading\.Lock\(|multiprocessing")
    found = {name_of(path) for path in package() if banned.search(path.read_text())}
    assert found == LOCKS


@pytest.mark.parametrize("path", ours(), ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    later = "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "pragma: no " + "cover"))
    text = path.read_text()
    assert not re.search(rf"#\s*(?:{later})", text)
    assert "nodeagent" not in path.relative_to(ROOT).parts or "NotImplementedError" not in text


def test_tests_replace_nothing_inside_of_what_they_test() -> None:
    banned = re.compile(r"\bmock\.patch|\bmonkey" r"patch\.setattr\(\s*[\"']nodeagent")
    tests = (path for path in ours() if path.relative_to(ROOT).parts[0] == "tests")
    assert [name_of(path) for path in tests if banned.search(path.read_text())] == []


def written() -> list[Path]:
    """What is handed on: code, documents and data, as the repository has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_path_of_one_machine_is_handed_on() -> None:
    machine = re.compile(rb"/work/(?:main|shared)|\.\./shared/|/root/\.pyenv")
    found = []
    for path in written():
        if path.is_file() and (hit := machine.search(path.read_bytes())) is not None:
            found.append(f"{name_of(path)}: {hit[0].decode()}")
    assert [one for one in found if not one.startswith("tests/arch/test_house.py")] == []


def test_every_flag_is_explained() -> None:
    text = help_text("nodeagent run")
    own = {field.encode_name for field in msgspec.structs.fields(CommandLine)}
    missing = {name for name in own | set(CONFIG_FLAGS) if not re.search(rf"-{name}\b", text)}
    assert missing == set()


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=name_of,
)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        place, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / place).resolve() if place else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """What a link into the page may name, as the usual viewers make it from its headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_a_document_names_only_commands_that_there_are() -> None:
    from nodeagent.cli.group import COMMANDS

    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {
        word
        for page in pages
        for word in re.findall(r"`nodeagent ([a-z][a-z-]+)", page.read_text())
    }
    assert named - set(COMMANDS) == set()
