// View: the taxonomies as trees, search in both languages, label pages, the crosswalk.

import { data, fill, h } from "../core/dom.js";
import { cited, verified } from "../core/format.js";
import { crosswalk, found, labelLink, labelOf, taxonomies } from "../core/taxonomies.js";
import { crosswalkPart } from "../parts/crosswalk.js";
import { labelPart } from "../parts/label.js";

const MAX_FOUND = 60;

/** Return the trees, or what the rest of the address names: a label, or the crosswalk. */
export async function view(desk, [first, second, third]) {
  const { t } = desk;
  const [known, links] = await Promise.all([taxonomies(desk), crosswalk(desk)]);
  if (first === "crosswalk") return crosswalkPart(desk, known, links, second, third);
  const label = first && labelOf(known, `${first}:${second}`);
  if (label) return labelPart(desk, known, links, known.get(first), label);
  const results = h("div", { role: "status" });
  const trees = h("div", {}, [...known.values()].map((one) => tree(desk, one)));
  const search = (words) => {
    desk.state.search = words;
    trees.hidden = Boolean(words.trim());
    fill(results, words.trim() ? hits(desk, found(known, words)) : null);
  };
  const box = h("input", { id: "search", type: "search", value: desk.state.search ?? "", oninput: (event) => search(event.target.value) });
  search(box.value);
  return [
    h("h1", {}, t("explore.title")),
    h("p", { class: "lead" }, t("explore.lead")),
    h("div", { class: "card" }, h("label", { for: "search" }, t("explore.search")), h("div", { class: "field" }, box), h("p", {}, h("a", { href: "#/explore/crosswalk" }, t("crosswalk.all")))),
    results,
    trees,
  ];
}

function hits(desk, list) {
  const { t, pick } = desk;
  const items = list.slice(0, MAX_FOUND).map(([taxonomy, label]) => {
    const id = `${taxonomy.id}:${label.code}`;
    return h("li", {}, h("a", { href: labelLink(id) }, `${label.code} `, pick(label.title)), " ", h("small", {}, t(`taxonomy.${taxonomy.id}`)));
  });
  return h("div", { class: "card" }, h("p", {}, t("explore.found", { n: list.length })), h("ul", {}, items));
}

function tree(desk, taxonomy) {
  const { t, pick } = desk;
  const top = taxonomy.labels.filter((label) => !label.parent);
  const below = (code) => taxonomy.labels.filter((label) => label.parent === code);
  const item = (label) => h("li", {}, h("a", { href: labelLink(`${taxonomy.id}:${label.code}`) }, `${label.code} `, pick(label.title)));
  const branch = (label) => {
    const children = below(label.code);
    if (!children.length) return item(label);
    const node = item(label);
    node.append(h("ul", {}, children.map(item)));
    return node;
  };
  const rows = [
    ["instrument", pick(taxonomy.instrument)],
    ["article", cited(desk, taxonomy.article)],
    ["authority", pick(taxonomy.authority)],
    ["version", taxonomy.version],
    ["as_of", taxonomy.as_of],
    ["coverage", pick(taxonomy.coverage?.text)],
    ["verification", verified(desk, taxonomy.id, taxonomy.version, taxonomy.verification)],
    ["sources", h("span", { lang: "en" }, data(taxonomy.sources.join("; ")))],
  ];
  return h(
    "details",
    { class: "card tree", "data-taxonomy": taxonomy.id },
    h("summary", {}, h("h2", {}, pick(taxonomy.title))),
    h("ul", {}, top.map(branch)),
    h("details", {}, h("summary", {}, t("explore.about")), h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, t(`explore.${name}`)), h("dd", {}, value))))),
  );
}
