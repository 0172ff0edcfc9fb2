"""Labelled taxonomies of critical technologies, and the IPC rules of the Cabinet Order."""

from critech_labels.coverage import Coverage, Pointer
from critech_labels.crosswalk import Correspondence, correspondences, load_crosswalk
from critech_labels.ipc import IpcSymbol, ParsedSymbols, parse_symbol, parse_symbols
from critech_labels.matcher import FieldMatch, IpcMatch, match_fields
from critech_labels.taxonomy import (
    TAXONOMY_IDS,
    IpcRule,
    Label,
    Taxonomy,
    load_taxonomies,
    load_taxonomy,
    versions,
)
from critech_labels.texts import Bilingual, TaxonomyError

__all__ = [
    "TAXONOMY_IDS",
    "Bilingual",
    "Correspondence",
    "Coverage",
    "FieldMatch",
    "IpcMatch",
    "IpcRule",
    "IpcSymbol",
    "Label",
    "ParsedSymbols",
    "Pointer",
    "Taxonomy",
    "TaxonomyError",
    "correspondences",
    "load_crosswalk",
    "load_taxonomies",
    "load_taxonomy",
    "match_fields",
    "parse_symbol",
    "parse_symbols",
    "versions",
]
