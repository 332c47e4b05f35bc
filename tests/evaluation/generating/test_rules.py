"""What the rules make of headings, tables, definitions and figures, and what they leave alone."""

import random

import pytest

from evaluation.generating.candidate import MAX_QUOTE_CHARS, Candidate, CaseKind, LeftOut
from evaluation.generating.proposing import propose
from evaluation.generating.source import Source, label_of
from evaluation.generating.unanswerable import N_DRAWN, with_other_names
from footnote.core.types import Document
from tests.evaluation.generating.documents import parsed

SITES = "Site | Country | Staff\nSkelderby | England | 284\nLenzow | Poland | 118\nAvelosa | Portugal | 47"


def proposed(document: Document, kind: CaseKind | None = None, *, seed: int = 1) -> list[Candidate]:
    found = propose(Source(name="rules.md", label="House rules", document=document), seed=seed).candidates
    return [candidate for candidate in found if kind in (None, candidate.kind)]


def left_out(document: Document) -> dict[LeftOut, int]:
    return dict(propose(Source(name="rules.md", label="House rules", document=document), seed=1).left_out)


def quoted(document: Document, candidate: Candidate) -> str:
    return document.text[candidate.start : candidate.end]


def test_a_cell_is_asked_for_by_row_and_column_and_its_row_is_quoted_as_it_stands():
    document = parsed("# Where we are", SITES, page=3)
    cells = {candidate.question: candidate for candidate in proposed(document, CaseKind.TABLE)}
    assert len(cells) == 6
    staff = cells["Under “Where we are” in “House rules”, what is given as “Staff” for “Lenzow”?"]
    assert (staff.answers, quoted(document, staff), staff.page) == (("118",), "Lenzow | Poland | 118", 3)
    assert staff.reference_answer == "For Lenzow, 118 is given as Staff."


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("Site | Staff\nLenzow | 118\nLenzow | 120\nOslo | 14", id="two rows of the same label"),
        pytest.param("Site | Staff | Staff\nLenzow | 118 | 119\nOslo | 14 | 15\nRome | 1 | 2", id="two columns of the same name"),
        pytest.param("Name: | Ann Lee\nStreet: | Mill Race 4\nTown: | Lenzow\nPhone: | 3000", id="a form"),
        pytest.param("Header 1 | Header 2\nRow 1 | Lenzow\nRow 2 | Oslo\nRow 3 | Rome", id="placeholders"),
        pytest.param("Site | Open\nTotal | yes\nOther sites | –\nLenzow | x", id="nothing that an answer could repeat"),
    ],
)
def test_rows_and_tables_that_say_nothing_alone_are_left_out(table: str):
    questions = [candidate.question for candidate in proposed(parsed("# Where we are", table), CaseKind.TABLE)]
    assert not [question for question in questions if any(word in question for word in ("Lenzow", ":", "Total", "Row"))]


def test_a_heading_is_asked_about_and_its_first_paragraph_answers():
    paragraph = (
        "New employees serve a probationary period of four months. During it either side may end the contract with two weeks' notice."
    )
    document = parsed("# 1.2 Probation", paragraph)
    (found,) = proposed(document, CaseKind.HEADING)
    assert found.question == "What does “House rules” say about “Probation”?"
    assert (found.answers, quoted(document, found)) == (("four months", "two weeks"), paragraph)


@pytest.mark.parametrize("heading", ["Introduction", "7. Summary", "House rules", "Contents", "Exhibits"])
def test_headings_that_name_no_subject_are_left_out(heading: str):
    assert not proposed(
        parsed(f"# {heading}", "New employees serve a probationary period of four months, as the contract of each one says.")
    )


@pytest.mark.parametrize(
    "paragraph",
    [
        "The risks of exchange rates are described in Part II of the report that was sent out on 4 May 2019 to all of us.",
        "page of the data file is left out since 4 May 2019, because its tags stand within the document that goes with it.",
        "The firm is led from the house on Mill Race, which the people of the works council visit whenever they have to.",
    ],
)
def test_paragraphs_that_say_nothing_by_themselves_are_left_out(paragraph: str):
    assert not proposed(parsed("# Exchange rates", paragraph), CaseKind.HEADING)


