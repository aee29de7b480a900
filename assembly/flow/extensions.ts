/** The chain of IPv6 extension headers: RFC 8200 section 4, each header naming the next. */
import { EXTENSION_HEADERS_MAX } from "../../abi/limits";
import { EXTENSION_SIZE, Extension, NEXT_FRAGMENT, isExtension } from "../wire/ipv6";
import { CONTINUE, MALFORMED, TRUNCATED } from "./outcome";

/** Where a walk is: `proto` says what stands at `at`. There is one at a time. */
@unmanaged
export class Chain {
  at: usize;
  /** Where what holds the chain ends on the wire, and where the capture does. */
  end: usize;
  captureEnd: usize;
  proto: u8;

  get extension(): Extension {
    return changetype<Extension>(this.at);
  }

  /** Whether the walk has come to the header of a fragment, which may be the first one. */
  get isFragment(): bool {
    return this.proto == NEXT_FRAGMENT;
  }

  /** Goes behind the header it stands at. */
  step(): void {
    const extension = this.extension;
    this.at += extension.length(this.proto);
    this.proto = extension.next;
  }
}

const CHAIN = changetype<Chain>(memory.data(offsetof<Chain>(), 8));

export function begin(at: usize, end: usize, captureEnd: usize, proto: u8): Chain {
  CHAIN.at = at;
  CHAIN.end = end;
  CHAIN.captureEnd = captureEnd;
  CHAIN.proto = proto;
  return CHAIN;
}

/**
 * Walks to what is no extension header, or to the header of a fragment. An atomic fragment (RFC
 * 6946) is a whole packet: its header is one like others.
 */
export function walk(chain: Chain): u32 {
  for (let headers: u32 = 0; isExtension(chain.proto); headers++) {
    if (headers == EXTENSION_HEADERS_MAX) return MALFORMED;
    const outcome = check(chain);
    if (outcome != CONTINUE) return outcome;
    if (chain.isFragment && chain.extension.isFragment) return CONTINUE;
    chain.step();
  }
  return CONTINUE;
}

/** Whether the header fits its packet, and was captured. */
function check(chain: Chain): u32 {
  if (chain.at + EXTENSION_SIZE > chain.end) return MALFORMED;
  if (chain.at + EXTENSION_SIZE > chain.captureEnd) return TRUNCATED;
  const behind = chain.at + chain.extension.length(chain.proto);
  if (behind > chain.end) return MALFORMED;
  return behind > chain.captureEnd ? TRUNCATED : CONTINUE;
}
