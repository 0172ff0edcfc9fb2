// The form of one filing: what is known of it, and what is not.

import { h } from "../core/dom.js";
import { CONDITIONS, FACTS, blank, readFiling } from "../core/filing.js";

/** Return the form, which writes what is typed into `form`; `submit` is called with nothing. */
export function filingForm(desk, form, submit) {
  const { t } = desk;
  const change = (name) => (event) => {
    form[name] = event.target.value;
  };
  const more = Boolean(form.claims || form.description);
  const trouble = h("p", { class: "hint", role: "status" });
  const dropped = async (file) => {
    trouble.textContent = (await take(form, file)) ? "" : t("form.unreadable");
    if (!trouble.textContent) desk.refresh();
  };
  return h(
    "form",
    {
      class: "card filing-form no-print",
      "aria-label": t("form.label"),
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => {
        if (!event.dataTransfer.files.length) return;
        event.preventDefault();
        dropped(event.dataTransfer.files[0]);
      },
      onsubmit: (event) => {
        event.preventDefault();
        submit();
      },
    },
    fileRow(desk, form, dropped),
    trouble,
    line(t, "title", form, change, { required: true, maxlength: 2000 }),
    area(t, "abstract", form, change, 8, true),
    h(
      "details",
      { open: more },
      h("summary", {}, t("form.more")),
      area(t, "claims", form, change, 5),
      area(t, "description", form, change, 5),
    ),
    h(
      "div",
      { class: "columns" },
      line(t, "ipc", form, change, { spellcheck: "false" }, t("form.ipc.hint")),
      line(t, "filing_date", form, change, { type: "date" }),
      line(t, "id", form, change, { maxlength: 200, spellcheck: "false" }),
    ),
    h("fieldset", {}, h("legend", {}, t("form.facts")), FACTS.map((name) => answers(t, name, form))),
    h(
      "fieldset",
      {},
      h("legend", {}, t("form.conditions")),
      h("p", { class: "hint" }, t("form.conditions.hint")),
      CONDITIONS.map((name) => answers(t, name, form)),
    ),
    h("p", { class: "actions" }, h("button", { class: "primary", type: "submit" }, t("form.submit"))),
  );
}

const ANSWERS = ["yes", "no", "unknown"];

function fileRow(desk, form, dropped) {
  const { t } = desk;
  const example = () => {
    for (const name of ["title", "abstract", "ipc", "filing_date"]) form[name] = t(`example.${name}`);
    form.invented_in_japan = "yes";
    desk.refresh();
  };
  const clear = () => {
    desk.state.screen.run?.abort();
    desk.state.screen = null;
    desk.refresh();
  };
  return h(
    "div",
    { class: "file-row" },
    h("input", { id: "file", class: "visually-hidden", type: "file", accept: ".txt,.json,.jsonl", onchange: (event) => dropped(event.target.files[0]) }),
    h("label", { for: "file", class: "button" }, t("form.file")),
    h("button", { type: "button", id: "example", onclick: example }, t("form.example")),
    h("button", { type: "button", id: "clear", onclick: clear }, t("form.clear")),
  );
}

async function take(form, file) {
  const found = readFiling(await file.text());
  if (found) Object.assign(form, blank(), found);
  return Boolean(found);
}

function line(t, name, form, change, more = {}, hint = "") {
  const hintId = hint ? `${name}-hint` : null;
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, t(`field.${name}`)),
    h("input", { id: name, type: "text", autocomplete: "off", value: form[name], "aria-describedby": hintId, oninput: change(name), ...more }),
    hint ? h("p", { class: "hint", id: hintId }, hint) : null,
  );
}

function area(t, name, form, change, rows, required = false) {
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, t(`field.${name}`)),
    h("textarea", { id: name, rows, required, value: form[name], autocomplete: "off", oninput: change(name) }),
  );
}

function answers(t, name, form) {
  const group = `answer-${name}`;
  return h(
    "div",
    { class: "answer", role: "radiogroup", "aria-labelledby": group },
    h("span", { id: group }, t(`field.${name}`)),
    h(
      "span",
      { class: "choices" },
      ANSWERS.map((answer) =>
        h(
          "label",
          {},
          h("input", {
            type: "radio",
            name,
            value: answer,
            checked: form[name] === answer,
            onchange: () => {
              form[name] = answer;
            },
          }),
          h("span", {}, t(`answer.${answer}`)),
        ),
      ),
    ),
  );
}
