/**
 * lpm_trie: the longest prefix that a key has, kernel/bpf/lpm_trie.c. A binary trie without chains: a node stands
 * where a prefix was stored or where two part, so there are fewer than two for each entry.
 *
 *  node:   0        4        8        12      16
 *          | child0 | child1 | prefix | value | words of the key |
 *
 * A node without a value only parts two others. Free nodes are chained by child0. Values lie apart, and a stack names
 * those that are free: nothing is kept in them, because a program may still write through a pointer to one that was
 * deleted. What is changed together is changed without a call in between, because every call may run out of stack.
 */
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  LPM_DATA,
  MAP_HEADER_MAGIC,
  MAP_HEADER_SIZE,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../../abi/program";
import { Header, error, padded } from "./map";
import { bitAt, bitOf, common, covers, read, word, wordsFor, write } from "./prefix";

@unmanaged
export class Trie extends Header {
  nodes: u32;
  nodeSize: u32;
  root: u32;
  /** The node that is taken next. */
  free: u32;
  /** Addresses of the values that are free, the one that is taken next at their end. */
  freeValues: u32;
  /** Bytes of a key behind its prefix length. */
  dataSize: u32;
  reserved: u32;
}
if (offsetof<Trie>() != MAP_HEADER_MAGIC) ERROR("a map's header is 64 bytes");

@unmanaged
class Node {
  child0: u32;
  child1: u32;
  /** Bits. */
  prefix: u32;
  /** Address, 0 for none. */
  value: u32;
}

const WORDS: u32 = <u32>offsetof<Node>();

function nodeSize(keySize: u32): u32 {
  return WORDS + wordsFor(keySize - LPM_DATA) * 8;
}

export function sizeOf(keySize: u32, valueSize: u32, maxEntries: u32): u64 {
  const entry = 2 * nodeSize(keySize) + padded(valueSize) + sizeof<u32>();
  return MAP_HEADER_SIZE + <u64>maxEntries * entry;
}

export function init(map: Trie): void {
  map.dataSize = map.keySize - LPM_DATA;
  map.nodeSize = nodeSize(map.keySize);
  map.stride = padded(map.valueSize);
  map.nodes = <u32>changetype<usize>(map) + MAP_HEADER_SIZE;
  map.values = map.nodes + map.maxEntries * 2 * map.nodeSize;
  map.freeValues = map.values + map.maxEntries * map.stride;
  for (let number = map.maxEntries * 2; number > 0; number--) {
    const node = nodeAt(map, number - 1);
    node.child0 = map.free;
    map.free = <u32>changetype<usize>(node);
  }
  for (let number: u32 = 0; number < map.maxEntries; number++) {
    store<u32>(map.freeValues + number * 4, map.values + (map.maxEntries - 1 - number) * map.stride);
  }
}

// @ts-ignore: decorator
@inline
function nodeAt(map: Trie, number: u32): Node {
  return changetype<Node>(<usize>map.nodes + number * map.nodeSize);
}

// @ts-ignore: decorator
@inline
function wordsOf(node: Node): usize {
  return changetype<usize>(node) + WORDS;
}

/** Address of the child's address on the side of a bit. */
// @ts-ignore: decorator
@inline
function linkOf(node: Node, bit: u32): usize {
  return changetype<usize>(node) + bit * sizeof<u32>();
}

/** Address of the value of the longest prefix, 0 when there is none. */
export function lookup(map: Trie, key: usize): usize {
  const prefix = load<u32>(key);
  if (prefix > map.dataSize * 8) return 0;
  const data = key + LPM_DATA;
  const first = word(data, map.dataSize, 0);
  if (map.dataSize <= 8) return lookupWord(map, first, prefix);
  if (map.dataSize <= 16) return lookupPair(map, first, word(data, map.dataSize, 1), prefix);
  return lookupWords(map, data, prefix);
}

/** Of a key in one register. */
// @ts-ignore: decorator
@inline
function lookupWord(map: Trie, key: u64, prefix: u32): usize {
  let found: usize = 0;
  let at: usize = map.root;
  while (at != 0) {
    const node = changetype<Node>(at);
    const bits = node.prefix;
    if (bits > prefix || <u32>clz<u64>(load<u64>(at, WORDS) ^ key) < bits) break;
    if (node.value != 0) found = node.value;
    if (bits == prefix) break;
    at = load<u32>(linkOf(node, <u32>(key >>> (63 - bits)) & 1));
  }
  return found;
}

