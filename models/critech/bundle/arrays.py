"""The arrays of a bundle: read without pickle, held against the label order and each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.bundle.manifest import ARRAYS, LABELS
from critech.decision import Companions
from critech.errors import BundleError
from critech.plain_data import read_npz
from critech_labels import Taxonomy
from critech_labels.taxonomy import label_order

ARRAY_NAMES = (
    "center", "dense", "lexical", "intercept", "lexical_keys", "lexical_idf", "slope", "offset",
    "fitted", "assigned", "possible",
)  # fmt: skip
KINDS = {"labels": "U", "lexical_keys": "u", "fitted": "b"}  # the others are of floats
ARRAYS_SINCE = {"coverage_floor": 2, "companion_share": 3}


def read_arrays(data: bytes, format_: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays by name, with defaults for those that came with a later format."""
    later = [name for name, since in ARRAYS_SINCE.items() if format_ >= since]
    ignored = ARRAYS_SINCE.keys() - later
    found = {name: array for name, array in read_npz(data).items() if name not in ignored}
    for name in (*ARRAY_NAMES, *later, "labels"):
        if name not in found:
            raise BundleError(ARRAYS, "lacks an array", name, sorted(found))
        kind = KINDS.get(name, "f")
        if found[name].dtype.kind != kind:
            raise BundleError(ARRAYS, f"{name} has another type", kind, found[name].dtype.kind)
    return {
        "coverage_floor": np.zeros(2, dtype=np.float32),
        "companion_share": np.zeros(found["possible"].shape, dtype=np.float32),
        **found,
    }


def check_label_order(
    labels: tuple[str, ...],
    taxonomies: tuple[Taxonomy, ...],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Compare the manifest's label order with the snapshot's and with that of the arrays."""
    if arrays["labels"].ndim != 1:
        raise BundleError(ARRAYS, "labels has another shape", 1, arrays["labels"].ndim)
    orders = {
        LABELS: list(label_order(taxonomies)),
        ARRAYS: [str(label) for label in arrays["labels"]],
    }
    for name, order in orders.items():
        if len(order) != len(labels):
            raise BundleError(name, "has another number of labels", len(labels), len(order))
        for i, (expected, found) in enumerate(zip(labels, order, strict=True)):
            if expected != found:
                raise BundleError(name, f"has another label at position {i}", expected, found)
    _check_shapes(len(labels), arrays)


def _check_shapes(n_labels: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    hidden, n_features = arrays["center"].size, arrays["lexical_keys"].size
    shapes = {
        "center": (hidden,),
        "dense": (n_labels, hidden),
        "lexical": (n_features, n_labels),
        "intercept": (n_labels,),
        "lexical_keys": (n_features,),
        "lexical_idf": (n_features,),
        "coverage_floor": (2,),
        **dict.fromkeys(
            ("slope", "offset", "fitted", "assigned", "possible", "companion_share"), (2, n_labels)
        ),
    }
    for name, expected in shapes.items():
        if arrays[name].shape != expected:
            raise BundleError(ARRAYS, f"{name} has another shape", expected, arrays[name].shape)


def companions_of(labels: Sequence[str], share: npt.NDArray[np.float32]) -> tuple[Companions, ...]:
    """Return which labels go with others of their taxonomy, from float32 [2, n_labels]: 0 for
    labels that do not, and one share for all others of a taxonomy. Raise BundleError for anything
    else."""
    lists = np.array([label.partition(":")[0] for label in labels])
    found = []
    for name in dict.fromkeys(lists.tolist()):
        whole = np.flatnonzero(lists == name)
        columns = whole[share[:, whole].any(axis=0)]
        if not len(columns):
            continue
        own = share[:, columns]
        if not (own == own[:, :1]).all() or not ((own > 0) & (own <= 1)).all():
            raise BundleError(ARRAYS, "companion_share differs", "one share in 0..1", name)
        found.append(Companions(columns, own[:, 0], whole))
    return tuple(found)
