// Every label of a list: how many training texts it has, and for the 25 fields what screening holds.

import { fill, h } from "../core/dom.js";
import { labelLink } from "../core/taxonomies.js";

const FIELDS = "jp-secret-patent-25";

/** Return a choice of list and the table of its labels. */
export function labelsTable(desk, model, known) {
  const { t } = desk;
  const box = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "model-labels" });
  const show = (id) => fill(box, table(desk, model, known.get(id)));
  show(FIELDS);
  const choice = h("select", { id: "labels-of", onchange: (event) => show(event.target.value) }, [...known.keys()].map((id) => h("option", { value: id, selected: id === FIELDS }, t(`taxonomy.${id}`))));
  return [h("p", {}, h("label", { for: "labels-of" }, t("dump.list")), " ", choice), h("p", { class: "hint" }, t("model.labels.means")), box];
}

function table(desk, { training, screening }, taxonomy) {
  const { t } = desk;
  const certified = taxonomy.id === FIELDS && screening?.certificate;
  const columns = ["label", "texts_en", "texts_ja", ...(certified ? ["bound_en", "bound_ja"] : [])];
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col", class: name === "label" ? null : "number" }, t(`model.${name}`))))),
    h("tbody", {}, taxonomy.labels.map((label) => row(desk, taxonomy.id, label, training.positives ?? {}, certified))),
  );
}

function row(desk, list, label, positives, certified) {
  const { t, pick } = desk;
  const id = `${list}:${label.code}`;
  const own = positives[id] ?? {};
  const bound = (language) => {
    const entry = certified.entries.find((one) => one.label === id && one.language === language);
    if (!entry) return "–";
    return t("model.bound_of", { bound: entry.lower_bound.toFixed(2), found: entry.positives - entry.misses, positives: entry.positives });
  };
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: labelLink(id) }, `${label.code} `, pick(label.title))),
    ["en", "ja"].map((language) => h("td", { class: "number" }, own[language] ?? "–")),
    certified ? ["en", "ja"].map((language) => h("td", { class: "number" }, bound(language))) : null,
  );
}
