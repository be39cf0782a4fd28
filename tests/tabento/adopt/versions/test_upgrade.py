"""What the installed scikit-learn expects of objects that an older version has fitted."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tabento.adopt.versions.upgrade import upgrade

TEXTS = ["good plot", "bad plot", "good good actor", "bad movie"]


def test_weights_of_terms_are_not_overlooked() -> None:
    """Before 1.5 they were a diagonal matrix; without this step they would be left out without a word."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 1, 0])
    expected = pipeline.predict_proba(TEXTS)
    weights = vars(pipeline[0]._tfidf)
    weights["_idf_diag"] = sparse.diags(weights.pop("idf_"), format="csr")
    assert not np.allclose(pipeline.predict_proba(TEXTS), expected)
    assert "TfidfTransformer.idf_" in upgrade(pipeline)
    np.testing.assert_array_equal(pipeline.predict_proba(TEXTS), expected)
