/** The endpoint the kernel chose at random, given to the dataplane: for one packet the rings hold nothing else. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Ends } from "./packet.ts";

/** Runs `act` while every ring that holds the endpoint `to` goes to holds it alone. */
export function steered<Result>(
  { maps }: Dataplane,
  to: Pick<Ends, "daddr" | "dport"> | undefined,
  act: () => Result,
): Result {
  const isChosen = (number: number) => {
    const backend = maps.backends.lookup(number);
    return backend?.address === to?.daddr && backend?.port === to?.dport;
  };
  const rings = [...maps.rings.entries()].filter(([, { slots }]) => slots.some(isChosen));
  for (const [key, ring] of rings) {
    maps.rings.update(key, { ...ring, slots: ring.slots.filter(isChosen) });
  }
  try {
    return act();
  } finally {
    for (const [key, ring] of rings) maps.rings.update(key, ring);
  }
}
