/** The browser of the tests, and whether they may do without. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env.WAXDP_CHROMIUM ?? "/usr/bin/chromium";

/** There is none, and nobody demands one; with WAXDP_REQUIRE_TOOLS=1, as in CI, its lack is a failure. */
export const LACKS_CHROMIUM = !existsSync(CHROMIUM) && process.env.WAXDP_REQUIRE_TOOLS !== "1";

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
