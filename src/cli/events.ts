/** `--events`: one JSON object per packet, in the order of README's table. */
import type { PacketEvent } from "../dataplane/event.ts";
import type { Replayed } from "../replay/replay.ts";
import { seconds } from "../replay/replay.ts";
import { type Output, openOutput } from "./output.ts";

export interface EventSink {
  write(replayed: Replayed): Promise<void> | undefined;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

export async function openEvents(path: string): Promise<EventSink> {
  const output: Output = await openOutput(path);
  const encoder = new TextEncoder();
  return {
    write: (replayed) => output.write(encoder.encode(eventLine(replayed))),
    finish: () => output.finish(),
    abandon: () => output.abandon(),
  };
}

/** The order of the fields is part of the interface, whatever order an engine makes them in. */
function eventLine({ n, captured, event, released }: Replayed): string {
  const { verdict, action, reason, conntrack, service, backend, masquerade, before, after } = event;
  const time = seconds(captured.time);
  const fields = {
    n,
    time,
    verdict,
    action,
    reason,
    conntrack,
    service,
    backend,
    masquerade,
    before,
    after,
    ...(event.program !== undefined && programFields(event)),
    ...(released.length > 0 && { released: released.length }),
  };
  return `${JSON.stringify(fields)}\n`;
}

/** There while programs are attached. */
function programFields({ program, programReason, mark, priority, redirect }: PacketEvent) {
  return { program, programReason, mark, priority, redirect };
}
