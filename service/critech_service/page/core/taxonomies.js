// The taxonomies and the crosswalk, asked of the service once and kept while the tab lives.

/** Return every taxonomy with its labels, by id. */
export async function taxonomies(desk) {
  desk.state.taxonomies ??= (async () => {
    const { taxonomies: heads } = await desk.api.get("/v1/taxonomies");
    const whole = await Promise.all(heads.map((one) => desk.api.get(`/v1/taxonomies/${one.id}`)));
    return new Map(whole.map((one) => [one.id, one]));
  })();
  return kept(desk, "taxonomies");
}

/** Return the crosswalk as the service gives it. */
export async function crosswalk(desk) {
  desk.state.crosswalk ??= desk.api.get("/v1/crosswalk");
  return kept(desk, "crosswalk");
}

/** A failure is not kept: the next view asks again. */
async function kept(desk, name) {
  try {
    return await desk.state[name];
  } catch (error) {
    delete desk.state[name];
    throw error;
  }
}

/** Return a label by its id, `<taxonomy>:<code>`, or undefined. */
export function labelOf(known, id) {
  const [taxonomy, code] = id.split(":");
  return known.get(taxonomy)?.labels.find((one) => one.code === code);
}

/** Return the address of a label's page. */
export function labelLink(id) {
  return `#/explore/${id.replace(":", "/")}`;
}

/** Return `[taxonomy, label]` for all labels in which every word stands, in either language. */
export function found(known, words) {
  const wanted = plain(words).split(/\s+/).filter(Boolean);
  if (!wanted.length) return [];
  return [...known.values()].flatMap((taxonomy) =>
    taxonomy.labels
      .filter((label) => {
        const all = plain(searched(taxonomy.id, label));
        return wanted.every((word) => all.includes(word));
      })
      .map((label) => [taxonomy, label]),
  );
}

function searched(id, label) {
  const both = (words) => Object.values(words ?? {}).flat().join("\n");
  const symbols = (label.ipc_rules ?? []).flatMap((rule) => rule.all_of.flat());
  return [`${id}:${label.code}`, both(label.title), both(label.aliases), both(label.terms), both(label.definition), ...symbols].join("\n");
}

function plain(text) {
  return text.normalize("NFKC").toLowerCase();
}
