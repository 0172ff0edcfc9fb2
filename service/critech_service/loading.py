"""Which bundle the settings name, and how it comes to serve."""

from __future__ import annotations

from pathlib import Path

from critech import Classifier
from critech.bundle.pointer import POINTER, read_pointer
from critech.bundle.signature import TrustedKey, read_public_key
from critech.errors import BundleError, InputError
from critech.installing.trial import SelfTester, load_tried
from critech.selftest import self_test
from critech_service.settings import Settings
from critech_service.shadow import Shadow

LEAST_URGENT = 19


def load_classifier(settings: Settings, test: SelfTester = self_test) -> Classifier:
    """Return a classifier over the bundle that the settings name, read, verified and tried.

    Raise BundleError when it cannot serve, InputError when the settings name two places or no key.
    """
    return load_tried(bundle_path(settings), settings.threads, trusted_key(settings), test)


def load_shadow(settings: Settings, test: SelfTester = self_test) -> Shadow | None:
    """Return the shadow bundle at work, None where the settings name none. Raise as above."""
    if settings.shadow_bundle is None:
        return None
    classifier = load_tried(settings.shadow_bundle, 1, trusted_key(settings), test, LEAST_URGENT)
    return Shadow(classifier, settings.shadow_share)


def bundle_path(settings: Settings) -> Path | None:
    """Return the folder of the bundle or the bundles directory, None for the shipped bundle."""
    if settings.bundles_dir is None:
        return settings.bundle
    if settings.bundle is not None:
        raise InputError("setting bundles_dir", "give this or bundle, not both")
    if not read_pointer(settings.bundles_dir):
        folder = settings.bundles_dir.resolve()
        raise BundleError(
            f"{POINTER} in {folder} (setting bundles_dir)",
            "is missing",
            f"a bundle put there by: critech bundle install SOURCE --dir {folder}",
            "a folder without one" if folder.is_dir() else "no folder",
        )
    return settings.bundles_dir


def trusted_key(settings: Settings) -> TrustedKey | None:
    """Return the public key that bundles must be signed by, None where any bundle will do."""
    return None if settings.bundle_key is None else read_public_key(settings.bundle_key)
