// The page of one label: definition, words, IPC items, source, and its counterparts as a picture.

import { data, h } from "../core/dom.js";
import { labelLink } from "../core/taxonomies.js";
import { linkTable, picture } from "./crosswalk.js";

const TITLES = ["verbatim", "provisional"];

/** Return the parts of a label's page. */
export function labelPart(desk, known, links, taxonomy, label) {
  const { t, pick, language } = desk;
  const id = `${taxonomy.id}:${label.code}`;
  const other = language === "ja" ? "en" : "ja";
  const parent = label.parent && taxonomy.labels.find((one) => one.code === label.parent);
  const children = taxonomy.labels.filter((one) => one.parent === label.code);
  const own = links.entries.flatMap((entry) => turned(entry, id));
  const without = links.unmatched.find((one) => one.label === id);
  return [
    h("p", {}, h("a", { href: "#/explore" }, t("explore.back"))),
    h("h1", {}, `${label.code} `, pick(label.title)),
    h("p", { class: "lead", lang: other }, label.title[other]),
    h(
      "section",
      { class: "card", "aria-label": t("label.title") },
      h("p", { class: "definition" }, data(pick(label.definition))),
      h("dl", {}, facts(desk, taxonomy, label, parent, children).map(([name, value]) => h("div", {}, h("dt", {}, t(`label.${name}`)), h("dd", {}, value)))),
    ),
    h(
      "section",
      { class: "card", "aria-labelledby": "counterparts" },
      h("h2", { id: "counterparts" }, t("crosswalk.title")),
      own.length ? [picture(desk, known, own), linkTable(desk, known, own)] : h("p", {}, without ? pick(without.why) : t("crosswalk.none")),
      h("p", { class: "hint" }, pick(links.notice)),
    ),
  ];
}

const TURNED = { narrow: "broad", broad: "narrow" };

/** Return a link as seen from one of its ends. */
function turned(entry, id) {
  if (entry.source === id) return [entry];
  if (entry.target !== id) return [];
  return [{ ...entry, source: id, target: entry.source, relation: TURNED[entry.relation] ?? entry.relation }];
}

function facts(desk, taxonomy, label, parent, children) {
  const { t, pick } = desk;
  const link = (one) => h("a", { href: labelLink(`${taxonomy.id}:${one.code}`) }, `${one.code} `, pick(one.title));
  const status = TITLES.includes(label.title_status?.[desk.language]) ? t(`label.status.${label.title_status[desk.language]}`) : null;
  const rows = [
    ["list", [t(`taxonomy.${taxonomy.id}`), " ", h("small", {}, `${taxonomy.id} ${taxonomy.version}`)]],
    ["parent", parent && link(parent)],
    ["children", children.length ? h("ul", {}, children.map((one) => h("li", {}, link(one)))) : null],
    ["ipc", label.ipc_rules?.length ? rules(desk, label) : null],
    ["condition", label.additional_condition ? t("answer.yes") : null],
    ["aliases", list(desk, label.aliases)],
    ["terms", list(desk, label.terms)],
    ["subtopics", list(desk, label.subtopics)],
    ["since", label.effective_from],
    ["status", status],
    ["source", h("span", { lang: "en" }, data(label.source ?? ""))],
    ["note", label.note ? h("span", { lang: "en" }, data(label.note)) : null],
  ];
  return rows.filter(([, value]) => value);
}

function list({ pick, t }, words) {
  const found = Array.isArray(words) ? words.map((one) => (typeof one === "string" ? one : pick(one))) : pick(words);
  return found?.length ? data([found].flat().join(t("list.comma"))) : null;
}

/** Return the items of the order: symbols of which one of each group has to be given. */
function rules({ t }, label) {
  return h(
    "ul",
    {},
    label.ipc_rules.map((rule) =>
      h("li", {}, t("label.item", { item: rule.order_item }), " ", data(rule.all_of.map((any) => any.join(" / ")).join(" + "))),
    ),
  );
}
