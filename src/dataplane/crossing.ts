/** One frame through the dataplane by itself, checked, with names and tuples around its engine's numbers. */
import { FRAME_MAX } from "../../abi/limits.ts";
import { tupleOf } from "../packet/parse.ts";
import type { Dataplane, Released } from "./dataplane.ts";
import { type Engine, type FrameInput, NONE_RELEASED, type ReleasedFrame } from "./engine.ts";
import type { Tuple } from "./entries.ts";
import { checkFrame, checkNow } from "./options.ts";
import type { RunningOwner } from "./owner.ts";

export function createCrossing(
  engine: Pick<Engine, "process">,
  owner: RunningOwner,
): Dataplane["process"] {
  function run(frame: Uint8Array, input: FrameInput, time: number) {
    try {
      return engine.process(frame, input, time);
    } catch (error) {
      throw owner.blame(error);
    } finally {
      owner.settle();
    }
  }

  return (frame, given) => {
    checkFrame(frame, FRAME_MAX);
    checkNow(given?.now);
    const { input, link } = owner.resolve(frame.length, given);
    const before = tupleOf(frame, link.type, input.wireLength);
    const { outcome, packet, released } = run(frame, input, owner.begin(given.now, given.cpu));
    const event = owner.describe(outcome, packet, { link, wireLength: input.wireLength, before });
    return { verdict: event.verdict, packet, event, released: leaving(released, before, owner) };
  };
}

function leaving(
  released: readonly ReleasedFrame[],
  before: Tuple | null,
  owner: RunningOwner,
): readonly Released[] {
  if (released.length === 0) return NONE_RELEASED;
  return released.map((each) => ({
    packet: each.packet,
    event: owner.describeReleased(each, before),
  }));
}
