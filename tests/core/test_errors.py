"""The error tree that the module's docstring draws is the one that is there."""

import pytest

from footnote.core import errors
from footnote.core.errors import FootnoteError, InvalidInput, Overloaded


def drawn_tree() -> dict[str, str]:
    """Return each drawn class's parent, by the depth at which it is drawn."""
    parents, above = {}, {}
    for line in errors.__doc__.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        if depth < 2 or not line.strip():
            continue
        name = line.split()[0]
        above[depth] = name
        parents[name] = above.get(depth - 1, "Exception")
    return parents


def real_tree() -> dict[str, str]:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    return {value.__name__: value.__base__.__name__ for value in classes}


def test_the_drawn_tree_is_the_real_one():
    assert drawn_tree() == real_tree()


def test_an_error_says_what_happened_and_what_to_do():
    error = InvalidInput("The file is empty.", hint="Send one with text.", param="file")
    assert str(error) == "The file is empty. Send one with text."
    assert (error.message, error.param) == ("The file is empty.", "file")
    assert str(InvalidInput("The file is empty.")) == "The file is empty."


@pytest.mark.parametrize(
    ("name", "retryable"), [("DependencyError", True), ("Overloaded", True), ("InvalidInput", False), ("Conflict", False)]
)
def test_the_class_says_whether_trying_again_can_help(name: str, retryable: bool):
    family = [getattr(errors, other) for other in real_tree() if issubclass(getattr(errors, other), getattr(errors, name))]
    assert {member.retryable for member in family} == {retryable}
    assert all(issubclass(member, FootnoteError) for member in family)


def test_an_overload_says_when_to_come_back():
    assert Overloaded("Too many answers are being written.", retry_after_s=2.5).retry_after_s == 2.5
