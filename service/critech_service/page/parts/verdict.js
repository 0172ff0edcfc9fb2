// The verdict, its reasons in words, warnings, and where the answer comes from.

import { data, h } from "../core/dom.js";
import { day, percent, today, verified } from "../core/format.js";

const SIGNS = { refer: "▲", review: "◆", no_indication: "○" };

/** Return a verdict as a word with a sign, so that colour is not all that tells it. */
export function verdictBadge(t, verdict) {
  return h(
    "span",
    { class: `badge ${verdict}` },
    h("span", { "aria-hidden": "true" }, `${SIGNS[verdict]} `),
    t(`verdict.${verdict}`),
  );
}

/** Return the part with verdict, reasons and warnings. */
export function verdictPart(desk, { filing, result }) {
  const { t, pick } = desk;
  const warnings = result.warnings.map((one) => h("li", {}, t(`warning.${one.code}`)));
  return h(
    "section",
    { class: `card verdict ${result.verdict}`, "aria-label": t("verdict.title") },
    h("h2", { id: "verdict", tabindex: "-1" }, verdictBadge(t, result.verdict)),
    h("p", {}, t(`verdict.${result.verdict}.means`)),
    h("p", { class: "filing-name" }, filing.id ? [data(filing.id), " · "] : null, data(filing.title)),
    facts(desk, filing),
    h("h3", {}, t("verdict.why")),
    h(
      "ul",
      { class: "reasons" },
      result.reasons.map((one) =>
        h("li", {}, one.field ? h("strong", {}, t("field.number", { code: one.field })) : null, " ", pick(one.message)),
      ),
      result.reasons.length ? null : h("li", {}, t("verdict.no_reason")),
    ),
    warnings.length ? [h("h3", {}, t("warning.title")), h("ul", {}, warnings)] : null,
    notRead(desk, result),
    h("p", { class: "no-print" }, h("button", { type: "button", id: "print", onclick: () => print() }, t("print"))),
  );
}

function facts(desk, filing) {
  const { t } = desk;
  const rows = [
    ["ipc", filing.ipc ? data(filing.ipc.join("; ")) : t("unknown")],
    ["filing_date", filing.filing_date ?? t("unknown")],
    ["invented_in_japan", t(`answer.${filing.invented_in_japan}`)],
    ["already_public", t(`answer.${filing.already_public}`)],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => h("div", {}, h("dt", {}, t(`field.${name}.short`)), h("dd", {}, value))),
  );
}

function notRead(desk, { ipc, tokens_seen, tokens_total }) {
  const { t } = desk;
  const lines = [
    ipc.malformed.length ? [t("ipc.malformed"), " ", data(ipc.malformed.join("; "))] : null,
    ipc.cpc_only.length ? [t("ipc.cpc_only"), " ", data(ipc.cpc_only.join("; "))] : null,
    tokens_seen < tokens_total ? t("tokens", { seen: tokens_seen, total: tokens_total }) : null,
  ];
  return lines.filter(Boolean).map((one) => h("p", { class: "hint" }, one));
}

/** Return the part with certificate, edition of the order, model and notice. */
export function provenancePart(desk, { answer, result, record }) {
  const { t, pick, language } = desk;
  const { certificate, model } = answer;
  const rows = [
    ["taxonomy", [data(result.provenance.taxonomy), " ", data(result.provenance.version)]],
    ["consolidated", answer.provenance.order_consolidated_to],
    ["law", answer.provenance.law_as_of],
    ["verification", verified(desk, result.provenance.taxonomy, result.provenance.version, result.provenance.verification)],
    ["certificate", certificateWords(desk, certificate)],
    ["model", [data(`${model.bundle} ${model.version}`), " ", h("code", {}, data(model.digest))]],
    record ? ["record", String(record)] : null,
  ];
  return h(
    "section",
    { class: "card provenance", "aria-labelledby": "provenance" },
    h("h2", { id: "provenance" }, t("provenance.title")),
    h(
      "dl",
      {},
      rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, t(`provenance.${name}`)), h("dd", {}, value))),
    ),
    h("p", { class: "notice" }, named(t, pick(answer.notice))),
    h("p", { class: "print-only" }, t("print.line", { day: day(today(), language) })),
  );
}

/** Return a text of the service in which verdicts are called what the page calls them. */
function named(t, text) {
  return text.replaceAll(/`?\b(refer|review|no_indication)\b`?/g, (_, code) => t("verdict.quoted", { verdict: t(`verdict.${code}`) }));
}

function certificateWords({ t }, certificate) {
  const words = t(`certificate.${certificate.status}`);
  if (certificate.lower_bound === undefined) return words;
  const { positives, misses } = certificate;
  const bound = t("certificate.bound", { bound: percent(certificate.lower_bound), positives, misses });
  return [words, " ", bound, " ", h("span", { lang: "en" }, data(certificate.population))];
}
