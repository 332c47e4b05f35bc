"""From which side a text is read."""


def is_right_to_left(text: str) -> bool:
    """Whether most letters are Hebrew or Arabic."""
    n_letters = sum(1 for character in text if character.isalpha())
    n_from_right = sum(1 for character in text if "\u0590" <= character <= "\u08ff" or "\ufb1d" <= character <= "\ufefc")
    return n_from_right * 2 > n_letters
