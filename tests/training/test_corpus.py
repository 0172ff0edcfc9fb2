import json
import re
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from critech.bundle import default_path, read_bundle
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.commands.corpus import run as run_corpus
from critech_training.corpus import (
    CORPUS_DIGEST,
    CORPUS_VERSION,
    HEADS_ONLY,
    CorpusError,
    Record,
    corpus_digest,
    default_corpus_dir,
    default_dev_dir,
    digest,
    is_held_out,
    load_corpus,
    pair_rows,
    strengths,
    tuning_part,
)

TAXONOMIES = load_taxonomies()
ORDER = label_order(list(TAXONOMIES.values()))
GOOD = {
    "id": "a-1",
    "language": "en",
    "register": "abstract",
    "kind": "pos",
    "title": None,
    "text": "A torpedo tube.",
    "labels": {"jp-critical-20:16": 2},
}


REGISTER_MINIMUM = {
    "abstract": 3000, "claim": 800, "shop": 300, "datasheet": 300, "project": 300, "paper": 300,
    "description": 250, "email": 250, "tender": 200,
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> list[Record]:
    return load_corpus(default_corpus_dir(), ORDER)


@pytest.fixture(scope="module")
def dev_set() -> list[Record]:
    return load_corpus(default_dev_dir(), ORDER)


def test_size_languages_and_negatives(corpus: list[Record]) -> None:
    languages = Counter(record.language for record in corpus)
    kinds = Counter(record.kind for record in corpus)
    assert len(corpus) >= 6000
    assert languages["ja"] >= 4000
    assert kinds["hard"] >= 1000
    assert kinds["plain"] >= 1000
    assert sum(record.pair_of is not None for record in corpus) >= 1200


def test_every_register_has_its_share(corpus: list[Record]) -> None:
    registers = Counter(record.register for record in corpus)
    assert {name: n for name, n in REGISTER_MINIMUM.items() if registers[name] < n} == {}


def test_lengths_are_those_of_abstracts(corpus: list[Record]) -> None:
    """25 to 250 words, Japanese 60 to 600 characters, with a little room at both ends."""
    words = {r.id: len(r.text.split()) for r in corpus if r.language == "en"}
    characters = {r.id: len(r.text) for r in corpus if r.language == "ja"}
    assert {i: n for i, n in words.items() if not 20 <= n <= 280} == {}
    assert {i: n for i, n in characters.items() if not 45 <= n <= 620} == {}


def test_every_label_has_thirty_english_and_twenty_japanese_positives(
    corpus: list[Record],
) -> None:
    found = Counter(
        (label, record.language)
        for record in corpus
        for label, strength in record.labels.items()
        if strength == 2
    )
    short = [label for label in ORDER if found[label, "en"] < 30 or found[label, "ja"] < 20]
    assert short == []


def test_every_subtopic_of_the_critical_fields_has_as_many(corpus: list[Record]) -> None:
    found = Counter((key, record.language) for record in corpus for key in record.subtopics)
    wanted = [
        f"{label.code}.{number}"
        for label in TAXONOMIES["jp-critical-20"].labels
        for number in range(1, len(label.subtopics) + 1)
    ]
    assert [key for key in wanted if found[key, "en"] < 30 or found[key, "ja"] < 20] == []
    assert {key for key, _ in found} <= set(wanted)


def test_the_dev_sets_are_paired_and_apart_from_the_corpus(
    corpus: list[Record], dev_set: list[Record]
) -> None:
    languages = Counter(r.language for r in dev_set if r.register == "abstract")
    assert languages["en"] == languages["ja"] >= 150
    assert sum(record.register != "abstract" for record in dev_set) >= 150
    assert not {record.id for record in corpus} & {record.id for record in dev_set}
    by_id = {record.id: record for record in dev_set}
    for record in dev_set:
        if record.pair_of is not None:
            assert record.labels == by_id[record.pair_of].labels, record.id


def test_cosine_finds_no_near_duplicates(corpus: list[Record], dev_set: list[Record]) -> None:
    """No two texts, of corpus and dev sets together, are above 0.9 in TF-IDF of characters."""
    texts = [*corpus, *dev_set]
    features = TfidfVectorizer(
        analyzer="char", ngram_range=(4, 4), min_df=2, sublinear_tf=True, dtype=np.float32
    ).fit_transform([record.text for record in texts])
    for start in range(0, len(texts), 500):
        cosines = (features[start : start + 500] @ features.T).tocoo()
        close = cosines.data > 0.9
        pairs = zip(cosines.row[close] + start, cosines.col[close], strict=True)
        assert [(texts[a].id, texts[b].id) for a, b in pairs if a < b] == []


def test_plain_negatives_are_plain(corpus: list[Record]) -> None:
    wrong = [r.id for r in corpus if r.kind == "plain" and 2 in r.labels.values()]
    assert wrong == []


def test_plain_negatives_spread_over_all_ipc_sections(corpus: list[Record]) -> None:
    path = default_corpus_dir().with_name("plain_sections.tsv")
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert [id_ for id_, _ in rows] == sorted(
        r.id for r in corpus if r.kind == "plain" and r.pair_of is None
    )
    found = Counter(section for _, section in rows)
    assert sorted(found) == list("ABCDEFGH")
    assert min(found.values()) >= 90


def test_pairs_have_the_same_labels_and_stay_together(corpus: list[Record]) -> None:
    by_id = {record.id: record for record in corpus}
    pairs = [(by_id[record.pair_of], record) for record in corpus if record.pair_of]
    assert len(pairs) >= 500
    for source, translation in pairs:
        assert (source.language, translation.language) == ("en", "ja"), translation.id
        assert source.labels == translation.labels, translation.id
        assert is_held_out(source) == is_held_out(translation), translation.id


# titles that are the plain name of the thing itself, and the share of texts that may say it
PLAIN_NAMES = {
    "jp-secret-patent-25:22": 0.45,  # heavy water
    "jp-critical-20:18": 0.2,  # hypersonic
    "us-ecra-14:02.iii": 0.15,  # reinforcement learning
    "us-ecra-14:02.viii": 0.06,  # planning
    "us-ecra-14:06.i": 0.06,  # visualization
    "us-ecra-14:07.ii": 0.06,  # quantum encryption
}


def test_hardly_a_text_names_the_title_of_its_label(corpus: list[Record]) -> None:
    """None in the narrow lists, but for heavy water; elsewhere at most one in 50, but for titles
    that are the plain name of a thing."""
    titles = {
        label.id: (label.title.en.lower(), label.title.ja)
        for taxonomy in TAXONOMIES.values()
        for label in taxonomy.labels
    }
    texts, named = Counter[str](), Counter[str]()
    for record in corpus:
        for label in record.labels:
            texts[label] += 1
            named[label] += any(title in record.text.lower() for title in titles[label])
    narrow = ("jp-secret-patent-25", "jp-kprogram-50")
    allowed = {label: 0.0 if label.startswith(narrow) else 0.02 for label in titles} | PLAIN_NAMES
    assert {x: n for x, n in named.items() if n > allowed[x] * texts[x]} == {}


def test_no_two_texts_are_nearly_the_same(corpus: list[Record], dev_set: list[Record]) -> None:
    """No pair of texts, dev sets and all, shares 0.6 of the shorter one's 8-character shingles.

    A quarter of the shingles, chosen by checksum and so alike in all texts, finds the candidates;
    frequent ones (boilerplate) find none.
    """
    shingles = []
    places = defaultdict(list)
    records = [*corpus, *dev_set]
    for row, record in enumerate(records):
        text = re.sub(r"\s+", " ", record.text.lower())
        found = {text[i : i + 8] for i in range(max(1, len(text) - 7))}
        shingles.append(found)
        for shingle in found:
            if zlib.crc32(shingle.encode()) % 4 == 0:
                places[shingle].append(row)
    shared: Counter[tuple[int, int]] = Counter()
    for rows in places.values():
        if len(rows) <= 20:
            shared.update((a, b) for i, a in enumerate(rows) for b in rows[i + 1 :])
    close = [
        (records[a].id, records[b].id)
        for (a, b), count in shared.items()
        if count > 2
        and len(shingles[a] & shingles[b]) > 0.6 * min(len(shingles[a]), len(shingles[b]))
    ]
    assert close == []


def test_about_an_eighth_is_held_out(corpus: list[Record]) -> None:
    share = sum(map(is_held_out, corpus)) / len(corpus)
    assert 0.09 < share < 0.15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"language": "de"}, "language is none of"),
        ({"register": "poem"}, "register is none of"),
        ({"kind": "odd"}, "kind is none of"),
        ({"text": " "}, "text is empty"),
        ({"labels": {"jp-critical-20:21": 2}}, "unknown label"),
        ({"labels": {"jp-critical-20:16": 3}}, "the strength of jp-critical-20:16"),
        ({"labels": {"us-ecra-14:02.iv": 2, "us-ecra-14:02": 1}}, "stronger than its category"),
        ({"pair_of": "a-9"}, "pair_of 'a-9' does not exist"),
        ({"subtopics": ["10.1"]}, "sub-topic 10.1 without jp-critical-20:10 at 2"),
        ({"colour": "red"}, "has not the fields"),
        ({"text": None}, "text is of a wrong type"),
        ({"labels": None}, "labels is of a wrong type"),
        ({"subtopics": None}, "subtopics is of a wrong type"),
        ({"subtopics": [10.1]}, "subtopics is of a wrong type"),
    ],
)
def test_bad_records_are_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    (tmp_path / "part.jsonl").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(CorpusError, match=re.escape(message)):
        load_corpus(tmp_path, ORDER)


