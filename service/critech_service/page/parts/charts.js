// Small pictures of figures; the figures themselves stand beside them in words.

import { s } from "../core/dom.js";

const SIZE = 200;
const PAD = 30;

/** Return a value in 0..1 with its interval on a line. */
export function intervalChart(value, low, high) {
  return s(
    "svg",
    { viewBox: "0 0 100 10", class: "interval", "aria-hidden": "true" },
    s("line", { class: "track", x1: 0, x2: 100, y1: 5, y2: 5 }),
    s("line", { class: "range", x1: 100 * low, x2: 100 * high, y1: 5, y2: 5 }),
    s("circle", { cx: 100 * value, cy: 5, r: 2.5 }),
  );
}

/** Return the reliability diagram of bins `{mean_score, frequency, n_pairs}`: how often labels are
 * right against how sure the scores are; the dotted line is where both agree. */
export function reliabilityChart(t, bins) {
  const x = (value) => PAD + value * SIZE;
  const y = (value) => PAD + (1 - value) * SIZE;
  const at = (one) => `${x(one.mean_score)} ${y(one.frequency)}`;
  const words = bins.map((one) => t("model.bin", { score: one.mean_score.toFixed(2), share: one.frequency.toFixed(2), n: one.n_pairs }));
  const ticks = [0, 0.5, 1];
  return s(
    "svg",
    { viewBox: `0 0 ${SIZE + 2 * PAD} ${SIZE + 2 * PAD}`, class: "reliability", role: "img", "aria-label": [t("model.reliability"), ...words].join("; ") },
    s("rect", { class: "frame", x: PAD, y: PAD, width: SIZE, height: SIZE }),
    s("line", { class: "even", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
    bins.length ? s("path", { class: "curve", d: `M${bins.map(at).join("L")}` }) : null,
    bins.map((one) => s("circle", { cx: x(one.mean_score), cy: y(one.frequency), r: 3.5 }, s("title", {}, t("model.bin", { score: one.mean_score.toFixed(2), share: one.frequency.toFixed(2), n: one.n_pairs })))),
    ticks.map((one) => [s("text", { x: x(one), y: PAD + SIZE + 14, "text-anchor": "middle" }, one), s("text", { x: PAD - 5, y: y(one) + 4, "text-anchor": "end" }, one)]),
    s("text", { x: x(0.5), y: 2 * PAD + SIZE - 3, "text-anchor": "middle" }, t("model.axis.score")),
    s("text", { x: PAD, y: PAD - 8 }, t("model.axis.share")),
  );
}
