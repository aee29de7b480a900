/**
 * Four resolvers that ask at four rates, each from an address and a port of its own, all at once.
 *
 *     node bursts.mjs
 */
import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeQuery, TYPE_A } from "./dns.mjs";

/** `times` rounds of `size` questions, `pause` milliseconds apart. */
const RESOLVERS = [
  { from: "10.244.1.17", to: "10.96.0.10", times: 24, size: 1, pause: 100 }, // steady
  { from: "10.244.1.18", to: "10.96.0.10", times: 3, size: 8, pause: 1000 }, // small bursts
  { from: "10.244.1.19", to: "10.96.0.10", times: 100, size: 1, pause: 20 }, // too fast
  { from: "fd00:10:1::14", to: "fd00:20::a", times: 2, size: 40, pause: 1200 }, // large bursts
];

async function ask({ from, to, times, size, pause }) {
  const socket = createSocket(from.includes(":") ? "udp6" : "udp4");
  await new Promise((done) => socket.bind({ address: from }, done));
  for (let time = 0; time < times; time++) {
    for (let index = 0; index < size; index++) {
      const id = time * size + index;
      socket.send(encodeQuery(id, "web.default.svc.cluster.local", TYPE_A), 53, to);
    }
    await sleep(pause);
  }
  socket.close();
}

await Promise.all(RESOLVERS.map(ask));
