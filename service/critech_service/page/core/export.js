// The table as a file, made in the browser: nothing goes back to the service.

import { csvLine } from "./csv.js";

/** Return columns `{name, type, data}` of rows; types are those of the Parquet writer. */
export function columns(rows, lists) {
  const column = (name, type, value) => ({ name, type, nullable: true, data: rows.map(value) });
  return [
    column("row", "INT32", (row) => row.row),
    column("id", "STRING", (row) => row.id),
    column("title", "STRING", (row) => row.title),
    column("language", "STRING", (row) => row.language),
    ...lists.flatMap((list) => [
      column(`${list}:best`, "STRING", (row) => row.lists[list]?.code ?? null),
      column(`${list}:score`, "DOUBLE", (row) => row.lists[list]?.score ?? null),
      column(`${list}:assigned`, "STRING", (row) => row.lists[list]?.assigned.join(" ") ?? null),
      column(`${list}:possible`, "STRING", (row) => row.lists[list]?.possible.join(" ") ?? null),
    ]),
    column("error", "STRING", (row) => row.error),
  ];
}

/** Hand the reader a CSV file, in UTF-8 with the mark that spreadsheets look for. */
export function saveCsv(found) {
  const lines = found[0].data.map((_, n) => csvLine(found.map((one) => one.data[n])));
  save(["\ufeff", csvLine(found.map((one) => one.name)), ...lines], "text/csv", "critech.csv");
}

/** Hand the reader a Parquet file; the writer is loaded when it is first needed. */
export async function saveParquet(found) {
  const { parquetWriteBuffer } = await import("../vendor/hyparquet-writer.js");
  save([parquetWriteBuffer({ columnData: found })], "application/vnd.apache.parquet", "critech.parquet");
}

function save(parts, type, name) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
