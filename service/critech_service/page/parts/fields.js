// The fields for which rule or text speaks: rule, text and fused score side by side.

import { data, h, s } from "../core/dom.js";
import { cited, score } from "../core/format.js";

const TAXONOMY = "jp-secret-patent-25";

/** Return the part with the table of fields; definition and citations open on demand. */
export function fieldsPart(desk, { result }) {
  const { t } = desk;
  const columns = ["field", "rule", "text", "fused", "condition", "outcome"];
  if (!result.fields.length)
    return h("section", { class: "card" }, h("h2", {}, t("fields.title")), h("p", {}, t("fields.none")));
  return h(
    "section",
    { class: "card fields", "aria-labelledby": "fields" },
    h("h2", { id: "fields" }, t("fields.title")),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "fields" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, t(`fields.${name}`))))),
        h("tbody", {}, result.fields.map((field) => row(desk, field))),
      ),
    ),
    result.fields.map((field) => more(desk, field)),
  );
}

function row(desk, field) {
  const { t, pick } = desk;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, `${field.code} `, pick(field.title)),
    h("td", {}, ruleWords(t, field.ipc_rule)),
    h("td", {}, bar(field.text.score, field.text.cutoff), t(`decision.${field.text.decision}`), field.text.calibrated ? null : h("small", {}, ` ${t("fields.thin")}`)),
    h("td", {}, bar(field.fused.probability), t(`basis.${field.fused.basis}`)),
    h("td", {}, t(`condition.${field.additional_condition.state}`)),
    h("td", {}, h("span", { class: `badge small ${field.outcome}` }, t(`outcome.${field.outcome}`)), field.conflict ? h("small", {}, t(`conflict.${field.conflict}`)) : null),
  );
}

function ruleWords(t, rule) {
  const words = t(`rule.${rule.met}`);
  const symbols = rule.symbols.length ? [h("br"), data(rule.symbols.join("; "))] : null;
  const items = rule.items.length ? [h("br"), t("fields.items", { items: rule.items.join(", ") })] : null;
  return [words, symbols, items];
}

/** Return a score as a number and a bar; `cutoff` is a mark on it. */
export function bar(value, cutoff = null) {
  if (value === null || value === undefined) return score(value);
  return h(
    "span",
    { class: "score" },
    s(
      "svg",
      { viewBox: "0 0 100 8", class: "bar", "aria-hidden": "true", preserveAspectRatio: "none" },
      s("rect", { class: "track", width: 100, height: 8 }),
      s("rect", { class: "level", width: 100 * value, height: 8 }),
      cutoff === null ? null : s("rect", { class: "cutoff", x: 100 * cutoff, width: 0.8, height: 8 }),
    ),
    score(value),
  );
}

function more(desk, field) {
  const { t, pick } = desk;
  const box = h("div");
  const open = async (event) => {
    if (!event.target.open || box.childElementCount) return;
    box.append(await definition(desk, `/v1/taxonomies/${TAXONOMY}/labels/${field.code}`));
  };
  const limit = field.ipc_rule.topic_limit;
  return h(
    "details",
    { class: "no-print", ontoggle: open },
    h("summary", {}, t("fields.more", { code: field.code, title: pick(field.title) })),
    box,
    limit ? h("p", {}, t(`fields.topic.${limit.state}`), " ", pick(limit)) : null,
    h("p", {}, t("fields.citations"), " ", cited(desk, field.citations)),
    h("p", {}, t("fields.fusion"), " ", h("span", { lang: "en" }, data(field.fused.rule))),
    certificate(t, field.text.certificate),
  );
}

function certificate(t, found) {
  if (!found) return null;
  const bound = found.lower_bound.toFixed(3);
  return h("p", {}, t(`fields.certificate.${found.status}`, { ...found, bound }));
}

/** Return a label's definition and source, asked of the service. */
export async function definition(desk, path) {
  const { t, pick, api } = desk;
  const label = await api.get(path);
  return h(
    "div",
    {},
    h("p", { class: "definition" }, data(pick(label.definition))),
    h("p", { class: "hint" }, t("label.source"), " ", h("span", { lang: "en" }, data(label.source ?? ""))),
  );
}