/** Of a key in two: IPv6 addresses. */
// @ts-ignore: decorator
@inline
function lookupPair(map: Trie, first: u64, second: u64, prefix: u32): usize {
  let found: usize = 0;
  let at: usize = map.root;
  while (at != 0) {
    const node = changetype<Node>(at);
    const bits = node.prefix;
    if (bits > prefix) break;
    const same = clz<u64>(load<u64>(at, WORDS) ^ first);
    const more = same == 64 ? clz<u64>(load<u64>(at, WORDS + 8) ^ second) : 0;
    if (<u32>(same + more) < bits) break;
    if (node.value != 0) found = node.value;
    if (bits == prefix) break;
    const next = bits < 64 ? first : second;
    at = load<u32>(linkOf(node, <u32>(next >>> (63 - (bits & 63))) & 1));
  }
  return found;
}

// @ts-ignore: decorator
@inline
function lookupWords(map: Trie, data: usize, prefix: u32): usize {
  let found: usize = 0;
  let known: u32 = 0;
  let at: usize = map.root;
  while (at != 0) {
    const node = changetype<Node>(at);
    const bits = node.prefix;
    if (bits > prefix || !covers(wordsOf(node), data, map.dataSize, known >> 6, bits)) break;
    if (node.value != 0) found = node.value;
    if (bits == prefix) break;
    known = bits;
    at = load<u32>(linkOf(node, bitOf(data, bits)));
  }
  return found;
}

/** Where the walk to a prefix ends: the address of the link that leads to its node, or to where it belongs. */
function linkTo(map: Trie, data: usize, prefix: u32): usize {
  let link = changetype<usize>(map) + offsetof<Trie>("root");
  let at: usize = map.root;
  while (at != 0) {
    const node = changetype<Node>(at);
    if (node.prefix >= prefix) break;
    if (common(wordsOf(node), data, map.dataSize, node.prefix) < node.prefix) break;
    link = linkOf(node, bitOf(data, node.prefix));
    at = load<u32>(link);
  }
  return link;
}

/** The node of exactly that prefix, with a value; 0 when there is none. */
function find(map: Trie, key: usize): usize {
  const prefix = load<u32>(key);
  if (prefix > map.dataSize * 8) return 0;
  const at: usize = load<u32>(linkTo(map, key + LPM_DATA, prefix));
  return at != 0 && is(map, changetype<Node>(at), key) && changetype<Node>(at).value != 0 ? at : 0;
}

/** Whether a node is that of a key's prefix. */
function is(map: Trie, node: Node, key: usize): bool {
  const prefix = load<u32>(key);
  if (node.prefix != prefix) return false;
  return common(wordsOf(node), key + LPM_DATA, map.dataSize, prefix) == prefix;
}

/** Where an update's value goes, or an error. */
export function place(map: Trie, key: usize, flags: u32): usize {
  const prefix = load<u32>(key);
  if (prefix > map.dataSize * 8) return error(EINVAL);
  const data = key + LPM_DATA;
  const link = linkTo(map, data, prefix);
  const at: usize = load<u32>(link);
  const node = changetype<Node>(at);
  if (at == 0 || !is(map, node, key)) return add(map, link, key, flags);
  if (node.value != 0 && flags == UPDATE_NOEXIST) return error(EEXIST);
  const refused = node.value == 0 ? refusal(map, flags) : 0;
  if (refused != 0) return refused;
  write(wordsOf(node), data, map.dataSize);
  if (node.value == 0) giveValue(map, node);
  return node.value;
}

/** Why there cannot be a new entry; 0 when there can. */
function refusal(map: Trie, flags: u32): usize {
  if (flags == UPDATE_EXIST) return error(ENOENT);
  return map.length >= map.maxEntries ? error(ENOSPC) : 0;
}

// @ts-ignore: decorator
@inline
function giveValue(map: Trie, node: Node): void {
  map.length++;
  node.value = load<u32>(map.freeValues + (map.maxEntries - map.length) * 4);
}

// @ts-ignore: decorator
@inline
function takeValue(map: Trie, node: Node): void {
  store<u32>(map.freeValues + (map.maxEntries - map.length) * 4, node.value);
  map.length--;
  node.value = 0;
}

/** A new entry where `link` leads: at the end, in front of the node there, or beside it behind a node that parts them. */
function add(map: Trie, link: usize, key: usize, flags: u32): usize {
  const refused = refusal(map, flags);
  if (refused != 0) return refused;
  const prefix = load<u32>(key);
  const data = key + LPM_DATA;
  const node = changetype<Node>(<usize>map.free);
  node.prefix = prefix;
  write(wordsOf(node), data, map.dataSize);
  const below: usize = load<u32>(link);
  if (below == 0) return attach(map, link, node);
  const words = wordsOf(changetype<Node>(below));
  const shared = common(words, data, map.dataSize, min(prefix, changetype<Node>(below).prefix));
  if (shared == prefix) return attachAbove(map, link, node, changetype<Node>(below));
  return attachBeside(map, link, node, changetype<Node>(below), shared);
}