def test_a_paragraph_that_stands_twice_is_ambiguous():
    text = "Requests are answered within five working days, and the line manager keeps the list of all of them."
    assert not proposed(parsed("# Requests", text, "# Answers", text))
    assert proposed(parsed("# Requests", text))


def test_two_headings_of_the_same_name_are_ambiguous():
    text = "Requests are answered within five working days, and the line manager keeps the list of all of them."
    document = parsed("# Requests", text, "# Requests", text.replace("five", "six"))
    assert not proposed(document)
    assert left_out(document)[LeftOut.AMBIGUOUS] == 2


def test_a_long_paragraph_is_quoted_up_to_a_sentence_that_a_passage_can_hold():
    sentence = "The pump in hall number %d is looked after by the team of the early shift, which oils it each Monday. "
    document = parsed("# Pumps", "It was bought on 4 May 2019. " + "".join(sentence % number for number in range(20)))
    (found,) = proposed(document, CaseKind.HEADING)
    assert found.end - found.start <= MAX_QUOTE_CHARS
    assert quoted(document, found).endswith("each Monday.")


def test_terms_are_asked_for():
    terms = (
        "- Lead: decides and keeps the log of it.",
        "- Scribe: writes times on the whiteboard.",
        "- Speaker: informs sites and customers.",
    )
    (lead, scribe, _) = proposed(parsed("# Roles", *terms), CaseKind.DEFINITION)
    assert lead.question == "What is said of “Lead” under “Roles” in “House rules”?"
    assert scribe.answers == ("writes times on the whiteboard",)
    assert not proposed(parsed("# Roles", terms[0], "- Call them.", "- Write it down.", "- Go home."), CaseKind.DEFINITION)


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "A relief valve is a spring-loaded valve that opens when the pressure is too high.",
            "According to “House rules”, what is a relief valve?",
            "spring-loaded valve",
        ),
        (
            "The term “dead centre” means the position of the diaphragm where it turns back.",
            "According to “House rules”, what does “dead centre” mean?",
            "the position of the diaphragm where it turns back",
        ),
    ],
)
def test_sentences_that_define_are_asked_for(sentence: str, question: str, answer: str):
    (found,) = proposed(parsed("# Parts", sentence), CaseKind.DEFINITION)
    assert (found.question, found.answers) == (question, (answer,))


@pytest.mark.parametrize(
    "sentence",
    [
        "It is a spring-loaded valve that opens when the pressure is high.",
        "This valve is a spring-loaded part that opens at two bar.",
        "There is a valve with a spring that opens at two bar.",
        "The aim is a working week that everybody can plan with.",
        "Higher pressure means that the valve opens for longer.",
    ],
)
def test_sentences_that_lean_on_others_define_nothing(sentence: str):
    assert not proposed(parsed("# Parts", sentence), CaseKind.DEFINITION)


@pytest.mark.parametrize(
    ("sentence", "question", "answers"),
    [
        ("The working week is 38 hours.", "how long is the working week?", ("38 hours",)),
        ("The mileage allowance is £0.40 per mile.", "how much is the mileage allowance?", ("£0.40 per mile",)),
        ("A lost load costs about £9,000, a burnt oven more.", "how much does a lost load cost?", ("£9,000",)),
        ("Credit notes are written within seven days.", "within what time are credit notes written?", ("seven days", "7 days")),
        ("The firm was founded in 1958 by two fitters.", "when was the firm founded?", ("1958",)),
        ("Passwords have at least 14 characters.", "how many characters do passwords have?", ("14",)),
        ("Scaffolds are inspected every seven days.", "how often are scaffolds inspected?", ("every seven days", "every 7 days")),
        ("The extra charge is 5 per cent.", "how high is the extra charge, in per cent?", ("5 per cent", "5 %", "5%", "5 percent")),
    ],
)
def test_a_figure_becomes_the_question_that_it_answers(sentence: str, question: str, answers: tuple[str, ...]):
    (found,) = proposed(parsed("# Terms of work", sentence), CaseKind.NUMBER)
    assert found.question == f"Under “Terms of work” in “House rules”, {question}"
    assert set(answers) <= set(found.answers)
    assert found.reference_answer == sentence


