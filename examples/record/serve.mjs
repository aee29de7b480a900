/**
 * The pods of one node: HTTP on ports 8080 and 3000, DNS over UDP and TCP on port 53. Port 9100
 * stays closed, so that a Service that points there is refused by its endpoint.
 *
 *     node serve.mjs ADDRESS...      the addresses that answer DNS over UDP
 */
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer, isIPv4 } from "node:net";
import { answer } from "./dns.mjs";

const LINE = "the quick brown fox jumps over the lazy dog 0123456789 ABCDEFGH\n";

function respond(request, response) {
  const { pathname } = new URL(request.url, "http://pod");
  response.setHeader("server", "example");
  const size = /^\/bytes\/(\d+)$/.exec(pathname)?.[1];
  if (size) return respondText(response, LINE.repeat(Number(size) / LINE.length));
  if (pathname === "/reset") return reset(request, response);
  if (request.method === "POST") return takeOrder(request, response);
  respondText(response, `hello from ${request.socket.localAddress.replace("::ffff:", "")}\n`);
}

function respondText(response, text) {
  response.writeHead(200, { "content-type": "text/plain", "content-length": text.length });
  response.end(text);
}

function takeOrder(request, response) {
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
  });
  request.on("end", () => {
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ status: "accepted", length }));
  });
}

/** A server that dies in the middle of its answer. */
function reset(request, response) {
  response.writeHead(200, { "content-type": "text/plain", "content-length": 4 * LINE.length });
  response.write(LINE);
  setTimeout(() => request.socket.resetAndDestroy(), 20);
}

function serveDns(address) {
  const socket = createSocket(isIPv4(address) ? "udp4" : "udp6");
  socket.on("message", (query, client) => socket.send(answer(query), client.port, client.address));
  socket.bind(53, address);
}

/** RFC 1035 section 4.2.2: a length in front of each message. */
function serveDnsStream(socket) {
  socket.on("error", () => socket.destroy());
  socket.once("data", (bytes) => {
    const reply = answer(bytes.subarray(2));
    socket.end(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 0xff]), reply]));
  });
}

for (const port of [8080, 3000]) createHttpServer(respond).listen(port);
createServer(serveDnsStream).listen(53);
for (const address of process.argv.slice(2)) serveDns(address);