// @ts-ignore: decorator
@inline
function takeNode(map: Trie): Node {
  const node = changetype<Node>(<usize>map.free);
  map.free = node.child0;
  node.child0 = 0;
  node.child1 = 0;
  return node;
}

function attach(map: Trie, link: usize, node: Node): usize {
  takeNode(map);
  giveValue(map, node);
  store<u32>(link, <u32>changetype<usize>(node));
  return node.value;
}

function attachAbove(map: Trie, link: usize, node: Node, below: Node): usize {
  takeNode(map);
  giveValue(map, node);
  const bit = bitAt(wordsOf(below), node.prefix);
  store<u32>(linkOf(node, bit), <u32>changetype<usize>(below));
  store<u32>(link, <u32>changetype<usize>(node));
  return node.value;
}

function attachBeside(map: Trie, link: usize, node: Node, other: Node, shared: u32): usize {
  takeNode(map);
  giveValue(map, node);
  const parting = takeNode(map);
  parting.prefix = shared;
  const size = map.nodeSize - WORDS;
  for (let at: u32 = 0; at < size; at += 8) {
    store<u64>(wordsOf(parting) + at, load<u64>(wordsOf(other) + at));
  }
  const bit = bitAt(wordsOf(node), shared);
  store<u32>(linkOf(parting, bit), <u32>changetype<usize>(node));
  store<u32>(linkOf(parting, bit ^ 1), <u32>changetype<usize>(other));
  store<u32>(link, <u32>changetype<usize>(parting));
  return node.value;
}

export function remove(map: Trie, key: usize): i32 {
  if (load<u32>(key) > map.dataSize * 8) return -EINVAL;
  const at = find(map, key);
  if (at == 0) return -ENOENT;
  const node = changetype<Node>(at);
  const link = linkTo(map, key + LPM_DATA, node.prefix);
  const parent = changetype<Node>(parentOf(map, link));
  const leaf = node.child0 == 0 && node.child1 == 0;
  if (leaf && changetype<usize>(parent) != 0 && parent.value == 0) {
    detachBoth(map, linkTo(map, key + LPM_DATA, parent.prefix), parent, node);
  } else {
    detach(map, link, node);
  }
  return 0;
}

/** The node that a link is in, 0 for the root's. */
// @ts-ignore: decorator
@inline
function parentOf(map: Trie, link: usize): usize {
  if (link == changetype<usize>(map) + offsetof<Trie>("root")) return 0;
  return link - <usize>(<u32>(link - map.nodes) % map.nodeSize);
}

/** A node that parts two others stays. */
function detach(map: Trie, link: usize, node: Node): void {
  takeValue(map, node);
  if (node.child0 != 0 && node.child1 != 0) return;
  store<u32>(link, node.child0 | node.child1);
  freeNode(map, node);
}

/** With a leaf goes the node that parted it from another. */
function detachBoth(map: Trie, link: usize, parent: Node, node: Node): void {
  const other = parent.child0 ^ parent.child1 ^ <u32>changetype<usize>(node);
  takeValue(map, node);
  store<u32>(link, other);
  freeNode(map, node);
  freeNode(map, parent);
}

// @ts-ignore: decorator
@inline
function freeNode(map: Trie, node: Node): void {
  node.child0 = map.free;
  map.free = <u32>changetype<usize>(node);
}

/** The number of the node of a prefix, -1 when there is none. */
export function position(map: Trie, key: usize): i32 {
  const at = find(map, key);
  return at == 0 ? -1 : <u32>(at - map.nodes) / map.nodeSize;
}

/** The number of the next node with a value, -1 at the end; -1 asks for the first. */
export function next(map: Trie, number: i32): i32 {
  for (let at: u32 = number + 1; at < map.maxEntries * 2; at++) {
    if (nodeAt(map, at).value != 0) return at;
  }
  return -1;
}

/** Writes the key of a node to `key`. */
export function writeKey(map: Trie, number: u32, key: usize): void {
  const node = nodeAt(map, number);
  store<u32>(key, node.prefix);
  read(wordsOf(node), key + LPM_DATA, map.dataSize);
}

export function valueAt(map: Trie, number: u32): usize {
  return nodeAt(map, number).value;
}
