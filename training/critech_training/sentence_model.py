"""Loading a sentence-transformers model that a user named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critech.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def load_sentence_model(name: str, option: str) -> SentenceTransformer:
    """Return the sentence-transformers model of a folder, or of that name on its hub.

    Raise InputError for ``option`` when it cannot be loaded.
    """
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(name, device="cpu")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(option, f"{name} is no sentence-transformers model: {first}") from error
