// node examples/watch.mjs examples/watch.jsonl (after npm run build): follows a watch of the
// apiserver, and prints what each event changes in the dataplane. It reads standard input too:
// kubectl get --raw '/apis/discovery.k8s.io/v1/endpointslices?watch=1' | node examples/watch.mjs
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createDataplane, createObjectStore } from "waxdp";

const [file] = process.argv.slice(2);
const input = file === undefined ? process.stdin : createReadStream(file);
const store = createObjectStore();
const dataplane = await createDataplane({ node: "worker-1" });
dataplane.apply(store);

for await (const line of createInterface({ input })) {
  const { type, object } = JSON.parse(line);
  if (type === "BOOKMARK") continue;
  // The history that was asked for is gone: list again, store.replace([list]), watch from there.
  if (type === "ERROR") throw new Error(`the watch has ended: ${object.message}`);
  if (type === "DELETED") store.delete(object);
  else store.update(object);
  const changes = String(dataplane.apply(store));
  console.log(type, object.kind, object.metadata.name);
  if (changes !== "") console.log(changes.replaceAll(/^/gm, "  "));
}
