// The same text against the other three taxonomies, with their hierarchy.

import { h } from "../core/dom.js";
import { problemWords } from "../core/problem.js";
import { bar, definition } from "./fields.js";

/** Return the part with the best labels of each list, sub-items under their category, or with why
 * there are none. */
export function listsPart(desk, { lists, listsRefused }) {
  const { t } = desk;
  return h(
    "section",
    { class: "card lists", "aria-labelledby": "lists" },
    h("h2", { id: "lists" }, t("lists.title")),
    lists
      ? h("div", { class: "columns" }, lists.taxonomies.map((list) => one(desk, list)))
      : h("p", {}, t("lists.missing"), " ", problemWords(t, listsRefused)),
  );
}

function one(desk, list) {
  const { t } = desk;
  const named = list.labels.filter((label) => label.decision !== "not_assigned");
  return h(
    "div",
    {},
    h("h3", {}, t(`taxonomy.${list.id}`)),
    h("p", { class: "hint" }, `${list.id} ${list.version}`),
    named.length ? branch(desk, list, named) : h("p", {}, t("lists.none")),
  );
}

function branch(desk, list, labels) {
  return h("ul", { class: "branch" }, labels.map((label) => item(desk, list, label)));
}

function item(desk, list, label) {
  const { t, pick } = desk;
  const box = h("div");
  const open = async (event) => {
    if (!event.target.open || box.childElementCount) return;
    box.append(await definition(desk, `/v1/taxonomies/${list.id}/labels/${label.code}`));
  };
  const children = label.children.filter((child) => child.decision !== "not_assigned");
  return h(
    "li",
    {},
    h("p", {}, h("strong", {}, `${label.code} `, pick(label.title)), " ", bar(label.score), " ", t(`decision.${label.decision}`)),
    h("details", { class: "no-print", ontoggle: open }, h("summary", {}, t("lists.definition", { code: label.code })), box),
    children.length ? branch(desk, list, children) : null,
  );
}
