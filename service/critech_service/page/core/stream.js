// Rows through POST /v1/classify/stream. A browser can send a body while it is being made over
// HTTP/2 only, and reads no answer before all is sent; so rows go in pieces that fit the buffers
// between, one after another, and each answer is read line by line as it comes.

import { Refused } from "./api.js";

const MAX_ROWS = 32;
const MAX_BYTES = 48_000;
const PATIENCE = 6;
export const TOP_K = 5;

/** Yield `[row, answer]` for all rows, in order. A row without a document has the answer null. The
 * service is waited for when it is busy; any other refusal is raised. */
export async function* classified(api, rows, signal) {
  let piece = [];
  let size = 0;
  for await (const row of rows) {
    if (row.document) {
      row.line = JSON.stringify(row.document);
      size += row.line.length * 3;
    }
    piece.push(row);
    if (piece.length >= MAX_ROWS || size >= MAX_BYTES) {
      yield* sent(api, piece, signal);
      [piece, size] = [[], 0];
    }
  }
  if (piece.length) yield* sent(api, piece, signal);
}

async function* sent(api, piece, signal) {
  const asked = piece.filter((row) => row.document);
  const answers = asked.length ? lines(await posted(api, asked, signal)) : null;
  for (const row of piece) {
    const answer = row.document ? (await answers.next()).value : null;
    if (answer === undefined) throw new Refused(0, {});
    delete row.line;
    yield [row, answer];
  }
}

async function posted(api, asked, signal) {
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/x-ndjson" },
    body: asked.map((row) => row.line).join("\n"),
    signal,
  };
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.send(`/v1/classify/stream?top_k=${TOP_K}`, options);
    } catch (error) {
      const busy = error instanceof Refused && [429, 503].includes(error.status);
      if (!busy || tries >= PATIENCE) throw error;
      await new Promise((done) => setTimeout(done, 1000 * error.retryAfter));
    }
  }
}

async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}
