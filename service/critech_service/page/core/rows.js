// A dropped file as documents, read piece by piece: no more of it is held than is being sent.

import { CsvReader, separatorOf } from "./csv.js";
import { symbols } from "./filing.js";
import { wellFormed } from "./codepoints.js";

const PIECE = 262_144;
const NAMES = {
  text: ["text", "abstract", "本文", "要約", "要約書", "文面"],
  title: ["title", "発明の名称", "名称", "題名"],
  id: ["id", "number", "publication_number", "application_number", "整理番号", "出願番号", "公開番号"],
  ipc: ["ipc", "ipcs", "国際特許分類"],
};
export const PARTS = Object.keys(NAMES);
// a NUL, and how Parquet, zip, PDF, gzip and zstd begin, as the web's latin1 (windows-1252) reads them
const BINARY = /\0|^(PAR1|PK\x03\x04|%PDF-|\x1f\u2039|\(\xb5\/\xfd)/;
const OTHER_FORM = /^\s*(<[?!a-z]|\[\s*[{\]])/i; // XML, a JSON array

/** Return what a file is: its encoding, whether JSON lines or CSV, and for CSV its columns and which
 * of them seems to be what; or, where it is neither, only `refused` (`empty`, `form`). */
export async function inspected(file) {
  const head = new Uint8Array(await file.slice(0, PIECE).arrayBuffer());
  if (BINARY.test(new TextDecoder("latin1").decode(head))) return { refused: "form" };
  const encoding = encodingOf(head);
  const text = new TextDecoder(encoding).decode(head, { stream: true });
  if (!text.trim()) return { refused: "empty" };
  if (OTHER_FORM.test(text)) return { refused: "form" };
  if (/^\s*\{/.test(text)) return { encoding, kind: "jsonl" };
  const separator = separatorOf(text.split("\n", 1)[0]);
  const reader = new CsvReader(separator);
  const columns = reader.push(text)[0] ?? reader.end()[0] ?? [];
  const plain = columns.map((name) => name.trim().toLowerCase());
  const guess = PARTS.map((part) => [part, plain.findIndex((name) => NAMES[part].includes(name))]);
  return { encoding, kind: "csv", separator, columns, mapping: Object.fromEntries(guess) };
}

/** Yield `{row, document, why, read}`: the number of the row from 1, the document as the service takes
 * it, or null where the row is none and `why` (`json`, `text`), and how many bytes of the file were read. */
export async function* documents(file, found) {
  let row = 0;
  const records = found.kind === "csv" ? csvRecords(file, found) : jsonRecords(file, found);
  for await (const [record, read] of records) {
    row += 1;
    yield { row, ...record, read };
  }
}

async function* csvRecords(file, { encoding, separator, mapping }) {
  const reader = new CsvReader(separator);
  let header = true;
  for await (const [piece, read, last] of pieces(file, encoding)) {
    const rows = last ? [...reader.push(piece), ...reader.end()] : reader.push(piece);
    for (const cells of rows) {
      if (!header) yield [fromCells(cells, mapping), read];
      header = false;
    }
  }
}

async function* jsonRecords(file, { encoding }) {
  let rest = "";
  for await (const [piece, read, last] of pieces(file, encoding)) {
    const lines = (rest + piece).split("\n");
    rest = last ? "" : lines.pop();
    for (const line of lines) if (line.trim()) yield [fromJson(line), read];
  }
}

async function* pieces(file, encoding) {
  const decoder = new TextDecoder(encoding);
  for (let at = 0; at < file.size || at === 0; at += PIECE) {
    const bytes = await file.slice(at, at + PIECE).arrayBuffer();
    const last = at + PIECE >= file.size;
    yield [decoder.decode(bytes, { stream: !last }), Math.min(at + PIECE, file.size), last];
  }
}

/** UTF-8 where it can be that, else what Japanese offices still write. */
function encodingOf(bytes) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return "utf-8";
  } catch {
    return "shift_jis";
  }
}

function fromCells(cells, mapping) {
  const part = (name) => (mapping[name] >= 0 ? (cells[mapping[name]] ?? "").trim() : "");
  return asDocument(part("text"), part("title"), part("id"), symbols(part("ipc")));
}

function fromJson(line) {
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    return { document: null, why: "json" };
  }
  if (value === null || typeof value !== "object") return { document: null, why: "json" };
  const words = (one) => (typeof one === "string" ? one : typeof one === "number" ? String(one) : "");
  const ipc = Array.isArray(value.ipc) ? value.ipc.map(words) : symbols(words(value.ipc));
  return asDocument(words(value.text ?? value.abstract), words(value.title), words(value.id), ipc);
}

function asDocument(text, title, id, ipc) {
  const found = { text: wellFormed(text || title) };
  if (title && text) found.title = wellFormed(title);
  if (id) found.id = wellFormed(id);
  if (ipc.length) found.ipc = ipc;
  return found.text ? { document: found } : { document: null, why: "text" };
}
