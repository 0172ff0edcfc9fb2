// What is unknown, and what answering it would change: the service is asked with the answers in.

import { data, fill, h } from "../core/dom.js";
import { CONDITIONS, FACTS } from "../core/filing.js";
import { problemBox } from "../core/problem.js";
import { verdictBadge } from "./verdict.js";

const LONG = 20_000;
const MAX_FIELDS = 3;
const TAXONOMY = "jp-secret-patent-25";

/** Return the part, asked at once, or on demand where the text is long or each question would put a
 * record into the audit log. */
export function alternativesPart(desk, found) {
  const { t } = desk;
  const box = h("div", {});
  const ask = async () => {
    fill(box, h("p", {}, t("screen.working")));
    try {
      found.alternatives ??= await answered(desk, found);
      fill(box, table(desk, found));
    } catch (error) {
      fill(box, problemBox(desk, error));
    }
  };
  const open = unknowns(found.filing);
  if (!open.length) fill(box, h("p", {}, t("alternatives.none")));
  else if (found.alternatives || !(found.reviewing.audit || found.read.text.length > LONG)) ask();
  else {
    const why = found.reviewing.audit ? "alternatives.records" : "alternatives.long";
    fill(box, h("p", {}, t(why)), h("button", { type: "button", id: "ask", onclick: ask }, t("alternatives.ask")));
  }
  return h(
    "section",
    { class: "card alternatives", "aria-labelledby": "alternatives" },
    h("h2", { id: "alternatives" }, t("alternatives.title")),
    open.length ? h("p", {}, t("alternatives.open"), " ", open.map((name) => t(`field.${name}.short`)).join(t("list.comma"))) : null,
    box,
  );
}

/** Return the names of what nobody answered. */
function unknowns(filing) {
  return [
    ...(filing.ipc ? [] : ["ipc"]),
    ...(filing.filing_date ? [] : ["filing_date"]),
    ...FACTS.filter((name) => filing[name] === "unknown"),
    ...CONDITIONS.filter((name) => filing.conditions[name] === "unknown"),
  ];
}

/** Return each alternative with the result that it would have. */
async function answered(desk, { filing, result }) {
  const asked = [...facts(filing), ...conditions(filing), ...(await rules(desk, filing, result))];
  if (!asked.length) return [];
  const filings = asked.map((one) => ({ ...filing, ...one.change }));
  const { body } = await desk.api.post("/v1/screen", { filings, explain: false });
  return asked.map((one, n) => ({ ...one, result: body.results[n] }));
}

function facts(filing) {
  return FACTS.filter((name) => filing[name] === "unknown").flatMap((name) =>
    ["yes", "no"].map((answer) => ({ name, answer, change: { [name]: answer } })),
  );
}

/** Any one of the four conditions is enough, so that there are two cases: one of them, or none. */
function conditions(filing) {
  const open = CONDITIONS.filter((name) => filing.conditions[name] === "unknown");
  if (!open.length) return [];
  const none = Object.fromEntries(open.map((name) => [name, "no"]));
  return [
    { name: "conditions", answer: "one", change: { conditions: { ...filing.conditions, [open[0]]: "yes" } } },
    { name: "conditions", answer: "none", change: { conditions: { ...filing.conditions, ...none } } },
  ];
}

/** Without symbols: what a symbol of the order would do to the fields that the text points to. */
async function rules(desk, filing, result) {
  if (filing.ipc) return [];
  const fields = result.fields.slice(0, MAX_FIELDS);
  const labels = await Promise.all(
    fields.map((one) => desk.api.get(`/v1/taxonomies/${TAXONOMY}/labels/${one.code}`)),
  );
  return labels
    .filter((label) => label.ipc_rules?.length)
    .map((label) => {
      const ipc = label.ipc_rules[0].all_of.map((any) => any[0]);
      return { name: "ipc", answer: ipc.join("; "), given: true, change: { ipc } };
    });
}

function table(desk, found) {
  const { t } = desk;
  const now = found.result;
  const columns = ["question", "answer", "verdict", "ban"];
  if (!found.alternatives.length) return h("p", {}, t("alternatives.nothing"));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "alternatives" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, t(`alternatives.${name}`))))),
      h("tbody", {}, found.alternatives.map((one) => row(desk, now, one))),
    ),
  );
}

function row(desk, now, one) {
  const { t } = desk;
  const verdictMoves = one.result.verdict !== now.verdict;
  const banMoves = one.result.foreign_filing.ban !== now.foreign_filing.ban;
  return h(
    "tr",
    { class: verdictMoves || banMoves ? "changes" : null },
    h("th", { scope: "row" }, t(`alternatives.${one.name}`)),
    h("td", {}, one.given ? data(one.answer) : t(`alternatives.answer.${one.answer}`)),
    h("td", {}, verdictMoves ? verdictBadge(t, one.result.verdict) : t("alternatives.same")),
    h("td", {}, banMoves ? h("strong", {}, t(`ban.${one.result.foreign_filing.ban}`)) : t("alternatives.same")),
  );
}
