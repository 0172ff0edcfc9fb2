// A filing: as the form holds it, as the service takes it, as a file may bring it.

import { wellFormed } from "./codepoints.js";

export const TEXTS = ["title", "abstract", "claims", "description"];
export const FACTS = ["invented_in_japan", "already_public"];
export const CONDITIONS = [
  "defence_use",
  "state_or_national_rd_applicant",
  "commissioned_rd_bayh_dole",
  "commissioned_rd_partial_transfer",
];
const ANSWERS = ["yes", "no", "unknown"];
const PLAIN = ["id", "title", "abstract", "claims", "description", "filing_date"];
const ASKED = [...FACTS, ...CONDITIONS];

/** Return a filing of which nothing is known. */
export function blank() {
  const unknown = (names) => names.map((name) => [name, "unknown"]);
  return Object.fromEntries([
    ...["id", ...TEXTS, "ipc", "filing_date", "language"].map((name) => [name, ""]),
    ...unknown(FACTS),
    ...unknown(CONDITIONS),
  ]);
}

/** Return the filing as the service takes it. */
export function asFiling(form) {
  const filing = { title: wellFormed(form.title), abstract: wellFormed(form.abstract) };
  for (const name of ["id", "claims", "description", "filing_date", "language"])
    if (form[name].trim()) filing[name] = wellFormed(form[name]);
  const ipc = symbols(form.ipc);
  if (ipc.length) filing.ipc = ipc;
  for (const name of FACTS) filing[name] = form[name];
  filing.conditions = Object.fromEntries(CONDITIONS.map((name) => [name, form[name]]));
  return filing;
}

/** Return the IPC symbols in a line or a column of them. */
export function symbols(text) {
  return wellFormed(text).split(/[\n,;、；]+/).map((one) => one.trim()).filter(Boolean);
}

/** Return what a file says of one filing, or null where it says nothing. The first line of a plain
 * text is its title. */
export function readFiling(content) {
  const text = content.replace(/^\ufeff/, "");
  if (/^\s*\{/.test(text)) return fromJson(text);
  const lines = text.trim().split(/\r?\n/);
  if (!lines[0]) return null;
  return { title: lines[0].slice(0, 2000), abstract: lines.slice(1).join("\n").trim() || lines[0] };
}

function fromJson(text) {
  let value = parsed(text) ?? parsed(text.trim().split("\n")[0]);
  if (Array.isArray(value?.filings)) value = value.filings[0];
  if (value === null || typeof value !== "object") return null;
  const given = Object.entries({ ...value, ...value.conditions });
  const found = given.filter(([name, one]) => PLAIN.includes(name) && typeof one === "string");
  const answered = given.filter(([name, one]) => ASKED.includes(name) && ANSWERS.includes(one));
  const ipc = Array.isArray(value.ipc) ? { ipc: value.ipc.join("; ") } : {};
  return found.length ? { ...Object.fromEntries([...found, ...answered]), ...ipc } : null;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
