/** A program compiled in a real browser, by the compiler that an import map names, and run there by both engines. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LACKS_CHROMIUM, launch } from "./chromium.ts";

const require = createRequire(import.meta.url);
const COMPILER = dirname(dirname(require.resolve("assemblyscript/dist/asc.js")));
const MODULES = dirname(COMPILER);

/** Of the packages, only what the compiler consists of. */
const SERVED = /^\/(assemblyscript\/dist\/\w+|binaryen\/index|long\/index)\.js$/;

let server: Server;
let browser: Browser;

function fileOf(url: string): string | undefined {
  if (url === "/waxdp.js") return "dist/waxdp.js";
  return SERVED.test(url) ? join(MODULES, url) : undefined;
}

beforeAll(async () => {
  if (LACKS_CHROMIUM) return;
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const page = ["/", "/bare"].includes(pathname)
      ? readFileSync("test/browser/program.html", "utf8")
      : undefined;
    if (page !== undefined) {
      const map = /<script type="importmap">[\s\S]*?<\/script>/;
      response.writeHead(200, { "content-type": "text/html" });
      return response.end(pathname === "/bare" ? page.replace(map, "") : page);
    }
    const file = fileOf(pathname);
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/javascript" });
    response.end(readFileSync(file));
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
  const { port } = server.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}${path}`);
  const output = await page.waitForSelector("output", { timeout: 90_000 });
  return JSON.parse((await output.textContent()) ?? "");
}

describe.skipIf(LACKS_CHROMIUM)("a page", () => {
  test("compiles a program, runs it in both engines and is told of mistakes by line", async () => {
    const result = { verdicts: ["PASS", "DROP"], saddr: "10.244.0.9", count: 2 };
    expect(await open("/")).toMatchObject({
      tag: expect.stringMatching(/^[0-9a-f]{16}$/),
      results: [result, result],
      wrong: { code: "compile", line: 7, column: 12 },
    });
  });

  test("without an import map is told what it lacks", async () => {
    expect(await open("/bare")).toMatchObject({
      code: "no-compiler",
      message: expect.stringContaining("import map"),
    });
  });
});
