// The table of classified rows: filtered, sorted, a page at a time.

import { data, fill, h } from "../core/dom.js";
import { columns, saveCsv, saveParquet } from "../core/export.js";
import { count, score } from "../core/format.js";
import { chosen } from "../core/table_rows.js";

const PAGE = 50;
const HEADINGS = { row: "dump.row", id: "dump.id", title: "dump.title_column" };
const DECISIONS = ["all", "assigned", "possible", "error"];

/** Return `{element, update}`; `update` shows what the state holds now. */
export function tablePart(desk, state) {
  const show = (state.shown ??= { filter: { words: "", list: "", decision: "all" }, order: { column: "row", down: false }, page: 0 });
  const box = h("div", {});
  const table = { element: h("section", { "aria-label": desk.t("dump.table"), hidden: true }, controls(desk, state, show, () => table.update()), box) };
  table.update = () => {
    table.element.hidden = !state.rows.length;
    if (!state.rows.length) return;
    const rows = chosen([...state.rows], show.filter, show.order);
    show.page = Math.min(show.page, Math.max(0, Math.ceil(rows.length / PAGE) - 1));
    fill(box, pager(desk, show, rows.length, table.update), grid(desk, show, rows, table.update));
  };
  return table;
}

function controls(desk, state, show, update) {
  const { t } = desk;
  const set = (name) => (event) => {
    show.filter[name] = event.target.value;
    show.page = 0;
    update();
  };
  const { lists } = desk.state;
  const rows = () => columns(chosen([...state.rows], show.filter, show.order), lists);
  const choice = (id, name, values) =>
    h("div", { class: "field" }, h("label", { for: id }, t(`dump.${id}`)), h("select", { id, onchange: set(name) }, values.map(([value, words]) => h("option", { value, selected: show.filter[name] === value }, words))));
  return h(
    "div",
    { class: "card" },
    h(
      "div",
      { class: "columns" },
      h("div", { class: "field" }, h("label", { for: "words" }, t("dump.words")), h("input", { id: "words", type: "search", value: show.filter.words, oninput: set("words") })),
      choice("list", "list", [["", t("dump.any_list")], ...lists.map((id) => [id, t(`taxonomy.${id}`)])]),
      choice("decision", "decision", DECISIONS.map((one) => [one, t(`dump.decision.${one}`)])),
    ),
    h(
      "p",
      {},
      h("button", { type: "button", id: "save-csv", onclick: () => saveCsv(rows()) }, t("dump.csv")),
      " ",
      h("button", { type: "button", id: "save-parquet", onclick: () => saveParquet(rows()) }, t("dump.parquet")),
      " ",
      h("span", { class: "hint" }, t("dump.kept")),
    ),
  );
}

function pager({ t, language }, show, total, update) {
  const last = Math.max(0, Math.ceil(total / PAGE) - 1);
  const turn = (by) => () => {
    show.page = Math.min(last, Math.max(0, show.page + by));
    update();
  };
  const words = t("dump.page", { page: count(show.page + 1, language), pages: count(last + 1, language), rows: count(total, language) });
  return h(
    "p",
    { class: "pager" },
    h("button", { type: "button", id: "previous", disabled: show.page === 0, onclick: turn(-1) }, t("dump.previous")),
    " ",
    h("button", { type: "button", id: "next", disabled: show.page === last, onclick: turn(1) }, t("dump.next")),
    " ",
    h("span", { id: "page-of" }, words),
  );
}

function grid(desk, show, rows, update) {
  const { t } = desk;
  const { lists } = desk.state;
  const names = [...Object.keys(HEADINGS), ...lists];
  const here = rows.slice(show.page * PAGE, (show.page + 1) * PAGE);
  return h(
    "div",
    { class: "scroll card", tabindex: "0", role: "group", "aria-label": t("dump.table") },
    h(
      "table",
      { class: "dump" },
      h("thead", {}, h("tr", {}, names.map((name) => heading(t, show, name, update)))),
      h("tbody", {}, here.map((row) => line(desk, row, lists))),
    ),
  );
}

function heading(t, { order }, name, update) {
  const words = t(HEADINGS[name] ?? `taxonomy.${name}`);
  const on = order.column === name;
  const sort = () => {
    Object.assign(order, { column: name, down: on ? !order.down : !(name in HEADINGS) });
    update();
    document.getElementById(`sort-${name}`).focus();
  };
  const sign = on ? (order.down ? " ▼" : " ▲") : "";
  return h(
    "th",
    { scope: "col", "aria-sort": on ? (order.down ? "descending" : "ascending") : "none" },
    h("button", { type: "button", class: "sort", id: `sort-${name}`, onclick: sort }, words, h("span", { "aria-hidden": "true" }, sign)),
  );
}

function line({ t, pick }, row, lists) {
  const cells = row.error
    ? h("td", { colspan: lists.length }, t("dump.error", { status: row.error }), " ", row.known ? t(`dump.why.${row.known}`) : h("span", { lang: "en" }, data(row.why)))
    : lists.map((id) => best(t, pick, row.lists[id]));
  return h("tr", { class: row.error ? "error" : null }, h("td", {}, row.row), h("td", {}, data(row.id)), h("td", {}, data(row.title)), cells);
}

function best(t, pick, found) {
  if (!found?.code || found.decision === "not_assigned") return h("td", { class: "none" }, "–");
  const others = [...found.assigned, ...found.possible].filter((code) => code !== found.code);
  return h(
    "td",
    {},
    `${found.code} `,
    pick(found.title),
    h("br"),
    h("strong", {}, score(found.score)),
    ` ${t(`decision.${found.decision}`)}`,
    others.length ? [h("br"), t("dump.others", { codes: others.join(", ") })] : null,
  );
}
