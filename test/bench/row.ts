/** A row that is made and run in no time. */
import type { Row } from "../../bench/heats/contestant.ts";

export const PLAIN: Row = {
  name: "plain",
  family: "ipv4",
  flows: 16,
  kind: "conversation",
  proto: "tcp",
  popularity: "uniform",
  services: 10,
  dialled: 10,
  endpoints: 4,
  batch: 4096,
  payload: 10,
  masquerade: false,
  windows: true,
};
