"""The answers of the HTTP API as they stand in JSON, typed. A key marked ``NotRequired`` is there
only when it was asked for. The service may add keys; none of these goes within ``/v1``.

Annotations are evaluated at once here, so that ``__required_keys__`` is right.
"""

from typing import Any, Literal, NotRequired, TypedDict

Decision = Literal["assigned", "possible", "not_assigned"]
LanguageOut = Literal["en", "ja", "und"]
Answer = Literal["yes", "no", "unknown"]


class Title(TypedDict):
    """A text in both languages."""

    en: str
    ja: str


class Similar(TypedDict):
    """A training example that a span resembles."""

    id: str
    language: str
    excerpt: str
    similarity: float


class Evidence(TypedDict):
    """A span that carries a score; ``start`` and ``end`` count code points of the section."""

    section: str
    start: int
    end: int
    quote: str
    contribution: float
    definition_phrase: str
    similar_examples: list[Similar]


class Label(TypedDict):
    """A label with its calibrated score in 0..1; sub-items are its children."""

    code: str
    title: Title
    score: float
    decision: Decision
    calibrated: bool
    children: "list[Label]"
    evidence: NotRequired[list[Evidence]]


class TaxonomyLabels(TypedDict):
    """The labels of one taxonomy, best first."""

    id: str
    version: str
    in_force: NotRequired[bool]
    labels: list[Label]


class Warned(TypedDict):
    """Something that a reader of the scores should know."""

    code: str
    message: str


class IpcField(TypedDict):
    """A secret-patent field that the given symbols meet."""

    code: str
    items: list[int]
    symbols: list[str]
    match: Literal["exact", "subgroup"]
    topic_limit: Title | None


class Ipc(TypedDict):
    """What the given IPC symbols meet."""

    edition: str
    fields: list[IpcField]
    malformed: list[str]
    cpc_only: list[str]


class DocumentAnswer(TypedDict):
    """The result for one document."""

    id: str | None
    language: LanguageOut
    tokens_seen: int
    tokens_total: int
    warnings: list[Warned]
    taxonomies: list[TaxonomyLabels]
    ipc: NotRequired[Ipc]


class Model(TypedDict):
    """Which bundle answered."""

    bundle: str
    version: str
    digest: str


class ClassifyAnswer(TypedDict):
    """The answer of ``/v1/classify``, results in input order."""

    results: list[DocumentAnswer]
    model: Model
    notice: Title


class TaxonomySummary(TypedDict):
    """A taxonomy without its labels."""

    id: str
    version: str
    title: Title
    jurisdiction: str
    instrument: Title
    article: str
    authority: Title
    effective_from: str
    as_of: str
    verification: str
    sources: list[str]
    notes: list[str]
    coverage: dict[str, Any]
    in_force: NotRequired[bool]
    n_labels: int
    n_sub_items: int


class Taxonomy(TaxonomySummary):
    """A taxonomy with its labels as ``critech labels show`` prints them."""

    labels: list[dict[str, Any]]


class ModelDescription(Model):
    """The answer of ``/v1/model``."""

    format: int
    encoder: dict[str, Any]
    files: dict[str, dict[str, Any]]
    training: dict[str, Any]
    metrics: dict[str, Any]
    cutoffs: dict[str, dict[str, dict[str, float | None]]]
    flags: dict[str, dict[str, float]]
    screening: dict[str, Any] | None
    certificate: dict[str, Any]
    taxonomies: list[dict[str, str]]
    notice: Title


class Health(TypedDict):
    """The answer of ``/readyz``; ``model`` is absent while the service is not ready."""

    ready: bool
    checks: dict[str, bool]
    model: NotRequired[Model]
