/** An answer of one of kube-proxy's HTTP servers, as far as its handlers write it. */

export interface Answer {
  readonly status: 200 | 503;
  /** In canonical spelling; Content-Length and Date are the server's. */
  readonly headers: Readonly<Record<string, string>>;
  /** The exact text; it has no newline at its end. */
  readonly body: string;
}

/** What every health answer carries: pkg/proxy/healthcheck/{service,proxy}_health.go. */
export const JSON_HEADERS = {
  "Content-Type": "application/json",
  "X-Content-Type-Options": "nosniff",
} as const;

/** What load balancers look at: RFC 9110 sections 15.3.1 and 15.6.4. */
export function statusOf(healthy: boolean): 200 | 503 {
  return healthy ? 200 : 503;
}
