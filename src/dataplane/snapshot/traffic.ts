/** What an engine has counted for backends and service ports, as far as it is not nothing. */
import type { Capacity } from "../dataplane.ts";
import type { EngineTraffic } from "../engine.ts";
import type { EngineState } from "./state.ts";

export function stateOfTraffic(
  traffic: EngineTraffic,
  { backends, services }: Capacity,
): Pick<EngineState, "backends" | "services"> {
  return {
    backends: rows(backends, traffic.backend),
    services: rows(services, traffic.service),
  };
}

function rows<Row extends object>(
  length: number,
  read: (number: number) => Row,
): (readonly [number, Row])[] {
  const found: (readonly [number, Row])[] = [];
  for (let number = 1; number <= length; number++) {
    const row = read(number);
    if (Object.values(row).some((total) => total !== 0)) found.push([number, row]);
  }
  return found;
}
