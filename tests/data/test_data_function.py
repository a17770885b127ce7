import sys

import numpy as np
import pytest

from pipeline.data.examples import Images, InMemory, Table, TableColumn, Targets
from pipeline.data.sources.function import function_file, load_function

MODULE = """
import subprocess
from functools import partial
from subprocess import check_output

import numpy as np
from pipeline.data.examples import Images, InMemory, Placement, Table, TableColumn, Targets

LABELS = np.array([0, 1, 1])
GREY = np.zeros((3, 4, 5), np.uint8)

def rows(columns, scale=1.0):
    return np.full((3, columns), scale), LABELS

def pixels():
    return GREY, LABELS

def fractions():
    return GREY / 255, LABELS

def parts():
    return {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": LABELS, "class_names": np.array(["a", "b"])}

def targets(values=LABELS.astype(np.int32)):
    return Targets(values, "classification", ("a", "b"))

def images():
    return Images(GREY[..., np.newaxis], targets(), 255.0)

def table():
    return Table((TableColumn("a", "numeric", InMemory(np.zeros(3, np.float32))),), targets())

def short_column():
    return Table((TableColumn("a", "numeric", InMemory(np.zeros(2, np.float32))),), targets())

def no_column():
    return Table((), targets())

def flat_images():
    return Images(GREY, targets(), 255.0)

def wide_images():
    return Images(GREY[..., np.newaxis].astype(int), targets(), 255.0)

def wide_targets():
    return Images(GREY[..., np.newaxis], targets(LABELS), 255.0)

def few_images():
    return Images(GREY[:2, ..., np.newaxis], targets(), 255.0)

def short_part():
    return Images(GREY[..., np.newaxis], targets(), 255.0, Placement(part=np.zeros(2, np.int8)))

def _private():
    return GREY, LABELS

def triple():
    return 1, 2, 3

def nothing():
    pass

def lists():
    return [[1, 2]], [0]

def unknown():
    return {"pixels": GREY, "labels": LABELS}

def broken():
    return {}["missing\\nkey"]

def yielding():
    yield GREY

async def later():
    return GREY, LABELS

anonymous = lambda: (GREY, LABELS)
partially = partial(rows, 2)
constant = 3

class Loader:
    def __new__(cls):
        raise AssertionError("made")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package mine with modules, and beside them a marker that importing any of them makes."""
    marker = tmp_path / "imported"
    mark = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    for name, content in {
        "mine/__init__.py": mark,
        "mine/sub/__init__.py": mark,
        "mine/sub/data.py": mark + MODULE,
        "mine/sub/again.py": mark + "from mine.sub.data import pixels\nfrom mine.other import foreign\n",
        "mine/sub/syntax.py": mark + "def load(:\n",
        "mine/sub/failing.py": mark + "raise RuntimeError('not\\nnow')\n",
        "mine/other.py": mark + "def foreign(): pass\n",
        "minestrone.py": mark + "def load(): pass\n",
        "spaces/within/data.py": mark + "def load(): pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mine", "minestrone", "spaces")]:
        del sys.modules[name]


@pytest.mark.parametrize("allowed", [["mine"], ["mine.sub"], ["mine.sub.data"], ["elsewhere", "mine.sub"]])
def test_what_a_function_returns_becomes_examples(package, allowed):
    table = load_function("mine.sub.data.rows", {"columns": 2, "scale": 3}, allowed)
    assert isinstance(table, Table)
    assert [column.values.read(0, 3).tolist() for column in table.columns] == [[3, 3, 3]] * 2
    assert table.targets.values.tolist() == [0, 1, 1]


def test_each_kind_of_result(package):
    def load(name, **options):
        return load_function(f"mine.sub.data.{name}", {}, ["mine"], **options)

    assert load("pixels").features.shape == (3, 4, 5, 1)
    assert load("fractions", scale=1).scale == 1.0
    assert load("pixels", task="regression").targets.task == "regression"
    assert load("parts").placement.part.tolist() == [-1] * 3 + [2] * 3
    assert load("parts").targets.names == ("a", "b")
    assert isinstance(load("images"), Images)
    assert isinstance(load("table").columns[0].values, InMemory)
    assert isinstance(load_function("mine.sub.again.pixels", {}, ["mine"]), Images)


