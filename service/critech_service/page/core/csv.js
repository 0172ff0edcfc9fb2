// CSV by RFC 4180: read in pieces, written so that no spreadsheet runs a cell.

/** Reads records from text that comes in pieces; quotes, separators and line ends may stand in a
 * quoted cell. A quote within an unquoted cell is taken as it is. */
export class CsvReader {
  #row = [];
  #cell = "";
  #quoted = false;
  #closing = false;

  constructor(separator = ",") {
    this.separator = separator;
  }

  /** Return the records that end in this piece. */
  push(piece) {
    const rows = [];
    for (const char of piece) this.#take(char, rows);
    return rows;
  }

  /** Return the last record, if it lacks its line end. */
  end() {
    const rows = [];
    if (this.#closing) this.#quoted = false;
    if (this.#cell || this.#row.length) this.#endRow(rows);
    return rows;
  }

  #take(char, rows) {
    if (this.#closing) {
      this.#closing = false;
      if (char === '"') {
        this.#cell += '"';
        return;
      }
      this.#quoted = false;
    }
    if (this.#quoted) {
      if (char === '"') this.#closing = true;
      else this.#cell += char;
    } else if (char === '"' && this.#cell === "") this.#quoted = true;
    else if (char === this.separator) this.#endCell();
    else if (char === "\n") this.#endRow(rows);
    else if (char !== "\r") this.#cell += char;
  }

  #endCell() {
    this.#row.push(this.#cell);
    this.#cell = "";
  }

  #endRow(rows) {
    this.#endCell();
    if (this.#row.length > 1 || this.#row[0] !== "") rows.push(this.#row);
    this.#row = [];
  }
}

/** Return the separator of a header line: the one of comma, semicolon and tab that it has most of. */
export function separatorOf(line) {
  const count = (char) => line.split(char).length;
  return [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
}

// what a spreadsheet takes for a formula, in half and full width, after spaces and quotes, too; in a
// cell also after what may end it where the list separator is another, for which quotes do not help
const FORMULA = /^[\s"]*[=+\-@|＝＋－＠]|^[\t\r\n]/;
const FORMULA_INSIDE = /[;\t\r\n](?=(?:[^\S\t\r\n]|")*[=+\-@|＝＋－＠])/g;

/** Return a record as a line. Text that a spreadsheet would run is led by an apostrophe. */
export function csvLine(cells) {
  return `${cells.map(cell).join(",")}\r\n`;
}

function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = (FORMULA.test(value) ? `'${value}` : value).replace(FORMULA_INSIDE, "$&'");
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
