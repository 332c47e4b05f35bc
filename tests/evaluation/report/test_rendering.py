"""The page stands alone, escapes everything, and says what the body says."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from evaluation.comparing import compare_runs
from evaluation.report.body import Action, ReportBody, UnansweredQuestion
from evaluation.report.building import Context, build
from evaluation.report.rendering.page import N_GROUPS, N_LISTED, content_security_policy, render, render_comparison
from evaluation.report.rendering.texts import CaseTexts, ClaimText, Missing, PassageText, seen
from footnote.core.types import Verdict
from tests.evaluation.report import example
from tests.evaluation.report.simulated import facts, run_of, simulated_cases

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{ 7*7 }}\u202egnp.exe\u2066\u0000"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Outline(HTMLParser):
    """Tags with their attributes, headings' levels, and what stands open at the end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def bodies() -> tuple[ReportBody, ReportBody]:
    return example.bodies()


@pytest.fixture(scope="module")
def page(bodies: tuple[ReportBody, ReportBody]) -> str:
    return render(bodies[1], example.texts(), base_url="https://footnote.example")


def hostile_texts(body: ReportBody) -> dict[str, CaseTexts | Missing]:
    claims = (ClaimText(HOSTILE, Verdict.UNSUPPORTED, 0.1, (1,)),)
    passages = (PassageText(1, HOSTILE, 3, HOSTILE),)
    return {
        each: CaseTexts(HOSTILE, draft=HOSTILE, shown=HOSTILE + "!", expected=HOSTILE, claims=claims, passages=passages)
        for each in body.text_ids()
    }


