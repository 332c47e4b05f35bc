"""Stop sequences in text that comes in pieces."""

from collections.abc import Sequence


class StopFilter:
    """Lets text through up to the first stop sequence, holding back only what may be the beginning of one."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(filter(None, stop))
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """Return what may go out now; nothing once ``stopped``."""
        if self.stopped:
            return ""
        text = self._held + piece
        positions = [position for sequence in self._stop if (position := text.find(sequence)) >= 0]
        if positions:
            self.stopped, self._held = True, ""
            return text[: min(positions)]
        n_held = max((_overlap(text, sequence) for sequence in self._stop), default=0)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held]

    def flush(self) -> str:
        """Return what was held back; the text has ended."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, sequence: str) -> int:
    """Return how many characters at the end of the text are the beginning of the sequence."""
    return next((n for n in range(min(len(sequence) - 1, len(text)), 0, -1) if text.endswith(sequence[:n])), 0)
