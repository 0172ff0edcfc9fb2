// Correspondences between the taxonomies, drawn, and as a table for those who do not see the picture.

import { data, h, s } from "../core/dom.js";
import { labelLink, labelOf } from "../core/taxonomies.js";

const WIDTH = 960;
const LEFT = 380;
const RIGHT = 580;
const STEP = 24;
const LONGEST = { en: 52, ja: 27 };
const SIGNS = { exact: "=", narrow: "⊃", broad: "⊂", related: "~" };

/** Return the view of all links between two taxonomies that the reader chooses. */
export function crosswalkPart(desk, known, links, first, second) {
  const { t, pick } = desk;
  const ids = [...known.keys()];
  const from = ids.includes(first) ? first : "jp-secret-patent-25";
  const to = ids.includes(second) && second !== from ? second : ids.find((id) => id !== from);
  const own = links.entries.flatMap((one) => between(one, from, to));
  const choice = (id, value, go) =>
    h("div", { class: "field" }, h("label", { for: id }, t(`crosswalk.${id}`)), h("select", { id, onchange: (event) => { location.hash = go(event.target.value); } }, ids.map((one) => h("option", { value: one, selected: one === value }, t(`taxonomy.${one}`)))));
  return [
    h("p", {}, h("a", { href: "#/explore" }, t("explore.back"))),
    h("h1", {}, t("crosswalk.all")),
    h("p", { class: "lead" }, pick(links.notice)),
    h("div", { class: "card columns" }, choice("from", from, (one) => `#/explore/crosswalk/${one}/${to}`), choice("to", to, (one) => `#/explore/crosswalk/${from}/${one}`)),
    h("section", { class: "card", "aria-label": t("crosswalk.title") }, legend(t), own.length ? [picture(desk, known, own), linkTable(desk, known, own)] : h("p", {}, t("crosswalk.none"))),
  ];
}

function between(entry, from, to) {
  const of = (id) => id.split(":")[0];
  if (of(entry.source) === from && of(entry.target) === to) return [entry];
  if (of(entry.source) !== to || of(entry.target) !== from) return [];
  const relation = { narrow: "broad", broad: "narrow" }[entry.relation] ?? entry.relation;
  return [{ ...entry, source: entry.target, target: entry.source, relation }];
}

function legend(t) {
  return h("p", { class: "hint" }, Object.entries(SIGNS).map(([name, sign]) => h("span", { class: "legend" }, `${sign} `, t(`relation.${name}`))));
}

/** Return links as lines between two columns of labels, each of which leads to its page. */
export function picture(desk, known, links) {
  const { t } = desk;
  const side = (name) => [...new Set(links.map((one) => one[name]))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const [left, right] = [side("source"), side("target")];
  const many = new Set(right.map((id) => id.split(":")[0])).size > 1;
  const rows = Math.max(left.length, right.length);
  const y = (list, id) => STEP * (0.5 + list.indexOf(id) + (rows - list.length) / 2);
  const lines = links.map((one) => line(one, y(left, one.source), y(right, one.target)));
  const over = (id, on) => {
    for (const one of lines) one.classList.toggle("on", on && (one.dataset.from === id || one.dataset.to === id));
  };
  const node = (id, at, end) => {
    const x = end ? RIGHT + 8 : LEFT - 8;
    const link = s("a", { href: labelLink(id) }, s("text", { x, y: at + 4, "text-anchor": end ? "start" : "end" }, short(desk, known, id, end && many)));
    for (const [event, on] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]])
      link.addEventListener(event, () => over(id, on));
    return link;
  };
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": t("crosswalk.picture") },
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${rows * STEP}`, class: "crosswalk" },
      lines,
      left.map((id) => node(id, y(left, id), false)),
      right.map((id) => node(id, y(right, id), true)),
    ),
  );
}

function line(link, from, to) {
  const middle = (LEFT + RIGHT) / 2;
  return s(
    "g",
    { class: `link ${link.relation}`, "data-from": link.source, "data-to": link.target },
    s("path", { d: `M${LEFT} ${from}C${middle} ${from} ${middle} ${to} ${RIGHT} ${to}` }),
    s("text", { x: RIGHT - 16, y: to - 3, "text-anchor": "middle", "aria-hidden": "true" }, SIGNS[link.relation]),
  );
}

/** Return code and title, cut to the room there is; `whole` has the list before the code. */
function short({ pick, language }, known, id, whole) {
  const label = labelOf(known, id);
  const title = [...`${whole ? id : id.split(":")[1]} ${label ? pick(label.title) : ""}`];
  const longest = LONGEST[language];
  return title.length > longest ? `${title.slice(0, longest - 1).join("")}…` : title.join("");
}

/** Return the links as a table, with why. */
export function linkTable(desk, known, links) {
  const { t, pick } = desk;
  const name = (id) => {
    const label = labelOf(known, id);
    return h("a", { href: labelLink(id) }, data(id), " ", label ? pick(label.title) : null);
  };
  const row = (one) =>
    h("tr", {}, h("td", {}, name(one.source)), h("td", {}, `${SIGNS[one.relation]} `, t(`relation.${one.relation}`)), h("td", {}, name(one.target)), h("td", {}, pick(one.why), " ", h("small", {}, t("crosswalk.confidence", { value: one.confidence.toFixed(2) }))));
  return h(
    "details",
    {},
    h("summary", {}, t("crosswalk.table")),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": t("crosswalk.table") },
      h("table", {}, h("thead", {}, h("tr", {}, ["source", "relation", "target", "why"].map((one) => h("th", { scope: "col" }, t(`crosswalk.${one}`))))), h("tbody", {}, links.map(row))),
    ),
  );
}
