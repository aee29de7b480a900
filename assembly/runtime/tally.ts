/** What a link has done. The host reads it, and clears it for the next link. */
import { TALLY_PACKETS, TALLY_SIZE, TALLY_TAILS, TALLY_VERDICTS } from "../../abi/runtime";
import { VERDICT_LENGTH } from "../../abi/verdict";

@unmanaged
export class Tally {
  /** Packets it was given. */
  packets: u64;
  /** Programs called in the place of another. */
  tails: u64;
  verdict0: u64;

  /** Counts `packets` of a verdict; going on is none. */
  // @ts-ignore: decorator
  @inline
  count(verdict: u32, packets: u64): void {
    const at = changetype<usize>(this) + verdict * sizeof<u64>();
    const before = load<u64>(at, offsetof<Tally>("verdict0"));
    store<u64>(at, before + packets, offsetof<Tally>("verdict0"));
  }
}
if (offsetof<Tally>("verdict0") + VERDICT_LENGTH * sizeof<u64>() > <usize>TALLY_SIZE)
  ERROR("Tally has outgrown its room");
if (offsetof<Tally>("packets") != TALLY_PACKETS) ERROR("Tally.packets drifted from abi/runtime");
if (offsetof<Tally>("tails") != TALLY_TAILS) ERROR("Tally.tails drifted from abi/runtime");
if (offsetof<Tally>("verdict0") != TALLY_VERDICTS) ERROR("Tally.verdict0 drifted from abi/runtime");
