"""Response models of the taxonomy routes. A field that a label or taxonomy has no value for is left
out of the answer."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field

from critech_service.schemas import Title


class TermsOut(BaseModel):
    """Words for a label in both languages."""

    en: list[str]
    ja: list[str]


class TitleStatusOut(BaseModel):
    """Whether each title is the instrument's own wording."""

    en: Literal["verbatim", "provisional"]
    ja: Literal["verbatim", "provisional"]


class IpcItemOut(BaseModel):
    """An item of the Cabinet Order's article 12(1)."""

    order_item: int | None = Field(description="Its number, null where it could not be read.")
    all_of: list[list[str]] = Field(
        description="One symbol of each list must be there.", examples=[[["F02K7/10", "F02K7/14"]]]
    )
    topic_limit: Title | None = Field(None, description="Topic that the item is limited to.")


class TaxonomyLabelOut(BaseModel):
    """A label as the taxonomy holds it."""

    code: str = Field(description="Code within the taxonomy.", examples=["10"])
    title: Title
    title_status: TitleStatusOut
    title_confidence: float = Field(ge=0, le=1)
    source: str
    definition: Title = Field(description="Editorial definition.")
    aliases: TermsOut
    terms: TermsOut
    effective_from: dt.date
    parent: str | None = Field(None, description="Code of the category of a sub-item.")
    subtopics: list[str] = Field([], description="Editorial division of a broad label.")
    domain: str | None = Field(None, description="Domain within the K Program.")
    vision: int | None = Field(None, description="R&D vision of the K Program.")
    additional_condition: bool | None = Field(
        None, description="Whether a secret-patent field needs a condition beside its symbols."
    )
    mapping_confidence: float | None = Field(None, ge=0, le=1)
    ipc_rules: list[IpcItemOut] = []
    note: str | None = None


class TaxonomyRefOut(BaseModel):
    """Which version of a taxonomy."""

    id: str = Field(examples=["jp-secret-patent-25"])
    version: str = Field(description="First date in force.", examples=["2025-01-01"])


class OneLabelOut(TaxonomyLabelOut):
    """A label with its taxonomy and its sub-items."""

    taxonomy: TaxonomyRefOut
    children: list[TaxonomyLabelOut]


class CoverageOut(BaseModel):
    """How far a taxonomy models its instrument."""

    status: Literal["modelled", "partial", "pointer_only"]
    text: Title


class PointerOut(BaseModel):
    """A rule near some labels, to read on; no determination."""

    date: dt.date
    citation: str
    what: Title
    eccns: list[str] = []
    labelled_1758: str
    confidence: float = Field(ge=0, le=1)
    source: str
    labels: list[str] = Field([], description="Label ids of the same taxonomy.")
    title: str | None = None
    proposed: dt.date | None = None
    note: str | None = None


class TaxonomyHeadOut(TaxonomyRefOut):
    """A taxonomy without its labels."""

    title: Title
    jurisdiction: str = Field(examples=["JP"])
    instrument: Title = Field(description="The law or notice that has the list.")
    article: str
    authority: Title
    effective_from: dt.date
    as_of: dt.date = Field(description="Date on which the sources were read.")
    verification: str
    sources: list[str] = []
    notes: list[str] = []
    coverage: CoverageOut | None = None
    pointers: list[PointerOut] = []
    in_force: bool | None = Field(
        None, description="Present with `as_of`: whether all of it was in force on that date."
    )
    n_labels: int = Field(description="Labels without sub-items.", examples=[25])
    n_sub_items: int


class TaxonomyOut(TaxonomyHeadOut):
    """A taxonomy with its labels, sub-items after their category."""

    labels: list[TaxonomyLabelOut]


class TaxonomiesOut(BaseModel):
    """All taxonomies."""

    taxonomies: list[TaxonomyHeadOut]


class CorrespondenceOut(BaseModel):
    """What a target is to a source: the same, broader, narrower or related."""

    source: str = Field(description="Label id.", examples=["jp-secret-patent-25:10"])
    target: str = Field(description="Label id.", examples=["us-ecra-14:12.ii"])
    relation: Literal["exact", "broad", "narrow", "related"]
    why: Title
    confidence: float = Field(ge=0, le=1)


class UnmatchedOut(BaseModel):
    """A label without a counterpart, and why."""

    label: str
    why: Title


class CrosswalkOut(BaseModel):
    """Correspondences between the taxonomies."""

    status: str = Field(examples=["editorial"])
    as_of: dt.date
    notice: Title
    versions: dict[str, str] = Field(description="Version of each taxonomy it was made from.")
    entries: list[CorrespondenceOut]
    unmatched: list[UnmatchedOut]
