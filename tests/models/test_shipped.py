"""The model that ships fits the features that ship, and says what it is."""

import numpy as np

from features.catalogue import DEFAULT
from models import SHIPPED, default
from models.folder import read_manifest
from models.model import STEPS


def test_it_reads_only_features_that_the_catalogue_computes() -> None:
    assert set(default().feature_names) <= set(DEFAULT.names)


def test_its_trees_run_compiled() -> None:
    assert default().fallback is None


def test_its_thresholds_rise() -> None:
    cuts = [default().thresholds[step] for step in STEPS]
    assert cuts == sorted(cuts)
    assert 0 < cuts[0] <= cuts[-1] <= 1


def test_its_scores_are_probabilities_even_of_nothing() -> None:
    width = len(default().feature_names)
    strange = np.stack([np.full(width, v) for v in (np.nan, 0.0, np.inf, -np.inf, 1e300)])
    scores = default().score(strange)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_its_card_says_that_the_data_is_synthetic() -> None:
    card = (SHIPPED / "card.md").read_text()
    assert "Trained on synthetic data only" in card
    assert read_manifest(SHIPPED).training["synthetic"] is True
    assert read_manifest(SHIPPED).version == read_manifest(SHIPPED).named_by_content().version


def test_its_card_links_pictures_that_exist() -> None:
    card = (SHIPPED / "card.md").read_text()
    pictures = [part.split(")")[0] for part in card.split("](")[1:]]
    assert len(pictures) == 3
    assert all((SHIPPED / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
