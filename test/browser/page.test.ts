/** The package in a real browser, from a plain page: no bundler, no import map. */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LACKS_CHROMIUM, launch } from "./chromium.ts";

const FILES: Readonly<Record<string, [path: string, type: string]>> = {
  "/": ["test/browser/page.html", "text/html"],
  "/waxdp.js": ["dist/waxdp.js", "text/javascript"],
};

let server: Server;
let browser: Browser;

beforeAll(async () => {
  if (LACKS_CHROMIUM) return;
  server = createServer((request, response) => {
    const [path, type] = FILES[request.url ?? ""] ?? [];
    if (!path) return response.writeHead(404).end();
    response.writeHead(200, {
      "content-type": type,
      // What a careful site sends; compiling the inlined module needs the one extra word.
      "content-security-policy":
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
    });
    response.end(readFileSync(path));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

it.skipIf(LACKS_CHROMIUM)("a plain page translates packets, the same in both engines", async () => {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  const { port } = server.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForFunction("window.outcome !== undefined", undefined, { timeout: 30_000 });
  expect(problems).toEqual([]);
  expect(await page.evaluate("window.outcome")).toMatchObject({
    wasm: {
      verdict: "PASS",
      action: "dnat",
      service: "default/web:http",
      backend: "10.244.0.5:8080",
    },
    same: true,
  });
});
