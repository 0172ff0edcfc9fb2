// The text as given, with the spans that carry a score marked, and what stands behind each span.

import { fill, h, visible, data } from "../core/dom.js";
import { segments } from "../core/codepoints.js";
import { TEXTS } from "../core/filing.js";

const SHOWN = ["title", ...TEXTS.slice(1)];

/** Return the part with the marked text and the list of spans of the label chosen. */
export function evidencePart(desk, found) {
  const { t } = desk;
  const choices = labelled(desk, found);
  const texts = h("div", { class: "texts" });
  const list = h("ol", { class: "spans" });
  const show = (chosen) => {
    const spans = numbered(choices[chosen]?.evidence ?? [], found);
    fill(texts, SHOWN.filter((name) => found.filing[name]).map((name) => marked(desk, found, name, spans)));
    fill(list, spans.length ? spans.map((span) => spanItem(desk, span)) : h("li", { class: "none" }, t("evidence.none")));
  };
  show(0);
  return h(
    "section",
    { class: "card evidence", "aria-labelledby": "evidence" },
    h("h2", { id: "evidence" }, t("evidence.title")),
    h("p", { class: "no-print" }, h("label", { for: "evidence-of" }, t("evidence.of")), " ", chooser(choices, show)),
    h("p", { class: "hint no-print" }, t("evidence.hint")),
    h("div", { class: "side-by-side" }, texts, list),
  );
}

function chooser(choices, show) {
  return h(
    "select",
    { id: "evidence-of", onchange: (event) => show(Number(event.target.value)) },
    choices.map((one, n) => h("option", { value: n }, one.name)),
  );
}

/** Return every label with evidence, fields of the order first, then those of the other lists. */
function labelled(desk, { result, lists }) {
  const { t, pick } = desk;
  const fields = result.fields.map((one) => ({
    name: `${t("field.number", { code: one.code })} ${pick(one.title)}`,
    evidence: one.evidence ?? [],
  }));
  const others = (lists?.taxonomies ?? []).flatMap((list) =>
    list.labels.flatMap((label) => [label, ...label.children])
      .filter((label) => label.evidence?.length)
      .map((label) => ({ name: `${list.id}:${label.code} ${pick(label.title)}`, evidence: label.evidence })),
  );
  return [...fields, ...others];
}

/** Return spans with a number, placed in the sections of the filing: the other lists read all
 * sections after the title as one text. */
function numbered(evidence, { read }) {
  return evidence.map((span, n) => ({ ...span, number: n + 1, ...placed(span, read.starts) }));
}

function placed(span, starts) {
  if (span.section !== "text") return {};
  const before = Object.entries(starts).filter(([, start]) => start <= span.start);
  const [section, start] = before[before.length - 1];
  return { section, start: span.start - start, end: span.end - start };
}

function marked(desk, { filing }, name, spans) {
  const { t } = desk;
  const own = spans.filter((span) => span.section === name);
  const strongest = Math.max(...spans.map((span) => span.contribution), 0.0001);
  const parts = segments(filing[name], own).map((part) => {
    if (!part.over.length) return visible(part.text);
    const over = part.over.map((n) => own[n]);
    const share = Math.max(...over.map((span) => span.contribution)) / strongest;
    const numbers = over.map((span) => span.number).join(",");
    const level = share > 0.66 ? 3 : share > 0.33 ? 2 : 1;
    return h("mark", { class: `level-${level}`, "data-spans": numbers }, visible(part.text), h("sup", {}, numbers));
  });
  return h("div", { class: "text-section" }, h("h3", {}, t(`field.${name}`)), h("bdi", { class: "given", dir: "auto", "data-section": name }, parts));
}

function spanItem(desk, span) {
  const { t } = desk;
  const examples = span.similar_examples.map((one) =>
    h("li", { lang: one.language }, data(one.excerpt), " ", h("small", {}, t("evidence.similarity", { id: one.id, similarity: one.similarity.toFixed(2) }))),
  );
  return h(
    "li",
    { value: span.number },
    h("blockquote", {}, data(span.quote)),
    h("p", {}, t("evidence.contribution"), " ", h("strong", {}, span.contribution.toFixed(3))),
    span.definition_phrase ? h("p", {}, t("evidence.phrase"), " ", data(span.definition_phrase)) : null,
    examples.length
      ? h("details", { class: "no-print" }, h("summary", {}, t("evidence.examples")), h("ul", {}, examples))
      : null,
  );
}
