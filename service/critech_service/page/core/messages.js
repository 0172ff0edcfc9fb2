// Words of the page in the reader's language. Both tables have the same keys; a test sees to it.

const tables = new Map();

/** Return the table of a language, fetched once. */
export async function load(language) {
  if (!tables.has(language)) {
    const answer = await fetch(`/page/messages/${language}.json`);
    tables.set(language, await answer.json());
  }
  return tables.get(language);
}

/** Return a function from a key and values to words. An unknown key shows as itself. */
export function translator(table) {
  return (key, values = {}) =>
    (table[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
