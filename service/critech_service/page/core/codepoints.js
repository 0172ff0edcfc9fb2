// The service counts Unicode code points, a JavaScript string UTF-16 units.

/** Return text that UTF-8 can hold: half of a surrogate pair becomes U+FFFD, one for one, so that
 * no offset moves. */
export function wellFormed(text) {
  return text.toWellFormed ? text.toWellFormed() : text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** Return how many code points a text has. */
export function length(text) {
  let n = 0;
  for (const _ of text) n += 1;
  return n;
}

/** Return the UTF-16 index of each code point offset asked for, as a Map; offsets past the end are
 * the end. One pass over the text. */
export function indexes(text, offsets) {
  const wanted = [...new Set(offsets)].sort((a, b) => a - b);
  const found = new Map();
  let at = 0;
  let index = 0;
  for (const char of text) {
    if (at === wanted[0]) found.set(wanted.shift(), index);
    if (!wanted.length) return found;
    at += 1;
    index += char.length;
  }
  for (const rest of wanted) found.set(rest, text.length);
  return found;
}

/** Cut a text at the ends of spans `{start, end}` (code points). Return its parts in order, each with
 * the numbers of the spans over it. */
export function segments(text, spans) {
  const at = indexes(text, spans.flatMap((span) => [span.start, span.end]));
  const cuts = spans.map((span) => [at.get(span.start), at.get(span.end)]);
  const edges = [...new Set([0, text.length, ...cuts.flat()])].sort((a, b) => a - b);
  return edges.slice(0, -1).map((from, i) => ({
    text: text.slice(from, edges[i + 1]),
    over: cuts.flatMap(([start, end], n) => (start <= from && edges[i + 1] <= end ? [n] : [])),
  }));
}
