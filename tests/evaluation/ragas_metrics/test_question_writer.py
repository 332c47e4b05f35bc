"""Sets that a language model writes, over a scripted server: what it does not quote is dropped, and what fails is counted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from evaluation.generating.by_model import find_quote
from evaluation.generating.generator import OpenWriter, SetGenerator
from evaluation.ragas_metrics.judge_model import JudgeModel
from evaluation.ragas_metrics.question_writer import RagasQuestionWriter
from evaluation.sets import scorable
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import SetKind
from footnote.core.errors import ModelUnavailable
from footnote.core.settings import JudgeSettings
from serving.generated_sets import GeneratedSet, WantedSet
from tests.core.catalog.story import ANN, collection, erase
from tests.evaluation.generating.documents import parsed, publish
from tests.evaluation.ragas_metrics.scripted_judge import MODEL, judge_server, say

TIDES = (
    "High water at the mill is at six in the morning on days of full moon, and it stands two metres above the sill of the lower gate.",
    "The keeper opens the gate an hour before, so that boats of the ferry company can pass, and closes it when the water falls again.",
)
LAMPS = (
    "The lamp on the pier burns from dusk to dawn and is seen for eleven miles, which is why the fishing boats steer by it at night.",
    "Its oil is brought by cart on the first Monday of each month, and the keeper notes in the green book how much of it was burnt.",
)


class Author:
    """Answers RAGAS's questions about two passages; ``evidence`` maps a word of the passage to what is said of it."""

    def __init__(self, evidence, *, faults=()):
        self.evidence = evidence
        self.faults = faults
        self.asked = []

    async def __call__(self, exchange):
        schema = exchange.body["response_format"]["json_schema"]["name"]
        prompt = exchange.body["messages"][0]["content"]
        question = prompt.rsplit("Now perform the same", 1)[1]
        word = next(word for word in self.evidence if word in question)
        self.asked.append((schema, word))
        if word in self.faults:
            return await say(exchange, "this is no JSON")
        written, answer, quote, short = self.evidence[word]
        by_schema = {
            "NEROutput": {"entities": [word]},
            "GeneratedQueryAnswer": {"query": written, "answer": answer},
            "Evidence": {"quote": quote, "short_answer": short},
        }
        return await say(exchange, json.dumps(by_schema[schema]))


GOOD = {
    "keeper opens": (
        "When is high water at full moon?",
        "At six in the morning.",
        TIDES[0].replace("morning on", "morning\n on"),
        "six in the morning",
    ),
    "lamp": ("How far is the lamp seen?", "It is seen for eleven miles.", LAMPS[0], "eleven miles"),
}


def writer_at(url: str) -> OpenWriter:
    @asynccontextmanager
    async def opened() -> AsyncIterator[RagasQuestionWriter]:
        writer = RagasQuestionWriter(JudgeModel(JudgeSettings(kind="openai_compatible", base_url=url, model=MODEL, n_retries=0)))
        try:
            yield writer
        finally:
            await writer.close()

    return opened


async def nobody_waits() -> None:
    """Give way to nobody."""


async def generated(catalog: Catalog, author: Author, *, n_cases: int = 10) -> GeneratedSet:
    async with judge_server(author) as server:
        generator = SetGenerator(catalog, open_writer=writer_at(server.base_url), give_way=nobody_waits)
        return await generator.generate(WantedSet(name="written", caller=ANN, n_cases=n_cases, way="model"))


@pytest.fixture
async def place(catalog: Catalog) -> str:
    made = await collection(catalog)
    await publish(catalog, made, parsed("# Gate", *TIDES, title="Tides"), filename="tides.md")
    await publish(catalog, made, parsed("# Lamp", *LAMPS, title="Lamps"), filename="lamps.md")
    return made


async def test_a_model_writes_cases_that_quote_the_documents(catalog: Catalog, place: str):
    made = await generated(catalog, Author(GOOD))
    assert made.imported is not None
    assert made.imported.set.kind == SetKind.GENERATED
    assert made.left_out == {}
    cases = {case.document: case for case in scorable(await catalog.evaluation_sets.cases(made.imported.set.id, caller=ANN))}
    tides = cases["tides.md"]
    assert (tides.question, tides.reference_answer) == ("When is high water at full moon?", "At six in the morning.")
    assert [(gold.document, gold.quote) for gold in tides.gold] == [("tides.md", TIDES[0])]
    assert (tides.answers, tides.kind, tides.answerable, tides.generated_by) == (("six in the morning",), "model", True, f"model:{MODEL}")
    assert cases["lamps.md"].answers == ("eleven miles",)


async def test_what_is_not_quoted_word_for_word_is_dropped(catalog: Catalog, place: str):
    invented = {**GOOD, "lamp": ("How far is it seen?", "Twelve miles.", LAMPS[0].replace("eleven", "twelve"), "twelve miles")}
    made = await generated(catalog, Author(invented))
    assert (made.by_document, made.left_out) == ({"tides.md": 1}, {"not_quoted": 1})


async def test_short_answers_that_are_not_in_the_quote_are_dropped_alone(catalog: Catalog, place: str):
    paraphrased = {**GOOD, "lamp": (*GOOD["lamp"][:3], "roughly 18 kilometres")}
    made = await generated(catalog, Author(paraphrased))
    assert made.imported is not None
    cases = {case.document: case for case in scorable(await catalog.evaluation_sets.cases(made.imported.set.id, caller=ANN))}
    assert (cases["lamps.md"].answers, len(cases["lamps.md"].gold)) == ((), 1)


async def test_a_passage_that_fails_costs_no_other(catalog: Catalog, place: str):
    made = await generated(catalog, Author(GOOD, faults=("lamp",)))
    assert (made.by_document, made.left_out) == ({"tides.md": 1}, {"judge_invalid_output": 1})


async def test_a_model_that_answers_nothing_is_given_up(catalog: Catalog):
    made = await collection(catalog)
    for number in range(4):
        sections = [block for section in range(8) for block in (f"# Part {section}", *TIDES)]
        await publish(catalog, made, parsed(*sections, f"End {number}.", title=f"Tides {number}"), filename=f"tides-{number}.md")
    author = Author(GOOD, faults=("keeper opens",))
    with pytest.raises(ModelUnavailable):
        await generated(catalog, author, n_cases=20)
    assert len(author.asked) == 24


async def test_erasing_a_document_erases_what_was_written_of_it(catalog: Catalog):
    file = await publish(catalog, await collection(catalog), parsed("# Gate", *TIDES, title="Tides"), filename="tides.md")
    made = await generated(catalog, Author(GOOD))
    assert made.imported is not None
    await erase(catalog, file)
    assert [record.tombstone for record in await catalog.evaluation_sets.cases(made.imported.set.id, caller=ANN)] == [True]


def test_a_quote_is_found_where_it_stands_once():
    text = "One boat  came.\nTwo boats came."
    assert find_quote(text, "“One boat came.”") == (0, 15)
    assert find_quote(text, "came.") is None
    assert find_quote(text, "Three boats came.") is None
    assert find_quote(text, " ") is None