@pytest.mark.parametrize(
    "sentence",
    ["It is 38 hours.", "This costs about £9,000.", "Their passwords have 14 characters.", "If it rains, the break is 20 minutes."],
)
def test_figures_of_what_was_said_before_are_left_alone(sentence: str):
    assert not proposed(parsed("# Terms of work", sentence), CaseKind.NUMBER)


def test_what_another_name_makes_of_a_question_has_no_answer():
    document = parsed("# Hotels", "Country | Limit\nPoland | PLN 420\nItaly | EUR 130\nSpain | EUR 120")
    found = proposed(document, CaseKind.UNANSWERABLE)
    assert found
    for candidate in found:
        assert candidate.absent
        assert candidate.absent in candidate.question.casefold()
        assert (candidate.answers, candidate.end) == ((), 0)


def test_the_name_that_a_question_gets_is_another_one():
    asked = "Under “Hotels” in “House rules”, what is given as “Limit” for “Poland”?"
    candidate = Candidate(kind=CaseKind.TABLE, question=asked, subject="limit for poland")
    made = [other for seed in range(40) for other in with_other_names(candidate, label="House rules", rng=random.Random(seed))]
    assert len(made) == 40 * N_DRAWN
    assert asked not in {other.question for other in made}


@pytest.mark.parametrize("row", ["All other sites", "Any", "Default", "Standard", "Elsewhere", "The rest"])
def test_a_table_that_speaks_of_all_others_answers_for_their_rows(row: str):
    one = f"Site | Staff | Opened\nLenzow | 118 | 2004\n{row} | 47 | 2013"
    other = "Site | Gates | Guards\nSkelderby | three | seven\nVarnholt | five | nine"
    apart = {candidate.apart for candidate in proposed(parsed("# Staff", one, "# Gates", other), CaseKind.UNANSWERABLE)}
    assert ("lenzow", "guards") in apart
    assert ("skelderby", "staff") not in apart


def test_a_row_is_asked_for_under_a_column_of_another_table():
    one = "Site | Staff | Opened\nLenzow | 118 | 2004\nAvelosa | 47 | 2013"
    other = "Site | Gates | Guards\nSkelderby | three | seven\nVarnholt | five | nine"
    questions = {
        candidate.question: candidate.apart for candidate in proposed(parsed("# Staff", one, "# Gates", other), CaseKind.UNANSWERABLE)
    }
    assert questions["Under “Gates” in “House rules”, what is given as “Guards” for “Lenzow”?"] == ("lenzow", "guards")


def test_the_rules_are_english():
    document = parsed("# Standorte", SITES, language="de")
    assert (proposed(document), left_out(document)) == ([], {LeftOut.LANGUAGE: 1})


def test_the_same_seed_proposes_the_same():
    document = parsed("# Hotels", "Country | Limit\nPoland | PLN 420\nItaly | EUR 130\nSpain | EUR 120")
    assert proposed(document, seed=7) == proposed(document, seed=7)
    assert proposed(document, seed=7) != proposed(document, seed=8)


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Employee Handbook", "Employee Handbook"),
        (None, "a.pdf"),
        ("UNITED STATES SECURITIES AND EXCHANGE COMMISSION", "a.pdf"),
        ("ORDER Print Date 12/15/2024 14:30:22", "a.pdf"),
    ],
)
def test_a_document_is_called_by_its_title_where_that_is_one(title: str | None, label: str):
    assert label_of(title, "a.pdf") == label
