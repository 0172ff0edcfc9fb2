// A refusal, shown to the reader in words.

import { data, h } from "./dom.js";
import { Refused } from "./api.js";

const KNOWN = ["0", "400", "401", "403", "404", "413", "422", "429", "503"];

/** Return what a refusal means. */
export function problemWords(t, { status }) {
  return t(`problem.${KNOWN.includes(String(status)) ? status : "other"}`);
}

/** Return an alert for what went wrong; what is no refusal is an error of the page and raised. */
export function problemBox(desk, error) {
  if (!(error instanceof Refused)) throw error;
  const { t } = desk;
  const fields = (error.problem.errors ?? []).map((one) =>
    h("li", { lang: "en" }, data(`${one.field}: ${one.message}`)),
  );
  const said = error.problem.detail ? h("p", { lang: "en" }, data(error.problem.detail)) : null;
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, problemWords(t, error))),
    fields.length ? h("ul", {}, fields) : said,
    error.status === 401 || error.status === 403
      ? h("p", {}, h("button", { type: "button", onclick: () => desk.askKey() }, t("key.change")))
      : null,
  );
}
