// View: a file of many documents through the stream route, as a table.

import { data, fill, h } from "../core/dom.js";
import { count } from "../core/format.js";
import { problemBox } from "../core/problem.js";
import { PARTS, documents, inspected } from "../core/rows.js";
import { classified } from "../core/stream.js";
import { kept } from "../core/table_rows.js";
import { tablePart } from "../parts/dump_table.js";

const REDRAW_MS = 400;

/** Return the view. A run goes on while the reader looks elsewhere or changes the language. */
export async function view(desk) {
  const { t } = desk;
  const state = (desk.state.dump ??= { file: null, found: null, rows: [], run: null, error: null });
  desk.state.lists ??= (await desk.api.get("/v1/taxonomies")).taxonomies.map((one) => one.id);
  const set = h("div", {});
  const progress = h("div", {});
  const table = tablePart(desk, state);
  state.changed = (whole) => {
    if (whole) fill(set, settings(desk, state));
    fill(progress, state.error ? problemBox(desk, state.error) : null, progressLine(desk, state));
    table.update();
  };
  state.changed(true);
  return [
    h("h1", {}, t("dump.title")),
    h("p", { class: "lead" }, t("dump.lead")),
    dropZone(desk, state),
    set,
    progress,
    table.element,
  ];
}

function dropZone(desk, state) {
  const { t } = desk;
  const take = async (file) => {
    if (!file || state.run) return;
    Object.assign(state, { file, found: await inspected(file), rows: [], error: null, read: null });
    state.changed(true);
  };
  return h(
    "div",
    {
      class: "card drop",
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => {
        event.preventDefault();
        take(event.dataTransfer.files[0]);
      },
    },
    h("input", { id: "dump-file", class: "visually-hidden", type: "file", accept: ".csv,.tsv,.jsonl,.ndjson,.txt", onchange: (event) => take(event.target.files[0]) }),
    h("label", { for: "dump-file", class: "button" }, t("dump.choose")),
    " ",
    h("span", { class: "hint" }, t("dump.form")),
  );
}

function settings(desk, state) {
  const { t } = desk;
  const { file, found, run } = state;
  if (!file) return null;
  if (found.refused) {
    return h("div", { class: "problem", role: "alert" }, h("strong", {}, data(file.name)), ": ", t(`dump.refused.${found.refused}`));
  }
  const choice = (part) => {
    const id = `column-${part}`;
    const options = [h("option", { value: -1 }, t("dump.no_column")), ...found.columns.map((name, n) => h("option", { value: n, selected: found.mapping[part] === n }, data(name)))];
    return h("div", { class: "field" }, h("label", { for: id }, t(`dump.column.${part}`)), h("select", { id, onchange: (event) => choose(event, part) }, options));
  };
  const start = h("button", { type: "button", id: "start", class: "primary", disabled: Boolean(run), onclick: () => begin(desk, state) }, t("dump.start"));
  const choose = (event, part) => {
    found.mapping[part] = Number(event.target.value);
    start.disabled = found.mapping.text < 0;
  };
  if (found.kind === "csv" && found.mapping.text < 0) start.disabled = true;
  return h(
    "div",
    { class: "card" },
    h("p", {}, h("strong", {}, data(file.name)), " ", t("dump.read_as", { kind: found.kind.toUpperCase(), encoding: found.encoding.toUpperCase() })),
    found.kind === "csv" ? h("div", { class: "columns" }, PARTS.map(choice)) : null,
    h("p", {}, start, " ", h("button", { type: "button", id: "stop", disabled: !run, onclick: () => run?.abort() }, t("dump.stop"))),
  );
}

/** Send the file and keep what comes back. */
async function begin(desk, state) {
  state.run = new AbortController();
  Object.assign(state, { rows: [], error: null, read: 0 });
  state.changed(true);
  let drawn = performance.now();
  try {
    const rows = documents(state.file, state.found);
    for await (const [row, answer] of classified(desk.api, rows, state.run.signal)) {
      state.rows.push(kept(row, answer));
      state.read = row.read;
      if (performance.now() - drawn < REDRAW_MS) continue;
      state.changed(false);
      drawn = performance.now();
    }
  } catch (error) {
    if (error.name !== "AbortError") state.error = error;
  }
  state.run = null;
  state.changed(true);
  desk.announce(desk.t("dump.done", { rows: state.rows.length }));
}

function progressLine({ t, language }, { file, rows, read, run, error }) {
  if (!file) return null;
  if (!run && !rows.length) {
    const ended = read !== null && !error;
    return ended ? h("p", { class: "progress", id: "counts" }, t("dump.no_rows")) : null;
  }
  const errors = rows.filter((row) => row.error !== null).length;
  const values = { rows: count(rows.length, language), errors: count(errors, language) };
  return h(
    "p",
    { class: "progress" },
    run ? h("progress", { max: file.size, value: read, "aria-label": t("dump.progress") }) : null,
    " ",
    h("span", { id: "counts" }, t(run ? "dump.running" : "dump.counts", values)),
  );
}
