from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from matscreen.report import render_report, write_report
from matscreen.report.dossier import carded

VOID = {"meta", "link", "input", "br", "img", "hr", "circle", "path"}


class Page(HTMLParser):
    """Collects what a browser would see, and complains about unbalanced tags."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.elements, self.scripts, self.styles, self.text = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        inside = self.stack[-1] if self.stack else ""
        {"script": self.scripts, "style": self.styles}.get(inside, self.text).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def text(result):
    return render_report(result)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_writes_one_file_below_eight_megabytes(tmp_path, result):
    path = write_report(tmp_path / "deep" / "report.html", result)
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 8_000_000


def test_asks_for_nothing_outside(page):
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            target = attributes.get(name) or ""
            assert not re.match(r"\s*([a-z+]+:)?//", target, re.IGNORECASE), (tag, target)
            assert not target or target.startswith(("#", "./", "data:")), (tag, target)
        assert "url(" not in (attributes.get("style") or "")
    assert not any(re.search(r"url\(|@import", style) for style in page.styles)
    assert page.all("script")
    assert not any("src" in attributes for attributes in page.all("script"))
    assert not page.all("iframe")


def test_the_policy_forbids_requests(page):
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy  # falls back to none
    assert "http" not in policy


def test_plotly_is_inlined_once(text):
    assert text.count("* plotly.js v") == 1


def test_same_result_gives_the_same_bytes(result, text):
    assert render_report(replace(result)) == text


def test_is_accessible(page):
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h[1-6]", name)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    plots = [a for a in page.all("div") if "data-figure" in a]
    assert len(plots) == 12
    pictures = [a for a in page.all("div") if "data-structure" in a]
    assert len(pictures) == 14
    assert all(a["role"] == "img" and "Crystal structure of" in a["aria-label"] for a in pictures)
    assert all(a["role"] == "img" and len(a["aria-label"]) > 40 for a in plots)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
    labelled = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)


def test_light_dark_and_print_styles(page):
    style = " ".join(page.styles)
    assert "prefers-color-scheme:dark" in style
    assert "@media print" in style


def test_says_what_was_asked_with_units(page):
    for words in ("2500 nm²", "10 ns", "358 K", "10 years", "20 TH", "2.5 nm", "0.1 eV"):
        assert words in page.words
    assert "at most 100 meV/atom above the hull" in page.words


def test_lists_a_share_of_every_mechanism(page, result):
    rows = [a for a in page.all("tr") if "data-mechanism" in a]
    mechanisms = [a["data-mechanism"] for a in rows]
    assert mechanisms.count("ferroelectric") == mechanisms.count("valence_change") == 100
    assert "200 of 800 ranked pairs" in page.words
    assert "candidates.csv" in page.words


def test_a_height_above_the_hull_stands_with_its_unit(text):
    cells = re.findall(r'<td class="num" data-value="(0\.\d+)">(\d+)( meV)?</td>', text)
    heights = [(float(exact), int(shown)) for exact, shown, unit in cells if unit]
    assert len(heights) > 100
    assert all(round(1000 * exact) == pytest.approx(shown, abs=1) for exact, shown in heights)


def test_shows_coverage_and_null_model(page):
    assert "The 90 % intervals hold 91 % of 160 held-out labels" in page.words
    assert page.words.count("null model") >= 4


def test_shows_failures_and_provenance(page, result):
    assert "130 items could not be processed" in page.words
    assert "The first 50 of 130 failures" in page.words
    assert "matscreen screen synapse -o results/synapse" in page.words
    assert "270 J" in page.words  # what all stages spent


def test_figure_data_is_json_that_cannot_end_its_element(page):
    data = json.loads(page.scripts[0])
    assert set(data) == {"figures", "structures", "dark"}
    assert set(data["figures"]) == {
        "energy",
        "map",
        "periodic",
        "devices",
        *(f"trade-{i}" for i in range(2)),
        *(f"pairs-{i}" for i in range(2)),
        *(f"parity-{i}" for i in range(4)),
    }
    assert "<" not in page.scripts[0]


def test_hostile_text_stays_text(result):
    evil = "</script><script>alert(1)</script><img src=//x onerror=alert(2)>"
    ranking = result.ranking.head(40).copy()
    for column in ("formula", "structure_id", "source", "source_id", "prototype", "evidence"):
        ranking[column] = ranking[column].where(ranking.index != 0, evil)
    ranking["reasons"] = evil
    ranking["mechanism"] = ranking["mechanism"].where(ranking.index != 1, evil)
    hostile = replace(
        result,
        screen=replace(result.screen, name=evil, title=evil, description=evil, sources=(evil,)),
        ranking=ranking,
        failures=pd.DataFrame(
            [{"structure_id": evil, "stage": evil, "reason": evil, "detail": evil}]
        ),
        model_cards=({**result.model_cards[0], "property": evil, "unit": evil},),
        provenance={"command": evil, "versions": {evil: evil}, evil: evil},
        devices=result.devices.assign(formula=evil, source=evil, doi=evil, device=evil),
        changes={**result.changes, "since": evil, "summary": evil, "causes": (evil,)},
        files={evil: "//evil.example/x"},
    )
    page = Page(render_report(hostile))
    assert len(page.all("script")) == 3
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, a in page.elements for name in a)
    hrefs = [a["href"] for a in page.all("a")]
    assert "./" + "//evil.example/x" in hrefs  # relative, never another host
    figures = json.loads(page.scripts[0])["figures"]
    assert "<script" not in json.dumps(figures)  # Plotly reads some HTML: escaped for it as well


def test_a_result_without_dossiers_has_cards_of_its_columns(result):
    bare = replace(result, dossiers=(), structures={}, devices=None, device_scores=None)
    words = Page(render_report(bare)).words
    assert "known by its composition alone" in words
    assert "crystallises near" in words
    assert "Not compared in this run" in words


def test_says_what_changed_since_the_last_screen(page):
    assert "Last screen: 2026-11-20 08:00:00+00:00" in page.words
    assert "1 entered, 1 left" in page.words
    assert "the table labels has changed" in page.words
    assert "enters at 3" in page.words
    assert "leaves place 9" in page.words


def test_shows_agreement_with_devices_beside_the_null_model(page):
    assert "5 (5 materials)" in page.words
    assert "null" in page.words


def test_links_rows_to_their_cards(page):
    links = [a["href"] for a in page.all("a") if a["href"].startswith("#card-")]
    cards = [a["id"] for a in page.all("details") if a.get("class") == "card"]
    assert len(cards) == 15
    assert set(links) == {f"#{name}" for name in cards}


def test_nothing_feasible_changes_the_verdict(hopeless, text):
    page = Page(render_report(hopeless))
    assert "nothing is feasible at the asked specification" in page.words
    assert "leads at" not in page.words
    assert "leads at" in Page(text).words


def test_a_closed_card_says_that_its_candidate_cannot_work(hopeless, result):
    def marked(shown):
        cards = re.findall(r'<details class="card".*?</summary>', render_report(shown), re.DOTALL)
        return [">not feasible<" in each for each in cards]

    assert marked(hopeless)
    assert all(marked(hopeless))
    assert marked(result) == [not card.feasible for card in carded(result)]


def test_an_empty_screen_still_makes_a_report(result):
    bare = replace(
        result,
        ranking=result.ranking.head(0),
        reference_lines=(),
        model_cards=(),
        failures=result.failures.head(0),
        counts={},
        provenance={},
        files={},
        dossiers=(),
        structures={},
        devices=None,
        device_scores=None,
        changes=None,
        screen=replace(result.screen, device={}, description="", title=""),
    )
    words = Page(render_report(bare)).words
    assert "Nothing could be ranked" in words
    assert "Nothing failed" in words
    assert "No surrogate took part" in words
    assert "There is nothing to map" in words
    assert "no earlier ranking to compare with" in words


def test_missing_numbers_become_dashes(result):
    ranking = result.ranking.copy()
    ranking["energy_nominal_J"] = ranking["energy_nominal_J"].where(ranking.index > 3, np.nan)
    ranking["p_top_10"] = np.nan
    words = Page(render_report(replace(result, ranking=ranking))).words
    assert "nan" not in words.lower().split()