FORBIDDEN = {
    "nothing allowed": ("mine.sub.data.pixels", [], "module mine.sub.data isn't allowed; .*allow_targets"),
    "system": ("os.system", [], r"module os isn't allowed; .*\(now none\).*allow_targets=\[os\]"),
    "eval": ("builtins.eval", ["mine"], r"module builtins isn't allowed; .*\(now mine\)"),
    "parent": ("mine.sub.data.pixels", ["mine.sub.data.more"], "isn't allowed"),
    "sibling": ("mine.other.foreign", ["mine.sub"], "module mine.other isn't allowed"),
    "same beginning": ("minestrone.load", ["mine"], "module minestrone isn't allowed"),
    "empty entry": ("minestrone.load", [""], "module minestrone isn't allowed"),
    "wildcard": ("minestrone.load", ["*", "mine*"], "module minestrone isn't allowed"),
    "private": ("mine.sub.data._private", ["mine"], "_private is private"),
    "private module": ("mine._sub.load", ["mine"], "_sub is private"),
    "dunder": ("mine.sub.data.__builtins__", ["mine"], "__builtins__ is private"),
    "no module": ("pixels", ["mine"], "target 'pixels'; accepted: package.module.function"),
    "empty": ("", ["mine"], "accepted: package.module.function"),
    "relative": (".mine.pixels", ["mine"], "accepted: package.module.function"),
    "doubled dot": ("mine..pixels", ["mine"], "accepted: package.module.function"),
    "call": ("mine.sub.data.pixels()", ["mine"], "accepted: package.module.function"),
    "path": ("../mine.pixels", ["mine"], "accepted: package.module.function"),
    "expression": ("mine.sub.__import__('os').system", ["mine"], "accepted: package.module.function"),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_is_not_allowed_is_refused_before_any_import(package, case):
    target, allowed, said = FORBIDDEN[case]
    for read in (lambda: load_function(target, {}, allowed), lambda: function_file(target, allowed)):
        with pytest.raises(ValueError, match=said) as caught:
            read()
        assert "accepted: " in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (package / "imported").exists()


WRONG = {
    "missing": ("data.pixel", {}, r"no such function; accepted: broken, .*did you mean pixels\?"),
    "missing module": ("dta.pixels", {}, "no module mine.sub.dta"),
    "method": ("data.Loader.load", {}, "no module mine.sub.data.Loader"),
    "class": ("data.Loader", {}, "is a class; accepted: a plain function"),
    "lambda": ("data.anonymous", {}, "is a lambda; accepted: a plain function"),
    "partial": ("data.partially", {}, "is a partial; accepted: a plain function"),
    "number": ("data.constant", {}, "is a int; accepted: a plain function"),
    "module": ("data.subprocess", {}, "is a module; accepted: a plain function"),
    "imported": ("data.check_output", {}, "is a function of subprocess; accepted: .*defined in an allowed module"),
    "generator": ("data.yielding", {}, "is a generator or coroutine"),
    "coroutine": ("data.later", {}, "is a generator or coroutine"),
    "not Python": ("syntax.load", {}, "importing mine.sub.syntax fails: SyntaxError: "),
    "failing module": ("failing.load", {}, "importing mine.sub.failing fails: RuntimeError: not now"),
    "failing": ("data.broken", {}, r"fails: KeyError: 'missing\\nkey'"),
    "missing argument": ("data.rows", {}, "missing a required argument: 'columns'; accepted: columns, scale"),
    "unknown argument": ("data.rows", {"column": 1}, r"accepted: columns, scale; did you mean columns\?"),
    "argument for none": ("data.pixels", {"size": 1}, "unexpected keyword argument 'size'; accepted: no argument"),
    "tuple": ("data.triple", {}, "returns a tuple of 3; accepted: Images, Table, a tuple"),
    "nothing": ("data.nothing", {}, "returns NoneType; accepted: Images, Table, a tuple"),
    "lists": ("data.lists", {}, "features is a list; accepted: a NumPy array"),
    "unknown array": ("data.unknown", {}, "array 'pixels' is unknown; accepted: features, labels"),
    "no scale": ("data.fractions", {}, "without a scale; accepted"),
    "short column": ("data.short_column", {}, "column 'a' of 2 for 3 targets"),
    "no column": ("data.no_column", {}, "a table without columns"),
    "flat images": ("data.flat_images", {}, r"images of dtype uint8 and shape \(3, 4, 5\)"),
    "wide images": ("data.wide_images", {}, "images of dtype int64"),
    "wide targets": ("data.wide_targets", {}, "targets of dtype int64"),
    "few images": ("data.few_images", {}, "features of 2 for 3 targets"),
    "short part": ("data.short_part", {}, "part of 2 for 3 targets"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_functions_are_told_in_one_line(package, case):
    target, arguments, said = WRONG[case]
    with pytest.raises(ValueError, match=said) as caught:
        load_function(f"mine.sub.{target}", arguments, ["mine.sub"])
    message = str(caught.value)
    assert message.startswith(f"mine.sub.{target}: ")
    assert "fails: " in message or "accepted: " in message
    assert "\n" not in message


def test_allowed_builtins_and_foreign_functions_are_refused_too(package):
    with pytest.raises(ValueError, match="is a builtin_function_or_method; accepted: a plain function"):
        load_function("builtins.eval", {"source": "1"}, ["builtins"])
    with pytest.raises(ValueError, match=r"is a function of mine\.other; accepted"):
        load_function("mine.sub.again.foreign", {}, ["mine.sub"])


def test_a_task_beside_ready_examples(package):
    with pytest.raises(ValueError, match="returns Images, which has a task; accepted: none beside it"):
        load_function("mine.sub.data.images", {}, ["mine"], task="regression")


def test_the_file_is_found_without_importing(package):
    assert function_file("mine.sub.data.pixels", ["mine.sub"]) == package / "mine/sub/data.py"
    assert function_file("mine.sub.load", ["mine"]) == package / "mine/sub/__init__.py"
    assert function_file("spaces.within.data.load", ["spaces"]) == package / "spaces/within/data.py"
    assert not (package / "imported").exists()
    assert not {"mine", "spaces"} & set(sys.modules)
    for target, said in [
        ("mine.none.load", "no module mine.none"),
        ("none.load", "no module none"),
        ("minestrone.more.load", "no module minestrone.more"),
        ("spaces.load", "has no file of Python source"),
        ("builtins.eval", "has no file of Python source"),
    ]:
        with pytest.raises(ValueError, match=f"{said}.*; accepted: "):
            function_file(target, ["mine", "none", "minestrone", "spaces", "builtins"])


def test_a_table_given_as_such_is_returned_untouched(package):
    table = load_function("mine.sub.data.table", {}, ["mine"])
    assert isinstance(table.columns[0], TableColumn)
    assert isinstance(table.targets, Targets)
    np.testing.assert_array_equal(table.targets.values, [0, 1, 1])
