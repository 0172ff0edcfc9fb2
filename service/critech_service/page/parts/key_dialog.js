// Asking for the key. It stays in memory; a closed or reloaded tab forgets it, unless ticked.

import { Refused } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { problemBox } from "../core/problem.js";

/** Return a form that takes a key and tries it before the desk opens. */
export function keyDialog(desk) {
  const { t, api } = desk;
  const key = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const keep = h("input", { id: "keep", type: "checkbox" });
  const trouble = h("div");
  const submit = async (event) => {
    event.preventDefault();
    api.useKey(key.value.trim(), keep.checked);
    try {
      await api.get("/v1/taxonomies");
      await desk.speak(desk.language);
      desk.announce(t("key.taken"));
    } catch (error) {
      api.useKey("", false);
      if (!(error instanceof Refused)) throw error;
      fill(trouble, problemBox({ ...desk, t, askKey: () => key.focus() }, error));
      key.focus();
    }
  };
  return h(
    "form",
    { class: "card narrow", onsubmit: submit, autocomplete: "off" },
    h("h1", {}, t("key.title")),
    h("p", {}, t("key.why")),
    h("label", { for: "key" }, t("key.label")),
    key,
    h("p", { class: "tick" }, keep, h("label", { for: "keep" }, t("key.keep"))),
    trouble,
    h("p", {}, h("button", { class: "primary", type: "submit" }, t("key.use"))),
  );
}
