/** The node worker-1 of ../manifests, ready for programs, and files beside the example that runs. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createDataplane, createModel, Program, parseManifests } from "waxdp";
import { readBytes } from "waxdp/pcap";

const CLUSTER = ["manifests/nodes.yaml", "manifests/kube-proxy.yaml", "manifests/services.yaml"];
/** One endpoint for each Service: captures that were taken at the node have its answers. */
export const ONE_ENDPOINT = ["node-manifests/endpointslices.yaml"];
export const ALL_ENDPOINTS = ["manifests/endpointslices.yaml"];

const examples = new URL("../", import.meta.url);

/** `--model` on the command line runs everything in the other engine; the output is the same. */
const engine = process.argv.includes("--model") ? createModel : createDataplane;

/** A dataplane with the objects of the cluster, and of `files` in the folder of examples. */
export async function createNode(files, create = engine) {
  const network = JSON.parse(readFileSync(new URL("node-network.json", examples)));
  const dataplane = await create({ node: "worker-1", seed: 1, network });
  const sources = [...CLUSTER, ...files].map((file) => {
    return { file, text: readFileSync(new URL(file, examples), "utf8") };
  });
  dataplane.apply(parseManifests(sources));
  return dataplane;
}

const compiled = new Map();

/** A program in AssemblyScript, with the files that it imports; compiled once. */
export function compileProgram(url, name) {
  const entry = fileURLToPath(url);
  const readFile = (path) => (existsSync(path) ? readFileSync(path, "utf8") : null);
  if (!compiled.has(entry)) compiled.set(entry, Program.compile({ entry, readFile }, { name }));
  return compiled.get(entry);
}

/** Compiles a program and hands it to a dataplane. */
export async function loadProgram(dataplane, url, name) {
  return dataplane.programs.load(await compileProgram(url, name));
}

export function readCapture(url) {
  return readBytes(readFileSync(url));
}