def test_the_page_asks_nobody_for_anything_and_runs_nothing(page: str) -> None:
    outline = Outline(page)
    assert not outline.open
    names = {name for name, _ in outline.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in outline.tags:
        assert not any(name.startswith("on") or name in ("src", "style", "srcset") for name in attributes)
    links = [attributes["href"] for attributes in outline.all("a")]
    assert all(link.startswith(("#", "https://footnote.example/v1/turns/")) for link in links)
    assert "url(" not in page
    assert "@import" not in page
    (policy,) = [meta["content"] for meta in outline.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert content_security_policy().startswith(policy)


def test_turns_are_told_by_their_ids_with_the_command_that_shows_them(bodies: tuple[ReportBody, ReportBody], page: str) -> None:
    turn_ids = {case.turn_id for case in bodies[1].worst_cases} | {each.turn_id for each in bodies[1].unanswered}
    shown = set(re.findall(r'href="https://footnote\.example/v1/turns/([^"]+)">([^<]+)</a>', page))
    assert shown == {(turn_id, turn_id) for turn_id in turn_ids if turn_id}
    assert len(shown) > 1
    assert "<code>footnote turn ID</code>" in page


def test_links_inside_the_page_lead_somewhere(page: str) -> None:
    outline = Outline(page)
    anchors = {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
    assert {link["href"][1:] for link in outline.all("a") if link["href"].startswith("#")} <= anchors


def test_the_page_can_be_heard_as_well_as_seen(page: str) -> None:
    outline = Outline(page)
    levels = [int(name[1]) for name, _ in outline.tags if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all("scope" in attributes for attributes in outline.all("th"))
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in outline.all("svg"))
    assert outline.all("html")[0]["lang"] == "en"


def test_whatever_people_and_documents_wrote_is_text_and_nothing_else(bodies: tuple[ReportBody, ReportBody]) -> None:
    body = replace(bodies[1], run=replace(bodies[1].run, set_name=HOSTILE))
    differences = compare_runs([], []).differences
    for page in (render(body, hostile_texts(body)), render_comparison(body, body, differences, hostile_texts(body))):
        outline = Outline(page)
        assert not outline.open
        assert not {name for name, _ in outline.tags} & {"script", "img"}
        assert "{{ 7*7 }}" in page
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u0000]", page)
        assert "⟨U+202E⟩gnp.exe" in page


def test_what_may_not_be_read_or_is_gone_says_so(bodies: tuple[ReportBody, ReportBody]) -> None:
    body = bodies[1]
    erased, forbidden = body.worst_cases[0].case_id, body.worst_cases[1].case_id
    texts = {**example.texts(), erased: Missing.ERASED, forbidden: Missing.FORBIDDEN}
    page = render(body, texts)
    gone = example.texts()[erased]
    assert isinstance(gone, CaseTexts)
    assert gone.question not in page
    assert Missing.ERASED.value in page
    assert Missing.FORBIDDEN.value in page
    nothing = render(body, {})
    assert nothing.count(Missing.ERASED.value) >= len(body.worst_cases)


def test_of_thousands_of_failing_cases_a_page_lists_some_and_counts_the_others() -> None:
    body = build(facts(n_cases=3), run_of(simulated_cases(3)), questions={}, context=Context())
    unanswered = tuple(UnansweredQuestion(f"unanswered-{n}", None, is_known=n % 2 == 0) for n in range(2 * N_LISTED + 14))
    groups = tuple((f"left-{n}", f"right-{n}") for n in range(N_GROUPS + 3))
    page = render(replace(body, unanswered=unanswered, failure_groups=groups), {})
    assert not Outline(page).open
    listed, grouped = page[page.index('id="unanswered"') : page.index('id="failures"')], page[page.index('id="failures"') :]
    assert (listed.count("<li>"), listed.count("and 7 more")) == (2 * N_LISTED, 2)
    assert (grouped.count("No common word"), grouped.count("and 3 more groups")) == (N_GROUPS, 1)


def test_each_recommendation_that_asks_for_something_has_a_colour_of_its_own(page: str) -> None:
    selectors = re.findall(r"^(\.verdict\.\w+.*?) \{", page, re.MULTILINE)
    coloured = {action for selector in selectors for action in re.findall(r"\.verdict\.(\w+)", selector)}
    assert coloured == set(get_args(Action)) - {"nothing"}


def test_the_page_tells_the_bodys_figures(bodies: tuple[ReportBody, ReportBody], page: str) -> None:
    body = bodies[1]
    assert "Check retrieval" in page
    recall = body.scores["recall@10"]
    assert f">{recall.mean:.2f}<" in page
    assert f"{recall.low:.2f} to {recall.high:.2f}" in page
    assert "needs a language model" in page
    assert "toxicity" in page
    assert "no_method" not in page
    assert "Footnote has no method" in page
    assert "no document holds the answer" not in page, "nobody has said that"
    assert "judge timeout" in page


def test_a_first_report_of_few_cases_without_anything_beside_renders() -> None:
    body = build(facts(n_cases=3), run_of(simulated_cases(3)), questions={}, context=Context())
    assert "first report of this set" in render(body, {})
    empty = build(facts(n_cases=0), (), questions={}, context=Context())
    page = render(empty, {})
    assert "Nothing to do" in page
    assert not Outline(page).open


def test_a_comparison_tells_both_and_their_differences(bodies: tuple[ReportBody, ReportBody]) -> None:
    before, now = bodies
    differences = now.comparison.differences
    page = render_comparison(before, now, differences, example.texts())
    outline = Outline(page)
    assert not outline.open
    assert "Nothing to do" in page
    assert "Check retrieval" in page
    assert page.count("fell, worse") >= 1
    assert "No case was scored in both runs" in render_comparison(before, now, (), {})


def test_links_lead_to_http_alone(bodies: tuple[ReportBody, ReportBody]) -> None:
    with pytest.raises(ValueError, match="http"):
        render(bodies[1], {}, base_url="javascript:alert(1)//")


def test_unseen_characters_show_their_numbers_and_lines_stay() -> None:
    assert seen("a\u202eb\r\nc\u200bd\te\U000e0041") == "a⟨U+202E⟩b\nc⟨U+200B⟩d\te⟨U+E0041⟩"
    assert seen("Grüße, 漢字, עברית") == "Grüße, 漢字, עברית"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_text_stand_out_from_their_ground(scheme: str, page: str) -> None:
    style = page[page.index("<style>") : page.index("</style>")]
    light, dark = style.split("@media (prefers-color-scheme: dark)", 1)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", (light if scheme == "light" else dark.split("@media")[0])))
    for ground in ("paper", "panel"):
        for ink in ("ink", "faint", "accent", "good", "warn", "bad"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_chromium_shows_and_prints_it(page: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        [CHROMIUM, *flags, "--enable-logging=stderr", "--dump-dom", f"file://{tmp_path}/report.html"],
        capture_output=True,
        timeout=120,
        check=True,
        text=True,
    )
    assert "Check retrieval" in shown.stdout
    assert "Content Security Policy" not in shown.stderr
    printed = [CHROMIUM, *flags, f"--print-to-pdf={tmp_path / 'report.pdf'}", f"file://{tmp_path}/report.html"]
    subprocess.run(printed, capture_output=True, timeout=120, check=True)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_what_moved_stands_beside_the_figure_of_the_same_judge(bodies: tuple[ReportBody, ReportBody]) -> None:
    body = bodies[1]
    assert body.comparison is not None
    own = next(each for each in body.comparison.differences if (each.metric, each.target) == ("faithfulness", "draft"))
    others = replace(own, judge="another-judge", old=0.1237, difference=-0.4321, p_adjusted=0.001)
    differences = (others, *(each for each in body.comparison.differences if each is not own), own)
    both = replace(body, comparison=replace(body.comparison, differences=differences))
    page = render(both, example.texts())
    scores, moved = page[page.index('id="scores"') : page.index('id="moved"')], page[page.index('id="moved"') : page.index('id="worst"')]
    assert "−0.43" not in scores
    assert "another-judge" in moved
    alone = replace(both, comparison=replace(body.comparison, differences=(others,)))
    assert "−0.43" not in render(alone, {}).split('id="moved"')[0]
    assert "−0.43" not in render_comparison(body, alone, (others,), {}), "neither figure is that judge's"
