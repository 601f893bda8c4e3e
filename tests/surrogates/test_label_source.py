"""Labels of the same material as the source of a transfer."""

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.surrogates import train
from matscreen.surrogates.label_source import LabelSource
from matscreen.surrogates.transfer import transfer
from matscreen.surrogates.transfer_files import load_any, save_any

TARGET, CHEAP = "relative_permittivity", "electronic_permittivity"
LABELS = ("a", "b", "c")


def rows(n, seed):
    """A cheap label that features hardly show, and a target that follows it."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 3)).astype(np.float32).astype(np.float64)
    cheap = 10 ** (0.6 + 0.15 * np.sin(9 * X[:, 0] * X[:, 1]) + 0.1 * rng.normal(size=n))
    y = 10 ** (0.5 + np.log10(cheap) + 0.1 * X[:, 2])
    return X, cheap, y, [f"{seed}-{i}" for i in range(n)]


@pytest.fixture(scope="module")
def learned():
    X, cheap, y, groups = rows(120, 1)
    given = {"groups": groups, "property": TARGET, "labels": LABELS}
    return transfer(LabelSource(CHEAP), X, y, source_X=cheap[:, None], **given), train(
        X, y, **given
    )


def test_a_known_label_says_more_than_the_features(learned):
    helped, alone = learned
    X, cheap, y, _ = rows(300, 2)
    found, plain = helped.predict(X, cheap[:, None]), alone.predict(X)

    def error(prediction):
        return np.abs(np.log10(prediction.mean / y)).mean()

    assert error(found) < 0.5 * error(plain)
    assert 0.8 < np.mean((found.lower <= y) & (y <= found.upper)) <= 1.0
    assert helped.card["transfer"]["source"]["property"] == CHEAP


def test_a_row_without_the_label_is_outside(learned):
    X, cheap, _, _ = rows(5, 3)
    cheap[2], cheap[3] = np.nan, -1.0
    found = learned[0].predict(X, cheap[:, None])
    assert not found.in_domain[2:4].any()
    assert found.in_domain[[0, 1, 4]].any()


def test_it_is_kept_and_read(learned, tmp_path):
    X, cheap, _, _ = rows(20, 4)
    save_any(learned[0], tmp_path / "m")
    again = load_any(tmp_path / "m")
    np.testing.assert_allclose(
        again.predict(X, cheap[:, None]).mean, learned[0].predict(X, cheap[:, None]).mean
    )
    with pytest.raises(InputError, match="descriptors of its own"):
        again.predict(X)


def test_labels_come_as_one_column():
    with pytest.raises(InputError, match="one column"):
        LabelSource(CHEAP).predict(np.ones((3, 2)))
    with pytest.raises(InputError, match="no_such"):
        LabelSource("no_such")
