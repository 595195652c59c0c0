"""Plans on disk: opt-in, never trusted, never half written."""

import json
import subprocess
import sys

import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning import cache, Plan
from opcompiler.planning.strategies import make_plan

x, y = sp.symbols("x y")
PLATE = sp.Function("u")(x, y).diff(x, 2, y, 2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "plans"))
    make_plan.cache_clear()
    yield tmp_path / "plans"
    make_plan.cache_clear()


def plan() -> Plan:
    make_plan.cache_clear()
    return oc.compile(PLATE).plan


def only(folder):
    (path,) = folder.iterdir()
    return path


def test_nothing_is_written_unasked(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    plan()
    assert list(tmp_path.rglob("*")) == []


def test_a_plan_is_read_again(folder, monkeypatch) -> None:
    first = plan()
    assert Plan.from_json(only(folder).read_text()) == first
    monkeypatch.setattr("opcompiler.planning.strategies._make", None)
    assert plan() == first


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "\x00\xff",
        lambda text: json.dumps({**json.loads(text), "version": 99}),
        lambda text: text.replace('"1/2"', '"1/3"').replace('"1"', '"2"'),
        lambda text: another().to_json(),
    ],
    ids=["empty", "half", "bytes", "version", "numbers", "another plan"],
)
def test_a_spoilt_file_is_made_again(folder, spoil) -> None:
    first = plan()
    path = only(folder)
    good = path.read_text()
    path.write_text(spoil(good))
    assert path.read_text() != good
    assert plan() == first
    assert path.read_text() == good


def another() -> Plan:
    residual = oc.compile(sp.Function("u")(x, y).diff(x, 2))
    return residual.plan


def test_the_request_is_the_key() -> None:
    wanted, sites = plan().functionals, plan().sites
    keys = {
        cache.content_hash(wanted, sites, "auto"),
        cache.content_hash(wanted, sites, "algebra"),
        cache.content_hash(wanted, (("x", "z"),), "auto"),
        cache.content_hash(another().functionals, sites, "auto"),
    }
    assert len(keys) == 4


def test_the_key_is_the_same_in_every_process() -> None:
    wanted, sites = plan().functionals, plan().sites
    program = (
        "from tests.planning.test_cache import plan, cache\n"
        "print(cache.content_hash(plan().functionals, plan().sites, 'auto'))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == cache.content_hash(wanted, sites, "auto")
