// A reviewer's word on the verdict: accept, or overrule with a reason.

import { data, fill, h } from "../core/dom.js";
import { problemBox } from "../core/problem.js";

const VERDICTS = ["refer", "review", "no_indication"];
const REASONS = ["prior_art", "text_misread", "ipc_wrong", "facts_wrong", "outside_field", "other"];

/** Return the part; without an audit log, or a key that may review, it says so. */
export function reviewPart(desk, found) {
  const { t } = desk;
  const barred = !found.record ? "review.off" : !found.reviewing.allowed ? "review.forbidden" : null;
  const shown = barred ? h("p", {}, t(barred)) : form(desk, found);
  return h(
    "section",
    { class: "card reviewing no-print", "aria-labelledby": "review" },
    h("h2", { id: "review" }, t("review.title")),
    shown,
  );
}

function form(desk, found) {
  const { t, state } = desk;
  const { result } = found;
  const reviewer = h("input", { id: "reviewer", required: true, maxlength: 48, pattern: "[A-Za-z0-9][A-Za-z0-9._@+\\-]*", autocomplete: "off", value: state.reviewer ?? "" });
  const verdict = chooser("review-verdict", VERDICTS.filter((one) => one !== result.verdict), (one) => t(`verdict.${one}`));
  const reason = chooser("review-reason", REASONS, (one) => t(`review.reason.${one}`));
  const judged = found.reviewing.corrections ? judgements(desk, result.fields) : null;
  const said = h("div", {});
  const send = async (verdictGiven, code) => {
    if (!reviewer.reportValidity()) return;
    state.reviewer = reviewer.value;
    const review = { record: found.record, verdict: verdictGiven, reason_code: code, reviewer: reviewer.value };
    if (judged) review.corrections = judged.read();
    try {
      const { body } = await desk.api.post("/v1/screen/review", review);
      found.verdict = verdictGiven;
      fill(said, h("p", { role: "status", class: "done" }, t("review.done", { record: body.record }), " ", data(body.reviewer)));
    } catch (error) {
      fill(said, problemBox(desk, error));
    }
  };
  return [
    h("p", {}, t("review.record", { record: found.record })),
    h("div", { class: "field narrow" }, h("label", { for: "reviewer" }, t("review.reviewer")), reviewer),
    judged?.box,
    h("p", {}, h("button", { type: "button", id: "accept", onclick: () => send(result.verdict, "accepted") }, t("review.accept", { verdict: t(`verdict.${result.verdict}`) }))),
    h(
      "div",
      { class: "columns" },
      h("div", { class: "field" }, h("label", { for: "review-verdict" }, t("review.verdict")), verdict),
      h("div", { class: "field" }, h("label", { for: "review-reason" }, t("review.why")), reason),
    ),
    h("p", {}, h("button", { type: "button", id: "overrule", onclick: () => send(verdict.value, reason.value) }, t("review.overrule"))),
    said,
  ];
}

/** Ask of every field whether it is right, for the corrections file; unasked is left out. */
function judgements(desk, fields) {
  const { t, pick } = desk;
  const rows = fields.map((field) => ({
    label: `jp-secret-patent-25:${field.code}`,
    title: `${field.code} ${pick(field.title)}`,
    choice: chooser(`judge-${field.code}`, ["none", "right", "wrong"], (one) => t(`review.judge.${one}`)),
  }));
  return {
    box: h(
      "fieldset",
      {},
      h("legend", {}, t("review.corrections")),
      h("p", { class: "hint" }, t("review.corrections.hint")),
      rows.map((one) => h("div", { class: "answer" }, h("label", { for: one.choice.id }, one.title), one.choice)),
    ),
    read: () =>
      rows
        .filter((one) => one.choice.value !== "none")
        .map((one) => ({ label: one.label, judgement: one.choice.value })),
  };
}

function chooser(id, values, words) {
  return h("select", { id }, values.map((one) => h("option", { value: one }, words(one))));
}
