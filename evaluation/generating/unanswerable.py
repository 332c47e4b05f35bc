"""Questions that the documents do not answer: a name, year or code that stands in none, or a row under a column of another table. Pure.

Whether really nothing holds an answer is checked against all documents before such a question is used: see ``Candidate.absent`` and
``Candidate.apart``.
"""

# ruff: noqa: SIM905  # lists of words are read and changed more easily as text

import random
import re
from collections.abc import Iterator, Sequence

from evaluation.generating.candidate import Candidate, CaseKind
from evaluation.generating.source import Section, Source
from evaluation.generating.tables import asked_cell, is_catch_all, is_header, is_label, title_of
from evaluation.generating.words import spelling

COUNTRIES = (
    "Argentina|Australia|Austria|Bangladesh|Belgium|Bolivia|Brazil|Bulgaria|Cambodia|Canada|Chile|China|Colombia|"
    "Croatia|Cyprus|Czechia|Denmark|Ecuador|Egypt|England|Estonia|Ethiopia|Finland|France|Georgia|Germany|Ghana|"
    "Greece|Hungary|Iceland|India|Indonesia|Ireland|Israel|Italy|Jamaica|Japan|Jordan|Kenya|Latvia|Lithuania|"
    "Luxembourg|Malaysia|Malta|Mexico|Morocco|Netherlands|New Zealand|Nigeria|Norway|Pakistan|Panama|Peru|Philippines|"
    "Poland|Portugal|Romania|Scotland|Senegal|Serbia|Singapore|Slovakia|Slovenia|South Africa|South Korea|Spain|"
    "Sri Lanka|Sweden|Switzerland|Taiwan|Tanzania|Thailand|Tunisia|Turkey|Uganda|Ukraine|United Kingdom|United States|"
    "Uruguay|Vietnam|Wales|Zambia"
).split("|")
CITIES = (
    "Aarhus|Amsterdam|Athens|Barcelona|Basel|Belfast|Berlin|Bilbao|Bordeaux|Boston|Bratislava|Bristol|Brussels|"
    "Budapest|Buenos Aires|Cairo|Cape Town|Chicago|Cologne|Copenhagen|Dallas|Delhi|Denver|Dublin|Edinburgh|Florence|"
    "Frankfurt|Geneva|Glasgow|Gothenburg|Hamburg|Helsinki|Hong Kong|Istanbul|Jakarta|Krakow|Leeds|Lisbon|Liverpool|"
    "London|Los Angeles|Lyon|Madrid|Manchester|Marseille|Melbourne|Milan|Montreal|Moscow|Mumbai|Munich|Nairobi|Naples|"
    "New York|Oslo|Paris|Porto|Prague|Rome|Rotterdam|San Francisco|Seattle|Seoul|Seville|Shanghai|Sofia|Stockholm|"
    "Stuttgart|Sydney|Tallinn|Tokyo|Toronto|Turin|Valencia|Vancouver|Vienna|Vilnius|Warsaw|Zagreb|Zurich"
).split("|")
_NAMES = tuple((re.compile(rf"\b(?:{'|'.join(names)})\b"), names) for names in (COUNTRIES, CITIES))
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,5}-?\d{2,6}(?:-[A-Z0-9]{1,6})*(?![\w-])")
_QUOTED = re.compile(r"“[^“”]*”")
_FITTING_KINDS = (CaseKind.TABLE, CaseKind.NUMBER)
N_DRAWN = 6


def with_other_names(candidate: Candidate, *, label: str, rng: random.Random) -> Iterator[Candidate]:
    """Yield what becomes of a question when the name, code or year that it asks about is another one; the document's name stays.

    Several are drawn: those that stand in any document are dropped later.
    """
    if candidate.kind not in _FITTING_KINDS:
        return
    place = f"“{label}”"
    kept_until = candidate.question.index(place) + len(place) if place in candidate.question else 0
    kept, asked = candidate.question[:kept_until], candidate.question[kept_until:]
    for start, end, others in _replaceable(asked, rng):
        for other in others[:N_DRAWN]:
            question = f"{kept}{asked[:start]}{other}{asked[end:]}"
            yield Candidate(
                kind=CaseKind.UNANSWERABLE, question=question, subject=spelling(question), absent=spelling(other), group=candidate.subject
            )
        return


def with_rows_of_others(source: Source, sections: Sequence[Section]) -> Iterator[Candidate]:
    """Yield a question for each row of a table under a column of another table of the same sort of rows, which has no such row.

    Tables are of the same sort where their first columns have the same header. A table with a row for all others answers for them too.
    """
    tables = [(section, table) for section in sections for table in section.tables]
    for section, table in tables:
        if any(is_catch_all(row.cells[0]) for row in table.rows):
            continue
        own = {spelling(row.cells[0]) for row in table.rows}
        for _, other in tables:
            if other is table or spelling(other.header[0]) != spelling(table.header[0]):
                continue
            place = title_of(source, section, table)
            for row in other.rows:
                label = row.cells[0]
                if not is_label(label) or any(spelling(label) in each or each in spelling(label) for each in own):
                    continue
                for header in table.header[1:]:
                    if is_header(header) and spelling(header) not in {spelling(each) for each in other.header}:
                        question = asked_cell(place=place, header=header, label=label)
                        yield Candidate(
                            kind=CaseKind.UNANSWERABLE,
                            question=question,
                            subject=spelling(question),
                            apart=(spelling(label), spelling(header)),
                            group=spelling(question),
                        )


def _replaceable(text: str, rng: random.Random) -> Iterator[tuple[int, int, list[str]]]:
    for pattern, names in _NAMES:
        for match in pattern.finditer(text):
            others = [name for name in names if name != match.group()]
            yield match.start(), match.end(), rng.sample(others, k=len(others))
    for match in _CODE.finditer(text):
        yield match.start(), match.end(), [_other_digits(match.group(), rng) for _ in range(N_DRAWN)]
    for match in _YEAR.finditer(text):
        year = int(match.group())
        yield match.start(), match.end(), [str(year + rng.choice((-1, 1)) * rng.randint(3, 25)) for _ in range(N_DRAWN)]


def _other_digits(code: str, rng: random.Random) -> str:
    return re.sub(r"\d", lambda match: str((int(match.group()) + rng.randint(1, 8)) % 10), code)
