// View: one filing, its verdict and all that stands behind it.

import { Refused } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { TEXTS, asFiling, blank } from "../core/filing.js";
import { length } from "../core/codepoints.js";
import { problemBox } from "../core/problem.js";
import { filingForm } from "../parts/filing_form.js";
import { alternativesPart } from "../parts/alternatives.js";
import { datesPart } from "../parts/timeline.js";
import { evidencePart } from "../parts/evidence.js";
import { fieldsPart } from "../parts/fields.js";
import { listsPart } from "../parts/lists.js";
import { reviewPart } from "../parts/review.js";
import { provenancePart, verdictPart } from "../parts/verdict.js";

export const LISTS = ["jp-critical-20", "jp-kprogram-50", "us-ecra-14"];
const SEPARATOR = "\n\n";

/** Return the form and, once there is one, the result. Both outlive a change of language, and so
 * does a run: the view that is there when it ends shows what it found. */
export async function view(desk) {
  const { t } = desk;
  const state = (desk.state.screen ??= { form: blank(), found: null, run: null });
  const result = h("div", { id: "result" });
  state.draw = (error) => {
    if (state.run) result.setAttribute("aria-busy", "true");
    else result.removeAttribute("aria-busy");
    fill(result, error ? problemBox(desk, error) : shown(desk, state));
  };
  state.draw();
  return [
    h("h1", { class: "no-print" }, t("screen.title")),
    h("p", { class: "lead no-print" }, t("screen.lead")),
    filingForm(desk, state.form, () => begin(desk, state)),
    result,
  ];
}

function shown(desk, { run, found }) {
  if (run) return h("p", { class: "card" }, desk.t("screen.working"));
  return found ? resultParts(desk, found) : null;
}

/** Screen what the form holds. A run still under way is given up: its verdict would be on a text
 * that is no longer there. */
async function begin(desk, state) {
  state.run?.abort();
  const run = new AbortController();
  Object.assign(state, { run, found: null });
  state.draw();
  desk.announce(desk.t("screen.working"));
  try {
    const found = await screened(desk, asFiling(state.form), run.signal);
    if (run.signal.aborted) return;
    Object.assign(state, { run: null, found });
    state.draw();
    desk.announce(desk.t(`verdict.${found.result.verdict}`));
    document.querySelector("#result h2")?.focus();
  } catch (error) {
    if (run.signal.aborted) return;
    Object.assign(state, { run: null, found: null });
    state.draw(error);
  }
}

/** Screen a filing and hold it against the other lists. Return all that was asked and answered. */
async function screened(desk, filing, signal) {
  const { api } = desk;
  const reviewing = await api.get("/v1/screen/reviewing", signal);
  const { body, headers } = await api.post("/v1/screen", { filings: [filing] }, signal);
  const read = joined(filing);
  const others = await api.post("/v1/classify", {
    documents: [{ title: filing.title, text: read.text }],
    taxonomies: LISTS,
    top_k: 5,
    explain: true,
  }, signal).catch(refused);
  return {
    filing,
    read,
    reviewing,
    record: Number(headers.get("X-Audit-Records")) || null,
    answer: body,
    result: body.results[0],
    lists: others.body?.results[0] ?? null,
    listsRefused: others.refused,
  };
}

/** The verdict stands without the other lists: a key that may screen need not be one that may
 * classify, the sections together may be too long for one text, or the queue is full by now. */
function refused(error) {
  if (error instanceof Refused) return { refused: error };
  throw error;
}

/** Return the sections after the title as one text, and where each begins, in code points. */
function joined(filing) {
  const parts = TEXTS.slice(1).filter((name) => filing[name]);
  const starts = {};
  let at = 0;
  for (const name of parts) {
    starts[name] = at;
    at += length(filing[name]) + SEPARATOR.length;
  }
  return { text: parts.map((name) => filing[name]).join(SEPARATOR), starts };
}

function resultParts(desk, found) {
  return [
    verdictPart(desk, found),
    fieldsPart(desk, found),
    evidencePart(desk, found),
    datesPart(desk, found),
    alternativesPart(desk, found),
    listsPart(desk, found),
    reviewPart(desk, found),
    provenancePart(desk, found),
  ];
}