def test_repeats_and_emptiness_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no records"):
        load_corpus(tmp_path, ORDER)
    (tmp_path / "part.jsonl").write_text("\n".join([json.dumps(GOOD)] * 2))
    with pytest.raises(CorpusError, match=r"repeated ids: \['a-1'\]"):
        load_corpus(tmp_path, ORDER)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "part.jsonl").write_bytes(
        json.dumps({**GOOD, "text": "魚雷"}, ensure_ascii=False).encode("cp932")
    )
    with pytest.raises(CorpusError, match=r"part\.jsonl: is not UTF-8"):
        load_corpus(tmp_path, ORDER)


def test_the_shipped_encoder_was_tuned_on_the_part_for_tuning(corpus: list[Record]) -> None:
    tuned = tuning_part(corpus)
    assert {r.source for r in corpus} - {r.source for r in tuned} == HEADS_ONLY
    made = read_bundle(default_path()).manifest["training"]
    assert made["corpus_digest"] == corpus_digest(corpus)
    assert made["encoder"]["corpus_digest"] == corpus_digest(tuned)
    assert made["encoder"]["n_texts"] == sum(not is_held_out(record) for record in tuned)


def test_another_corpus_is_tuned_on_as_a_whole() -> None:
    other = [Record(**{**GOOD, "id": "va-1"}), Record(**{**GOOD, "id": "b-1"})]
    assert tuning_part(other) == other


