import re

import pytest
from footfall_bridge import errors

TREE_LINE = re.compile(r"^(?P<trunk>[│ ├└─]*)(?P<name>\w+)\s+(?P<code>[a-z_]+)?(\s|$)")
CLASSES = errors.all_errors()


def test_every_code_stands_for_one_error():
    codes = [error.code for error in CLASSES]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_the_wire(cls):
    again = errors.from_code(cls.code, "a sentence", "a traceback")
    assert type(again) is cls
    assert (again.message, again.detail, str(again)) == ("a sentence", "a traceback", "a sentence")


def test_a_code_of_a_newer_engine_becomes_an_internal_error():
    assert isinstance(errors.from_code("not_yet_invented", "a sentence"), errors.InternalError)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_exit_status_tells_bad_requests_from_failures(cls):
    assert cls.exit_status == (2 if issubclass(cls, errors.BadRequest) else 1)


def test_the_tree_at_the_top_of_the_file_is_the_tree():
    drawn = {}
    parents: list[tuple[int, str]] = [(0, "FootfallError")]
    for line in errors.__doc__.splitlines():
        if (match := TREE_LINE.match(line)) and match["trunk"]:
            depth = len(match["trunk"])
            parents = [parent for parent in parents if parent[0] < depth]
            drawn[match["name"]] = parents[-1][1]
            parents.append((depth, match["name"]))
            cls = getattr(errors, match["name"])
            assert not re.fullmatch(r"\w+_\w+", match["code"] or "") or match["code"] == cls.code
    assert drawn == {cls.__name__: cls.__base__.__name__ for cls in CLASSES}
