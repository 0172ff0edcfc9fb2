"""Whether a bundle may serve: read, verified, and tried on texts whose labels nobody disputes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from critech.bundle.reading import read_bundle
from critech.bundle.signature import TrustedKey
from critech.classifier import Classifier
from critech.errors import BundleError
from critech.selftest import SelfTest, self_test

SelfTester = Callable[[Classifier], SelfTest]


def load_tried(
    path: Path | None,
    threads: int | None = None,
    key: TrustedKey | None = None,
    test: SelfTester = self_test,
) -> Classifier:
    """Return a classifier over a bundle that has passed the self-test, which also warms it up.

    Raise BundleError when the bundle cannot be read, is not signed by the key, or fails the test.
    """
    classifier = Classifier(read_bundle(path, key), threads)
    try:
        try_out(classifier, test)
    except BaseException:
        classifier.close()
        raise
    return classifier


def try_out(classifier: Classifier, test: SelfTester = self_test) -> None:
    """Raise BundleError, naming the first failure, unless a classifier passes the self-test."""
    result = test(classifier)
    if not result.passed:
        first = result.failures[0] if result.failures else "nothing could be checked"
        more = len(result.failures) - 1
        found = first + (f", and {more} more" if more > 0 else "")
        raise BundleError("self-test", "is not passed", "the labels of the golden texts", found)
