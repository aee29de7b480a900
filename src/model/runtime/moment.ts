/** What helpers know of the moment at which they are called. */
import { initial } from "../random.ts";

export interface Moment {
  /** Nanoseconds since the first time seen. */
  time: number;
  cpu: number;
  /** State of the random numbers of programs, which are not those of the packet path. */
  random: number;
  /** Tail calls the present program has left; none in batch form. */
  tailCalls: number;
}

/** "prog" */
const PROGRAMS = 0x70726f67;

export function createMoment(seed: number): Moment {
  return { time: 0, cpu: 0, random: initial(seed ^ PROGRAMS), tailCalls: 0 };
}
