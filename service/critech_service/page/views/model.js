// View: the bundle behind the answers, as the service tells of it.

import { data, fill, h } from "../core/dom.js";
import { count, percent } from "../core/format.js";
import { taxonomies } from "../core/taxonomies.js";
import { intervalChart, reliabilityChart } from "../parts/charts.js";
import { labelsTable } from "../parts/labels_table.js";

const METRICS = ["mean_average_precision", "micro_f1", "macro_f1", "recall_possible", "top_1_hit", "top_3_hit", "calibration_error", "calibration_error_from_0.1", "flag_rate"];
const LIMITS = ["written", "thin", "scripts", "short", "evasion"];

/** Return the model page: certificate, metrics, reliability, labels, limits, files. */
export async function view(desk) {
  const { t } = desk;
  const [model, known] = await Promise.all([desk.api.get("/v1/model"), taxonomies(desk)]);
  return [
    h("h1", {}, t("model.title")),
    bundlePart(desk, model),
    certificatePart(desk, model.certificate),
    metricsPart(desk, model.metrics),
    reliabilityPart(desk, model.metrics.reliability),
    section(desk, "labels", labelsTable(desk, model, known)),
    limitsPart(desk, model.card),
    filesPart(desk, model.files),
  ];
}

function section(desk, name, ...children) {
  return h("section", { class: "card", "aria-labelledby": `model-${name}` }, h("h2", { id: `model-${name}` }, desk.t(`model.${name}`)), children);
}

function bundlePart(desk, { bundle, version, digest, training }) {
  const { t, language } = desk;
  const texts = training.n_texts ?? {};
  const rows = [
    ["bundle", data(`${bundle} ${version}`)],
    ["digest", h("code", {}, data(digest))],
    ["base", training.base ? data(training.base) : "–"],
    ["texts", texts.fit ? t("model.texts.words", { fit: count(texts.fit, language), held: count(texts.held_out, language), en: count(texts.en, language), ja: count(texts.ja, language) }) : "–"],
  ];
  return section(desk, "what", list(t, rows));
}

function list(t, rows) {
  return h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, t(`model.${name}`)), h("dd", {}, value))));
}

function certificatePart(desk, found) {
  const { t } = desk;
  const words = h("p", {}, h("strong", {}, t(`certificate.${found.status}`)), " ", found.reason ? h("span", { lang: "en" }, data(found.reason)) : null);
  if (found.lower_bound === undefined) return section(desk, "certificate", words);
  const rows = [
    ["bound", percent(found.lower_bound)],
    ["target", percent(found.target_recall)],
    ["confidence", percent(found.confidence)],
    ["positives", found.positives],
    ["misses", found.misses],
    ["population", h("span", { lang: "en" }, data(found.population))],
    ["date", found.date],
  ];
  return section(desk, "certificate", words, list(t, rows), h("p", { class: "hint" }, t("model.certificate.holds")));
}

function metricsPart(desk, metrics) {
  const { t, language } = desk;
  const box = h("div", { class: "columns wide" });
  const parts = { all: metrics.taxonomies ?? {}, ...metrics.languages };
  const show = (name) => fill(box, Object.entries(parts[name]).map(([id, one]) => metricsOf(desk, id, one)));
  show("all");
  const choice = h("select", { id: "metrics-of", onchange: (event) => show(event.target.value) }, Object.keys(parts).map((one) => h("option", { value: one }, t(`model.language.${one}`))));
  return section(
    desk,
    "metrics",
    h("p", {}, h("span", { lang: "en" }, data(metrics.data ?? "")), " ", t("model.metrics.n", { n: count(metrics.n_texts ?? 0, language) })),
    h("p", { class: "hint" }, t("model.metrics.means")),
    h("p", {}, h("label", { for: "metrics-of" }, t("model.language")), " ", choice),
    box,
  );
}

function metricsOf(desk, id, one) {
  const { t } = desk;
  const rows = METRICS.filter((name) => one.metrics[name]?.value !== null && one.metrics[name] !== undefined);
  const row = (name) => {
    const { value, low, high } = one.metrics[name];
    return h("tr", {}, h("th", { scope: "row" }, t(`metric.${name}`)), h("td", { class: "number" }, value.toFixed(3)), h("td", { class: "number" }, `${low.toFixed(3)} – ${high.toFixed(3)}`), h("td", {}, intervalChart(value, low, high)));
  };
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { "data-metrics": id },
      h("caption", {}, listName(desk, id), " ", h("small", {}, t("model.scored", { scored: one.n_labels_scored, labels: one.n_labels, positives: one.n_positives }))),
      h("thead", {}, h("tr", {}, ["metric", "value", "interval"].map((name) => h("th", { scope: "col", class: name === "metric" ? null : "number" }, t(`model.${name}`))), h("td", {}))),
      h("tbody", {}, rows.map(row)),
    ),
  );
}

/** The sub-items of a list are measured apart, under the list's id with a remark. */
function listName({ t }, id) {
  const [list, more] = id.split(" ");
  return more ? `${t(`taxonomy.${list}`)} ${t("model.sub_items")}` : t(`taxonomy.${list}`);
}

function reliabilityPart(desk, found) {
  const { t } = desk;
  if (!found) return section(desk, "reliability", h("p", {}, t("model.reliability.none")));
  const charts = Object.entries(found).map(([id, bins]) => h("figure", {}, reliabilityChart(t, bins), h("figcaption", {}, listName(desk, id))));
  return section(desk, "reliability", h("p", { class: "hint" }, t("model.reliability.means")), h("div", { class: "charts" }, charts));
}

function limitsPart(desk, card) {
  const { t } = desk;
  return section(
    desk,
    "limits",
    h("ul", {}, LIMITS.map((name) => h("li", {}, t(`model.limit.${name}`)))),
    card ? h("details", {}, h("summary", {}, t("model.card")), h("pre", { class: "given", lang: "en", tabindex: "0" }, data(card))) : null,
  );
}

function filesPart(desk, files) {
  const { t, language } = desk;
  const rows = Object.entries(files).map(([name, one]) => h("tr", {}, h("th", { scope: "row" }, data(name)), h("td", { class: "number" }, count(one.bytes, language)), h("td", {}, h("code", {}, data(one.sha256)))));
  return section(
    desk,
    "files",
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "model-files" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("model.file")), h("th", { scope: "col", class: "number" }, t("model.bytes")), h("th", { scope: "col" }, "SHA-256"))), h("tbody", {}, rows))),
  );
}
