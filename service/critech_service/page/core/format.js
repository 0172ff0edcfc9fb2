// Numbers, dates and citations in the reader's language.

import { data, h } from "./dom.js";

/** Return a probability with three digits, or a dash. None but the very ends shows as 0 or 1. */
export function score(value) {
  if (value === null || value === undefined) return "–";
  if (value > 0.9995 && value < 1) return "> 0.999";
  return value < 0.0005 && value > 0 ? "< 0.001" : value.toFixed(3);
}

/** Return a share in percent with one digit. */
export function percent(value) {
  return `${(100 * value).toFixed(1)} %`;
}

/** Return an ISO date in words. */
export function day(iso, language) {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" });
  return format.format(new Date(`${iso}T00:00:00Z`));
}

/** Return today as an ISO date, by the reader's clock. */
export function today() {
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** Return a whole number with separators. */
export function count(value, language) {
  return new Intl.NumberFormat(language).format(value);
}

const LAWS = { "Patent Act": "patent", "Civil Code": "civil", Act: "act", Order: "order" };
const CITED = /(Patent Act|Civil Code|Act|Order) art\. (\d+)(?:\((\d+)\))?(?: items? (\d+(?:, \d+)*))?/g;

/** Return citations of the law as an element, written as the reader's language writes them. */
export function cited({ t }, citations) {
  const article = (_, law, number, paragraph, items) =>
    t("law.article", { law: t(`law.${LAWS[law]}`), number }) +
    (paragraph ? t("law.paragraph", { number: paragraph }) : "") +
    (items ? items.split(", ").map((item) => t("law.item", { number: item })).join("") : "");
  const written = [citations].flat().map((one) => one.replace(CITED, article)).join("; ");
  return h("span", { lang: /[A-Za-z]/.test(written) ? "en" : null }, data(written));
}

/** Return how far a list was verified: the service's English, or the page's Japanese of it where it
 * knows the edition. */
export function verified({ t, language }, id, version, text) {
  const key = `verified.${id}.${version}`;
  const words = t(key);
  return language === "en" || words === key ? h("span", { lang: "en" }, data(text)) : words;
}
