// The frame of the desk: language, theme, key, and which view the address names.

import { Api } from "./core/api.js";
import { fill, h } from "./core/dom.js";
import { load, translator } from "./core/messages.js";
import { problemBox } from "./core/problem.js";
import { keyDialog } from "./parts/key_dialog.js";
import * as dump from "./views/dump.js";
import * as explore from "./views/explore.js";
import * as model from "./views/model.js";
import * as screen from "./views/screen.js";

const VIEWS = { screen, dump, explore, model };
const LANGUAGES = ["en", "ja"];
const root = document.documentElement;

/** What every view is handed: words, requests, and what must outlive a change of language. */
class Desk {
  api = new Api();
  state = {};
  language = remembered("critech.language", LANGUAGES) ?? (root.lang === "ja" ? "ja" : "en");
  main = h("main", { id: "main", tabindex: "-1" });
  status = h("p", { class: "visually-hidden", role: "status" });

  async start() {
    this.config = await this.api.get("/page/config.json");
    root.dataset.theme = remembered("critech.theme", ["light", "dark"]) ?? "";
    await this.speak(this.language);
    addEventListener("hashchange", () => this.show(true));
  }

  /** Return words of an object with both languages. */
  pick = (words) => words?.[this.language] ?? words?.en ?? "";

  /** Tell readers who do not see the page what happened. */
  announce(words) {
    this.status.textContent = words;
  }

  async speak(language) {
    this.language = language;
    this.t = translator(await load(language));
    root.lang = language;
    fill(
      document.body,
      h("a", { class: "skip", href: "#main", onclick: (event) => this.skip(event) }, this.t("skip")),
      this.header(),
      this.status,
      this.main,
      this.footer(),
    );
    await this.show(false);
  }

  /** Show the view that the address names; `moved` says that the reader went there. */
  async show(moved) {
    const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
    const chosen = Object.hasOwn(VIEWS, name) ? name : "screen";
    document.title = `${this.t(`nav.${chosen}`)} – critech`;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.view === chosen) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (this.config.keys && !this.api.hasKey) {
      fill(this.main, keyDialog(this));
      return;
    }
    try {
      fill(this.main, await VIEWS[chosen].view(this, rest));
    } catch (error) {
      fill(this.main, problemBox(this, error));
    }
    if (moved) {
      this.main.focus();
      scrollTo(0, 0);
    }
  }

  refresh = () => this.show(false);

  askKey() {
    this.api.useKey("", false);
    this.config.keys = true;
    this.refresh();
  }

  skip(event) {
    event.preventDefault();
    this.main.focus();
  }

  header() {
    const links = Object.keys(VIEWS).map((name) =>
      h("a", { href: `#/${name}`, "data-view": name }, this.t(`nav.${name}`)),
    );
    const other = this.language === "ja" ? "en" : "ja";
    return h(
      "header",
      { class: "top" },
      h("span", { class: "brand" }, "critech"),
      h("nav", { "aria-label": this.t("nav.label") }, links),
      h(
        "span",
        { class: "switches" },
        h("button", { type: "button", id: "language", lang: other, onclick: () => this.turnLanguage(other) }, this.t("language.other")),
        h("button", { type: "button", id: "theme", onclick: () => this.turnTheme() }, this.t("theme.switch")),
        this.config.keys && this.api.hasKey
          ? h("button", { type: "button", id: "forget", onclick: () => this.forget() }, this.t("key.forget"))
          : null,
      ),
    );
  }

  async turnLanguage(language) {
    localStorage.setItem("critech.language", language);
    await this.speak(language);
    document.getElementById("language").focus();
  }

  turnTheme() {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("critech.theme", root.dataset.theme);
  }

  /** Drop the key and all that was read with it. */
  forget() {
    this.api.useKey("", false);
    for (const view of ["screen", "dump"]) this.state[view]?.run?.abort();
    this.state = {};
    this.speak(this.language);
  }

  footer() {
    return h(
      "footer",
      {},
      h("p", {}, this.t("notice")),
      h("p", {}, this.t("footer", { version: this.config.version })),
    );
  }
}

function remembered(name, allowed) {
  const found = localStorage.getItem(name);
  return allowed.includes(found) ? found : null;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

new Desk().start();
