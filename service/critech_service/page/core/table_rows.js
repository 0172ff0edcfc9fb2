// What is kept of a classified row: names and scores, never its text.

const RANK = { assigned: 2, possible: 1, not_assigned: 0 };

/** Return the row of the table for an answer line; `error` is a status where there is no result,
 * `known` or `why` says what is wrong: what the page found, or what the service said. */
export function kept(row, answer) {
  const { id = "", title = "" } = row.document ?? {};
  const base = { row: row.row, id, title: title.slice(0, 300), language: null, lists: {}, rank: -1, why: "", known: row.why ?? null };
  if (!answer?.result) return { ...base, error: String(answer?.status ?? 400), why: reason(answer) };
  const lists = Object.fromEntries(answer.result.taxonomies.map((one) => [one.id, summary(one.labels)]));
  const rank = Math.max(...Object.values(lists).map((one) => RANK[one.decision] ?? 0), 0);
  return { ...base, language: answer.result.language, lists, rank, error: null };
}

/** Return what the service says is wrong: it names fields and limits and never repeats a text. */
function reason(answer) {
  const fields = (answer?.errors ?? []).map((one) => `${one.field}: ${one.message}`);
  return fields.join("; ") || (answer?.detail ?? "");
}

function summary(labels) {
  const [best] = labels;
  const codes = (decision) => labels.filter((one) => one.decision === decision).map((one) => one.code);
  return {
    code: best?.code ?? null,
    title: best?.title ?? null,
    score: best?.score ?? null,
    decision: best?.decision ?? null,
    assigned: codes("assigned"),
    possible: codes("possible"),
  };
}

/** Return the rows that a filter `{words, list, decision}` leaves, sorted by `{column, down}`. */
export function chosen(rows, filter, order) {
  const words = filter.words.normalize("NFKC").toLowerCase().trim();
  const left = rows.filter((row) => fits(row, filter) && (!words || haystack(row).includes(words)));
  const value = (row) => sortValue(row, order.column);
  const sign = order.down ? -1 : 1;
  return left.sort((a, b) => sign * compared(value(a), value(b)) || a.row - b.row);
}

function fits(row, { list, decision }) {
  if (decision === "all") return true;
  if (decision === "error") return row.error !== null;
  const lists = list ? [row.lists[list]] : Object.values(row.lists);
  const least = RANK[decision];
  return lists.some((one) => one && (RANK[one.decision] ?? 0) >= least);
}

function haystack(row) {
  const labels = Object.entries(row.lists).flatMap(([list, one]) => [`${list}:${one.code}`, one.title?.en ?? "", one.title?.ja ?? ""]);
  return [row.id, row.title, ...labels].join("\n").normalize("NFKC").toLowerCase();
}

function sortValue(row, column) {
  if (column in row) return row[column];
  return row.lists[column]?.score ?? -1;
}

function compared(a, b) {
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
}
