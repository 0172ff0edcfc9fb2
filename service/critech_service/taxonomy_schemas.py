"""Response models of the taxonomies and of the crosswalk. What a label has none of is absent."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field

from critech_labels.coverage import CoverageStatus
from critech_labels.crosswalk import Relation
from critech_labels.taxonomy import TitleStatus
from critech_service.schemas import Title

_LABEL_ID = Field(description="Label id.", examples=["jp-secret-patent-25:10"])


class BilingualOut(BaseModel):
    """A text in both languages."""

    en: str
    ja: str


class TermsOut(BaseModel):
    """Words in both languages."""

    en: list[str]
    ja: list[str]


class TitleStatusOut(BaseModel):
    """Whether a title is the instrument's own wording."""

    en: TitleStatus
    ja: TitleStatus


class IpcItemOut(BaseModel):
    """An item of the Cabinet Order's article 12(1), or the part of it that makes up a field."""

    order_item: int | None = Field(description="Null where the number could not be read.")
    all_of: list[list[str]] = Field(
        description="One symbol of every inner list must be there.",
        examples=[[["B64"], ["F41H3/00"]]],
    )
    topic_limit: Title | None = Field(
        None, description="The field is met only as far as the text is about this topic."
    )


class LabelEntryOut(BaseModel):
    """A label: a field, technology, category or sub-item."""

    code: str = Field(description="Code within the taxonomy.", examples=["10"])
    title: Title
    title_status: TitleStatusOut
    title_confidence: float = Field(ge=0, le=1, description="How sure the editors are of it.")
    source: str
    definition: BilingualOut = Field(description="In the project's own words.")
    aliases: TermsOut
    terms: TermsOut = Field(description="Words that texts about it use.")
    effective_from: dt.date
    parent: str | None = Field(None, description="Code of the category of a sub-item.")
    subtopics: list[str] | None = None
    domain: str | None = Field(None, description="K Program: domain of the vision.")
    vision: int | None = Field(None, description="K Program: number of the vision.")
    additional_condition: bool | None = Field(
        None, description="Secret patents: whether a condition must be met besides."
    )
    mapping_confidence: float | None = Field(
        None, ge=0, le=1, description="Secret patents: how sure the grouping of items is."
    )
    ipc_rules: list[IpcItemOut] | None = Field(None, description="Any one of them is enough.")
    note: str | None = None


class TaxonomyVersionOut(BaseModel):
    """Which version of a taxonomy a label stands in."""

    id: str = Field(examples=["jp-secret-patent-25"])
    version: str = Field(description="First date in force.", examples=["2025-01-01"])


class LabelDetailOut(LabelEntryOut):
    """A label with its taxonomy and its sub-items."""

    taxonomy: TaxonomyVersionOut
    children: list[LabelEntryOut] = Field(description="Sub-items, in the instrument's order.")


class CoverageOut(BaseModel):
    """How far a taxonomy models its instrument."""

    status: CoverageStatus
    text: BilingualOut


class PointerOut(BaseModel):
    """A rule that lies near some labels: where to read on, no export-control number."""

    date: dt.date
    citation: str = Field(examples=["84 FR 23886"])
    what: BilingualOut
    eccns: list[str] | None = Field(None, description="Numbers the rule is reported to touch.")
    labelled_1758: str
    confidence: float = Field(ge=0, le=1)
    source: str
    labels: list[str] | None = Field(None, description="Label ids near it.")
    title: str | None = Field(None, description="The rule's own title, where it was read.")
    proposed: dt.date | None = None
    note: str | None = None


class TaxonomyHeadOut(TaxonomyVersionOut):
    """A taxonomy without its labels."""

    title: Title
    jurisdiction: str = Field(examples=["JP"])
    instrument: BilingualOut = Field(description="The legal instrument it comes from.")
    article: str
    authority: BilingualOut
    effective_from: dt.date
    as_of: dt.date = Field(description="When its sources were read.")
    verification: str
    sources: list[str] | None = None
    notes: list[str] | None = None
    coverage: CoverageOut | None = None
    pointers: list[PointerOut] | None = None
    in_force: bool | None = Field(
        None, description="Present with `as_of`: whether it was in force on that date."
    )
    n_labels: int = Field(description="Labels at the top.", examples=[25])
    n_sub_items: int


class TaxonomyOut(TaxonomyHeadOut):
    """A taxonomy with its labels, sub-items after their category."""

    labels: list[LabelEntryOut]


class TaxonomyListOut(BaseModel):
    """All taxonomies, without their labels."""

    taxonomies: list[TaxonomyHeadOut]


class CorrespondenceOut(BaseModel):
    """What the target is, seen from the source, in the sense of SKOS mapping properties."""

    source: str = _LABEL_ID
    target: str = _LABEL_ID
    relation: Relation
    why: BilingualOut = Field(description="What overlaps and what does not.")
    confidence: float = Field(ge=0, le=1)


class UnmatchedOut(BaseModel):
    """A label without a counterpart."""

    label: str = _LABEL_ID
    why: BilingualOut


class CrosswalkOut(BaseModel):
    """Correspondences between labels: editorial work, no determination."""

    status: str
    as_of: dt.date
    notice: BilingualOut
    versions: dict[str, str] = Field(description="Versions they were written from, by taxonomy.")
    entries: list[CorrespondenceOut]
    unmatched: list[UnmatchedOut]
