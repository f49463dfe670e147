/** Real servers: each test starts a `scrip` of its own. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { ScripClient, type HttpOptions } from "../src/index.js";

const run = promisify(execFile);
const PROGRAM = required("SCRIP_PROGRAM");
const FROM_ENVIRONMENT = /^(AMQP_URL|DATABASE_URL|REDIS_URL|RUST_LOG|SCRIP_)/;
const CONFIGURATION = `
[prices]
"google:chat" = 2
"google:image" = 5
"llm:tokens" = { credits = 1, per = 100 }
`;

/** Returns an environment variable that the tests need. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; tests/run sets it (see CONTRIBUTING.md)`);
  return value;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A worker that serves the HTTP API. It can be killed and started again at the same address. */
export class Server {
  #process: ChildProcess | undefined;
  #token = "";

  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly environment: Record<string, string>,
  ) {}

  /** Starts a server: on one SQLite file, or on the servers that `environment` names. */
  static async start(environment: Record<string, string> = {}): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "scrip-client-"));
    await writeFile(join(folder, "scrip.toml"), CONFIGURATION);
    const server = new Server(folder, await freePort(), environment);
    if (environment["DATABASE_URL"]) await server.scrip("migrate", "up");
    await server.run();
    server.#token = (await server.scrip("token", "create", "test", "--role", "admin")).trim();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  client(options: Partial<HttpOptions> = {}): ScripClient {
    return new ScripClient({ url: this.url, token: this.#token, ...options });
  }

  get token(): string {
    return this.#token;
  }

  /** Starts the process and waits until it is ready. */
  async run(): Promise<void> {
    const child = spawn(PROGRAM, ["run", "--http", `127.0.0.1:${this.port}`], {
      cwd: this.folder,
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    const waited = new Set(["ready", "serving HTTP"]);
    const log: string[] = [];
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on("line", (line) => {
          log.push(line);
          for (const text of waited) if (line.includes(text)) waited.delete(text);
          if (waited.size === 0) resolve();
        });
      }
      child.once("exit", (code) => reject(new Error(`scrip ended: ${code}\n${log.join("\n")}`)));
    });
  }

  /** Ends the process at any instruction. Then the next one waits for the lease of this one. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Ends the process when its work is done. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.run();
  }

  /** Runs a command of the program and returns what it prints. */
  async scrip(...words: string[]): Promise<string> {
    return (await run(PROGRAM, words, { cwd: this.folder, env: this.#environment() })).stdout;
  }

  /** Ends the process, checks the books, and removes everything. */
  async end(): Promise<void> {
    await this.scrip("verify");
    await this.kill();
    await rm(this.folder, { recursive: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const inherited = Object.entries(process.env).filter(([name]) => !FROM_ENVIRONMENT.test(name));
    return {
      ...Object.fromEntries(inherited),
      SCRIP_CONFIG: join(this.folder, "scrip.toml"),
      SCRIP_DATA_DIR: this.folder,
      ...this.environment,
    };
  }
}
