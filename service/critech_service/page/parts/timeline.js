// Dates that follow from the filing date, and whether filing abroad is banned.

import { h, s } from "../core/dom.js";
import { cited, day, today } from "../core/format.js";

const WIDTH = 640;
const MARGIN = 70;
const DAY = 86_400_000;

/** Return the part with the timeline, the periods in words, and what ends the ban. */
export function datesPart(desk, { filing, result }) {
  const { t, pick } = desk;
  const { dates, foreign_filing: ban } = result;
  return h(
    "section",
    { class: "card dates", "aria-labelledby": "dates" },
    h("h2", { id: "dates" }, t("dates.title")),
    h("p", {}, h("strong", {}, t(`ban.${ban.ban}`)), " ", h("small", {}, cited(desk, ban.citations))),
    dates ? [picture(desk, filing.filing_date, dates.periods), periods(desk, dates)] : h("p", {}, t("dates.none")),
    h(
      "details",
      { class: "no-print" },
      h("summary", {}, t("dates.ends")),
      h("ul", {}, ban.ends_by.map((one) => h("li", {}, pick(one.text), " ", h("small", {}, cited(desk, one.article))))),
      dates ? h("p", { class: "hint" }, pick(dates.counting)) : null,
    ),
  );
}

function periods(desk, dates) {
  const { t, pick, language } = desk;
  return h(
    "dl",
    { class: "periods" },
    dates.periods.map((one) =>
      h(
        "div",
        {},
        h("dt", {}, t("dates.until", { day: day(one.last_day, language), months: one.months })),
        h("dd", {}, pick(one.text), " ", h("small", {}, cited(desk, one.articles))),
      ),
    ),
  );
}

/** Return filing day, ends of periods and today on one line. The words stand beside it as a list. */
function picture(desk, filed, found) {
  const { t } = desk;
  const time = (iso) => Date.parse(`${iso}T00:00:00Z`);
  const from = time(filed);
  const last = Math.max(...found.map((one) => time(one.free_from))) + 30 * DAY;
  const x = (iso) => MARGIN + ((time(iso) - from) / (last - from)) * (WIDTH - 2 * MARGIN);
  const now = today();
  const seen = time(now) >= from && time(now) <= last;
  const label = t("dates.picture", { filed, ends: found.map((one) => one.last_day).join(", ") });
  const drawn = s(
    "svg",
    { viewBox: `0 0 ${WIDTH} 92`, class: "timeline", role: "img", "aria-label": label },
    s("line", { class: "axis", x1: x(filed), x2: WIDTH - MARGIN, y1: 46, y2: 46 }),
    [...found].reverse().map((one, n) => s("line", { class: `span span-${n}`, x1: x(filed), x2: x(one.last_day), y1: 46, y2: 46 })),
    tick(x(filed), t("dates.filed"), filed),
    found.map((one) => tick(x(one.last_day), t("dates.months", { months: one.months }), one.last_day)),
    seen ? [s("path", { class: "now", d: `M${x(now)} 40l-6 -10h12z` }), s("text", { class: "now", x: x(now), y: 12, "text-anchor": "middle" }, t("dates.today"))] : null,
  );
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("dates.title") }, drawn);
}

function tick(x, words, iso) {
  return [
    s("circle", { class: "tick", cx: x, cy: 46, r: 5 }),
    s("text", { x, y: 68, "text-anchor": "middle" }, words),
    s("text", { x, y: 84, "text-anchor": "middle" }, iso),
  ];
}
