from __future__ import annotations

from dataclasses import replace

import pytest

from matscreen.report.quality import measure
from matscreen.report.verdict import common_reasons, write_verdict


def _text(verdict):
    parts = [verdict.headline, *verdict.paragraphs, *verdict.caveats]
    return " ".join(str(part.striptags()) for part in parts)


def test_names_the_best_its_energy_and_how_sure(result):
    verdict = write_verdict(result)
    text = _text(verdict)
    best = result.feasible[0]
    assert best.formula in verdict.headline.striptags()
    assert "1.1 fJ" in text
    assert "213 can work" in text
    assert "84 %" in text
    assert "17 %" in text  # the share under another split of the model error
    assert "times less than a biological synapse" in text


def test_compares_with_cmos_in_a_logic_screen(result):
    from matscreen.mechanisms import reference_lines

    screen = replace(result.screen, application="logic")
    logic = replace(result, screen=screen, reference_lines=reference_lines("logic"))
    text = _text(write_verdict(logic))
    assert "a CMOS gate" in text
    assert "one logic toggle" in text


def test_an_interval_across_a_reference_line_is_said(result):
    ranking = result.ranking.assign(energy_upper_J=1e-9)
    assert "the intervals overlap" in _text(write_verdict(replace(result, ranking=ranking)))


def test_nothing_feasible_is_said_plainly_with_the_reasons(result, hopeless):
    verdict = write_verdict(hopeless)
    text = _text(verdict)
    assert "nothing is feasible" in verdict.headline
    assert "None of the 800" in text
    reason, count = common_reasons(hopeless.candidates)[0]
    assert f"{reason} ({count} pairs)" in text
    assert "leads at" not in text
    assert text != _text(write_verdict(result))


def test_nothing_ranked_is_said(result):
    empty = replace(result, ranking=result.ranking.head(0))
    assert "Nothing could be ranked" in write_verdict(empty).headline


@pytest.mark.parametrize(
    ("p_top_10", "words"),
    [(0.95, "firm"), (0.7, "likely but not settled"), (0.4, "tendency"), (0.1, "within the noise")],
)
def test_confidence_follows_the_probability(result, p_top_10, words):
    sure = replace(result, ranking=result.ranking.assign(p_top_10=p_top_10))
    assert words in _text(write_verdict(sure))


def test_a_lead_within_the_noise_is_no_win(result):
    unsure = replace(result, ranking=result.ranking.assign(p_top_10=0.1))
    verdict = write_verdict(unsure)
    assert "No clear winner" in verdict.headline
    assert "other candidates are at least half as likely" in _text(verdict)
    assert "No clear winner" not in write_verdict(result).headline


def test_caveats_follow_the_data(result):
    sound = result.ranking.assign(evidence="measured", in_domain=True, energy_above_hull=0.0)
    verdict = write_verdict(replace(result, ranking=sound))
    text = " ".join(map(str, verdict.caveats))
    assert "machine-learned" not in text
    assert "outside the chemistry" not in text
    weak = write_verdict(replace(result, ranking=sound.assign(evidence="prior", in_domain=False)))
    text = " ".join(map(str, weak.caveats))
    assert "10 of the leading 10 rest on machine-learned" in text
    assert "10 of the leading 10 lie outside" in text


def test_poor_surrogates_become_caveats(result):
    poor = {
        "property": "oxygen_migration_barrier",
        "unit": "eV",
        "n_labels": 12,
        "out_of_fold": {
            "y": [1.0, 2.0, 3.0],
            "mean": [3.0, 1.0, 0.0],
            "lower": [2.9, 0.9, 0.0],
            "upper": [3.1, 1.1, 0.1],
        },
    }
    text = _text(write_verdict(result, [measure(poor)]))
    assert "predicts no better than a constant" in text
    assert "hold only 0 % of the truths" in text
    assert "only 12 labels" in text
