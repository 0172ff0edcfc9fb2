// Requests to the service that served the page, and to nothing else.

/** A refusal of the service: problem details (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem, retryAfter = 1) {
    super(problem.detail ?? "");
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter; // seconds
  }
}

const KEPT = "critech.key";

/** Requests with the reader's key, which lives in this object, or, when the reader ticks so, in the
 * tab's session storage. */
export class Api {
  #key = sessionStorage.getItem(KEPT) ?? "";

  get hasKey() {
    return this.#key !== "";
  }

  useKey(key, kept) {
    this.#key = key;
    if (kept && key) sessionStorage.setItem(KEPT, key);
    else sessionStorage.removeItem(KEPT);
  }

  /** Return the answer to a request, or raise Refused; a network failure has status 0. */
  async send(path, options = {}) {
    const headers = { ...options.headers };
    if (this.#key) headers["X-API-Key"] = this.#key;
    let answer;
    try {
      answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, {});
    }
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, problem, Number(answer.headers.get("Retry-After")) || 1);
  }

  async get(path, signal) {
    return (await this.send(path, { signal })).json();
  }

  /** Return body and headers of the answer to a JSON request. */
  async post(path, body, signal) {
    const answer = await this.send(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    return { body: await answer.json(), headers: answer.headers };
  }
}
