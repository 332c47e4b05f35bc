"""The report of an evaluation run: what it holds (numbers and ids), what it recommends, and the page that people read."""
