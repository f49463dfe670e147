/** Requests to the HTTP API: headers, attempts and errors. */
import { ProblemError } from "./errors.js";
import { parse } from "./json.js";
import { Deadline, Retry, retry, type RetryOptions } from "./retry.js";
import type { RequestOptions } from "./types.js";

/** How to reach the API. */
export interface HttpOptions {
  /** The address of the API, such as `http://127.0.0.1:8080`. */
  url: string;
  /** A token of `scrip token create`, or a user token. */
  token: string;
  /** The time limit of each request in milliseconds, all attempts included. Default: 30,000. */
  timeoutMs?: number;
  /** The time limit of one attempt, without the wait for an outcome. Default: 10,000. */
  attemptTimeoutMs?: number;
  retry?: RetryOptions;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
}

/** A response that is not an error. */
export interface Answer {
  status: number;
  headers: Headers;
  body: unknown;
}

export interface HttpRequest {
  /** A name for errors. */
  what: string;
  path: string;
  body?: string;
  headers?: Record<string, string>;
  /** The seconds that the server may wait for an outcome. */
  waitSeconds?: number;
}

/** Problems of the transfer or of the moment. Carrying the request out again changes nothing. */
const RETRYABLE = new Set(["incomplete_body", "request_timeout", "rate_limited"]);

/** Sends requests. Every request of the API may be repeated: commands have a reference. */
export class HttpTransport {
  readonly #base: string;
  readonly #token: string;
  readonly #timeoutMs: number;
  readonly #attemptTimeoutMs: number;
  readonly retryOptions: RetryOptions;
  readonly #fetch: typeof fetch;

  constructor(options: HttpOptions) {
    this.#base = checkedUrl(options.url);
    this.#token = checkedToken(options.token);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? 10_000;
    this.retryOptions = options.retry ?? {};
    // Called as a method of another object, `fetch` fails in some runtimes.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  deadline(what: string, options: RequestOptions = {}): Deadline {
    return new Deadline(what, options.timeoutMs ?? this.#timeoutMs, options.signal);
  }

  /**
   * Sends a request until the API has answered or the deadline has passed. An answer of a proxy,
   * and a failure of the server, say nothing about the request.
   */
  request(request: HttpRequest, deadline: Deadline, isRepeated = false): Promise<Answer> {
    const attempt = () => this.#attempt(request, deadline);
    return retry(deadline, this.retryOptions, attempt, isRepeated);
  }

  async #attempt(request: HttpRequest, deadline: Deadline): Promise<Answer | Retry> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#token}`,
      ...request.headers,
    };
    if (request.waitSeconds) headers["prefer"] = `wait=${request.waitSeconds}`;
    if (request.body !== undefined) headers["content-type"] = "application/json";
    const limit = this.#attemptTimeoutMs + (request.waitSeconds ?? 0) * 1_000;
    const timer = AbortSignal.timeout(Math.max(1, Math.min(limit, deadline.leftMs)));
    const signal = deadline.signal ? AbortSignal.any([deadline.signal, timer]) : timer;
    const method = request.body === undefined ? "GET" : "POST";
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#base + request.path, {
        method,
        headers,
        signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      text = await response.text();
    } catch (error) {
      deadline.signal?.throwIfAborted();
      return new Retry(error);
    }
    const { status } = response;
    const seconds = Number(response.headers.get("retry-after") ?? 0);
    const afterMs = Number.isFinite(seconds) ? seconds * 1_000 : 0;
    if (!isObject(text)) return new Retry(notOfApi(status), afterMs);
    if (response.ok) return { status, headers: response.headers, body: parse(text) };
    const problem = problemOf(status, text);
    const isFinal = problem && status < 500 && !RETRYABLE.has(problem.code);
    if (isFinal) throw problem;
    return new Retry(problem ?? notOfApi(status), afterMs);
  }
}

/** The errors of the two functions do not show the value, because it is a secret or has one. */
function checkedUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed?.protocol.startsWith("http") || parsed.username || parsed.password) {
    const form = "`url` must be like http://127.0.0.1:8080, without a user and a password";
    throw new ProblemError("invalid_field", form, { field: "url" });
  }
  return parsed.href.replace(/\/+$/, "");
}

function checkedToken(token: string): string {
  const trimmed = typeof token === "string" ? token.trim() : "";
  if (!/^[\x21-\x7e]+$/.test(trimmed)) {
    const form = "`token` must be one word of visible ASCII characters";
    const advice = "use what `scrip token create` prints";
    throw new ProblemError("invalid_field", `${form}; ${advice}`, { field: "token" });
  }
  return trimmed;
}

/** Whether a text is JSON of the kind that the API returns. */
function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

function notOfApi(status: number): ProblemError {
  const detail = `the response has status ${status} and is not from the API; check the address`;
  return new ProblemError(`http_${status}`, detail, { status });
}

/** The error that a response of the API describes. */
function problemOf(status: number, text: string): ProblemError | undefined {
  const { code, detail, field, index } = JSON.parse(text) as {
    code?: unknown;
    detail?: unknown;
    field?: string;
    index?: number;
  };
  if (typeof code !== "string") return undefined;
  return new ProblemError(code, typeof detail === "string" ? detail : "without a reason", {
    status,
    ...(field !== undefined && { field }),
    ...(index !== undefined && { index }),
  });
}
