from hypothesis import given
from hypothesis import strategies as st

from serving.generator.stop_sequences import StopFilter

TEXT = st.text(alphabet="ab\n", max_size=30)


@given(st.lists(TEXT, max_size=6), st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3))
def test_the_text_ends_before_the_first_sequence_that_is_complete(pieces, stop):
    filter_ = StopFilter(stop)
    passed = "".join(filter_.feed(piece) for piece in pieces) + filter_.flush()
    text = "".join(pieces)
    assert text.startswith(passed)
    assert not any(sequence in passed for sequence in stop)
    assert filter_.stopped == any(sequence in text for sequence in stop)
    if not filter_.stopped:
        assert passed == text


def test_only_a_possible_beginning_is_held():
    filter_ = StopFilter(["\nUser:"])
    assert filter_.feed("One.\nUs") == "One."
    assert filter_.feed("ual") == "\nUsual"
    assert filter_.feed("\nUser: no") == ""
    assert filter_.stopped
    assert filter_.feed("more") == filter_.flush() == ""