def test_the_version_names_this_corpus(corpus: list[Record]) -> None:
    """Whoever changes a text gives the corpus another version and digest."""
    assert corpus_digest(corpus) == CORPUS_DIGEST


def test_the_counts_of_another_corpus_bear_no_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "part.jsonl").write_text(json.dumps(GOOD))
    assert run_corpus(["--corpus", str(tmp_path)]) == 0
    digest = corpus_digest(load_corpus(tmp_path, ORDER))
    assert capsys.readouterr().out.startswith(f"another corpus, {digest}\ntexts 1, pairs 0\n")


def test_the_counts_of_the_corpus_bear_its_version(
    corpus: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_corpus([]) == 0
    expected = f"corpus version {CORPUS_VERSION}, {CORPUS_DIGEST}\ntexts {len(corpus)}, "
    assert capsys.readouterr().out.startswith(expected)


def test_strengths_pairs_and_digest() -> None:
    source = Record(**GOOD)  # type: ignore[arg-type]
    translation = Record(**{**GOOD, "id": "a-2", "language": "ja", "pair_of": "a-1"})  # type: ignore[arg-type]
    other = Record(**{**GOOD, "id": "a-3", "labels": {}})  # type: ignore[arg-type]
    matrix = strengths([source.labels, other.labels], ORDER)
    assert matrix.shape == (2, 155)
    assert matrix[0].tolist().index(2) == ORDER.index("jp-critical-20:16")
    assert matrix[1].sum() == 0
    assert pair_rows([source, other, translation]).tolist() == [2, -1, 0]
    assert digest([source]) == digest([Record(**GOOD)])  # type: ignore[arg-type]
    assert digest([source]) != digest([other])
