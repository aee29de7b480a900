/** A pool in a real browser: workers from a script in the package, or from an address where a page allows no other. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LACKS_CHROMIUM, launch } from "./chromium.ts";

const FILES: Readonly<Record<string, [path: string, type: string]>> = {
  "/waxdp.js": ["dist/waxdp.js", "text/javascript"],
  "/worker.js": ["dist/worker.js", "text/javascript"],
};
const PAGE = "test/browser/pool.html";

const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
const policy = (workers: string) => ({
  "content-security-policy": `default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src ${workers}`,
});
/** Headers of the page, by its path. */
const PAGES: Readonly<Record<string, Record<string, string>>> = {
  "/isolated": { ...ISOLATED, ...policy("blob:") },
  "/strict": { ...ISOLATED, ...policy("'self'") },
  "/alone": policy("blob:"),
};

let server: Server;
let browser: Browser;

beforeAll(async () => {
  if (LACKS_CHROMIUM) return;
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const page = PAGES[pathname];
    const [path, type] = page ? [PAGE, "text/html"] : (FILES[pathname] ?? []);
    if (!path) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type, ...(page ?? ISOLATED) });
    response.end(readFileSync(path));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function open(path: string): Promise<unknown> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  const { port } = server.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}${path}`);
  // Nothing is evaluated in the page: its policy forbids that.
  const output = await page.waitForSelector("output", { timeout: 30_000 });
  expect(problems).toEqual([]);
  return JSON.parse((await output.textContent()) ?? "");
}

const TRANSLATED = {
  shards: [expect.any(Number), expect.any(Number)],
  event: { verdict: "PASS", action: "dnat", backend: "10.244.0.5:8080" },
  same: true,
};

describe.skipIf(LACKS_CHROMIUM)("a page", () => {
  test("that is isolated runs workers from the one file", async () => {
    expect(await open("/isolated")).toMatchObject(TRANSLATED);
  });

  test("that lets in no blobs names the worker's address", async () => {
    expect(await open("/strict?worker=/worker.js")).toMatchObject(TRANSLATED);
  });

  test("that lets in no blobs and names no address is told that workers cannot start", async () => {
    expect(await open("/strict")).toMatchObject({
      code: "worker-died",
      message: expect.stringContaining("worker"),
    });
  });

  test("that is not isolated is told what it lacks", async () => {
    expect(await open("/alone")).toMatchObject({
      code: "no-shared-memory",
      message: expect.stringContaining("Cross-Origin-Opener-Policy"),
    });
  });
});
