/**
 * The programs that talk to the Services, one address family after the other.
 *
 *     node clients.mjs pods|outside|hairpin COUNT BYTES
 *
 * COUNT is how many short connections go to each Service, BYTES the size of the large answers.
 */
import { createSocket } from "node:dgram";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeQuery, TYPE_A, TYPE_AAAA } from "./dns.mjs";

const [role, count, bytes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

/** Ports that record.sh knows: one packet of each such connection is lost. */
const PORT_OF_LOST_REQUEST = 41000;
const PORT_OF_LOST_ANSWER = 41001;

const IPV4 = {
  ip: 4,
  web: "10.96.0.80",
  dns: "10.96.0.10",
  api: "10.96.0.21",
  payments: "10.96.0.23",
  edge: "203.0.113.10",
  node: "192.168.0.2",
  pod: "10.244.2.33",
  pods: ["10.244.1.17", "10.244.1.18", "10.244.1.19", "10.244.1.20"],
  outside: ["192.168.0.50", "192.168.0.51", "192.168.0.52"],
  stranger: "192.168.0.200",
};
const IPV6 = {
  ip: 6,
  web: "fd00:20::50",
  dns: "fd00:20::a",
  api: "fd00:20::15",
  payments: "fd00:20::17",
  edge: "2001:db8:1::10",
  node: "2001:db8::2",
  pod: "fd00:10:2::21",
  pods: ["fd00:10:1::11", "fd00:10:1::12", "fd00:10:1::13", "fd00:10:1::14"],
  outside: ["2001:db8::50", "2001:db8::51", "2001:db8::52"],
  stranger: "2001:db8::200",
};

/** One HTTP request: the length of its answer, or the code of the error that met it. */
function fetchText(host, { port = 80, from, path = "/", body, ...options }) {
  return new Promise((done) => {
    const headers = { host: "example", ...(body && { "content-length": body.length }) };
    const method = body ? "POST" : "GET";
    const request = httpRequest({
      host,
      port,
      path,
      method,
      headers,
      localAddress: from,
      agent: false,
      ...options,
    });
    request.on("response", (response) => {
      let length = 0;
      response.on("data", (chunk) => {
        length += chunk.length;
      });
      response.on("end", () => done(length));
      response.on("error", (error) => done(error.code));
    });
    request.on("error", (error) => done(error.code));
    request.end(body);
  });
}

/** Both questions of a stub resolver, asked from one socket. */
async function resolve({ dns, ip }, from, name, id) {
  const socket = createSocket(`udp${ip}`);
  await new Promise((done) => socket.bind({ address: from }, done));
  let answers = 0;
  socket.on("message", () => answers++);
  for (const [index, type] of [TYPE_A, TYPE_AAAA].entries()) {
    socket.send(encodeQuery(id + index, name, type), 53, dns);
    await sleep(10);
  }
  socket.close();
  return answers;
}

function resolveOverTcp({ dns }, from, name, id) {
  return new Promise((done) => {
    const query = encodeQuery(id, name, TYPE_A);
    const socket = connect({ host: dns, port: 53, localAddress: from });
    socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
    socket.on("data", (reply) => done(reply.length));
    socket.on("error", (error) => done(error.code));
  });
}

/** Hangs up without a goodbye while an answer is on its way. */
function abort(host, from) {
  return new Promise((done) => {
    const socket = connect({ host, port: 80, localAddress: from });
    socket.write("GET /bytes/2048 HTTP/1.1\r\nhost: example\r\n\r\n");
    socket.once("data", () => socket.resetAndDestroy());
    socket.on("close", () => done("aborted"));
  });
}

/** A connection attempt that gets no answer, given up after the first retransmission of its SYN. */
function knock(host, port, from) {
  return new Promise((done) => {
    const socket = connect({ host, port, localAddress: from });
    const timer = setTimeout(() => socket.destroy(), 1300);
    socket.on("error", () => {});
    socket.on("connect", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      done("closed");
    });
  });
}

async function keepAlive(host, from) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const lengths = [];
  for (const path of ["/", "/bytes/512", "/", `/bytes/${bytes / 8}`, "/"]) {
    lengths.push(await fetchText(host, { from, path, agent }));
  }
  agent.destroy();
  return lengths.join(" ");
}

async function visitFromPods(family) {
  const [first, second, third, fourth] = family.pods;
  report("resolve", await resolve(family, first, "web.default.svc.cluster.local", 0x1000));
  report("resolve unknown", await resolve(family, second, "web.shop.svc.cluster.local", 0x2000));
  report(
    "resolve over tcp",
    await resolveOverTcp(family, third, "api.shop.svc.cluster.local", 0x3000),
  );
  report("keep-alive", await keepAlive(family.web, first));
  report("large answer", await fetchText(family.web, { from: second, path: `/bytes/${bytes}` }));
  await visitShortly(family);
  report(
    "lost request",
    await fetchText(family.web, { from: third, localPort: PORT_OF_LOST_REQUEST }),
  );
  report(
    "lost answer",
    await fetchText(family.web, {
      from: fourth,
      localPort: PORT_OF_LOST_ANSWER,
      path: "/bytes/2048",
    }),
  );
  report("reset by server", await fetchText(family.web, { from: first, path: "/reset" }));
  report("reset by client", await abort(family.web, second));
  report("closed port", await fetchText(family.api, { from: third, port: 9090 }));
  report("no endpoints", await fetchText(family.payments, { from: fourth }));
  report("load balancer", await fetchText(family.edge, { from: first }));
  report("no service", await fetchText(family.pod, { from: second, port: 8080 }));
}

async function visitShortly(family) {
  for (let index = 0; index < count; index++) {
    const from = family.pods[index % family.pods.length];
    report("short", await fetchText(family.web, { from }));
    report("order", await fetchText(family.api, { from, body: '{"item":"socks","count":2}' }));
  }
}

async function visitFromOutside(family) {
  for (const from of family.outside.slice(0, count)) {
    report("node port", await fetchText(family.node, { from, port: 30080, path: "/bytes/512" }));
    report("load balancer", await fetchText(family.edge, { from }));
  }
  report("load balancer, keep-alive", await keepAlive(family.edge, family.outside[0]));
  report("outside the source ranges", await knock(family.edge, 80, family.stranger));
}

/** A pod that calls its own Service and is its only endpoint. */
async function visitItself(family) {
  const self = family === IPV4 ? "10.244.1.35" : "fd00:10:1::23";
  report("hairpin", await fetchText(family.api, { from: self }));
}

function report(what, result) {
  console.log(`${what}: ${result}`);
}

const visits = { pods: visitFromPods, outside: visitFromOutside, hairpin: visitItself };
for (const family of [IPV4, IPV6]) await visits[role](family);
