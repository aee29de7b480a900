/** How long it takes from the import to the first verdict, in processes that have never seen the package. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import type { Absent } from "../heats/contestant.ts";
import { type Timing, timing } from "../heats/sample.ts";

export interface Startup {
  /** Bytes of dataplane.wasm, and of the file a page loads. */
  readonly module: number;
  readonly bundle: number;
  /** Milliseconds. */
  readonly node: Timing;
  readonly chromium: Timing | Absent;
}

const PROCESSES = 7;
const PAGES = 7;
/** Milliseconds: a process takes some fifty. */
const PATIENCE = 30_000;
const CHROMIUM = process.env.WAXDP_CHROMIUM ?? "/usr/bin/chromium";

const run = promisify(execFile);

/** One Service with one endpoint, and a SYN to it. */
const OBJECTS = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "bench", name: "web" },
    spec: { clusterIP: "10.96.0.1", ports: [{ port: 80 }] },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace: "bench",
      name: "web-1",
      labels: { "kubernetes.io/service-name": "web" },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.244.0.1"] }],
    ports: [{ port: 8080 }],
  },
];

/** What every process and every page does, `url` being the package's. */
function script(url: string, frame: Uint8Array): string {
  return `(async () => {
    const start = performance.now();
    const { createDataplane, parseObjects } = await import(${JSON.stringify(url)});
    const dataplane = await createDataplane();
    dataplane.apply(parseObjects(${JSON.stringify(OBJECTS)}));
    const frame = Uint8Array.from(${JSON.stringify([...frame])});
    const { verdict, event } = dataplane.process(frame, { now: 0 });
    const time = performance.now() - start;
    if (verdict !== "PASS" || event.action !== "dnat") throw new Error(verdict);
    return time;
  })()`;
}

/** Undefined when the package was not built, or its one-file edition was not. */
export async function startup(frame: Uint8Array): Promise<Startup | undefined> {
  const dist = distFolder();
  if (dist === undefined) return undefined;
  return {
    module: statSync(new URL("dataplane.wasm", dist)).size,
    bundle: statSync(new URL("waxdp.js", dist)).size,
    node: await inNode(new URL("src/index.js", dist).href, frame),
    chromium: await inChromium(new URL("waxdp.js", dist), frame),
  };
}

/** This file is dist/bench/measurements/startup.js; in a test, bench/measurements/startup.ts beside dist/. */
function distFolder(): URL | undefined {
  return ["../../", "../../dist/"]
    .map((path) => new URL(path, import.meta.url))
    .find((url) =>
      ["dataplane.wasm", "waxdp.js", "src/index.js"].every((name) =>
        existsSync(fileURLToPath(new URL(name, url))),
      ),
    );
}

async function inNode(url: string, frame: Uint8Array): Promise<Timing> {
  const text = `${script(url, frame)}.then((time) => console.log(time))`;
  const times: number[] = [];
  for (let i = 0; i < PROCESSES; i++) {
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", text], {
      timeout: PATIENCE,
    });
    times.push(Number(stdout));
  }
  return timing(times);
}

async function inChromium(bundle: URL, frame: Uint8Array): Promise<Timing | Absent> {
  const name = "chromium";
  if (!existsSync(CHROMIUM)) return { name, reason: `there is no ${CHROMIUM} ($WAXDP_CHROMIUM)` };
  const playwright = await import("playwright-core").catch(() => undefined);
  if (playwright === undefined) return { name, reason: "playwright-core is not installed" };
  const server = await serve(bundle);
  let browser: Browser | undefined;
  try {
    browser = await playwright.chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
    return await inPages(browser, (server.address() as AddressInfo).port, frame);
  } catch (error) {
    return { name, reason: (error as Error).message.split("\n", 1)[0] as string };
  } finally {
    await browser?.close();
    server.close();
  }
}

/** Each page is of a context of its own, which has cached neither the file nor its compiled code. */
async function inPages(browser: Browser, port: number, frame: Uint8Array): Promise<Timing> {
  const times: number[] = [];
  for (let i = 0; i < PAGES; i++) {
    const context = await browser.newContext();
    const page: Page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    times.push(await page.evaluate<number>(script("/waxdp.js", frame)));
    await context.close();
  }
  return timing(times);
}

async function serve(bundle: URL): Promise<Server> {
  const code = readFileSync(bundle);
  const server = createServer((request, response) => {
    const page = request.url !== "/waxdp.js";
    response.writeHead(200, { "content-type": page ? "text/html" : "text/javascript" });
    response.end(page ? "<!doctype html><title>waxdp</title>" : code);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}
