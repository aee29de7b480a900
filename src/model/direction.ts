/** The two directions of a connection: IP_CT_DIR_ORIGINAL and IP_CT_DIR_REPLY. */
export type Direction = "orig" | "reply";

export function opposite(direction: Direction): Direction {
  return direction === "orig" ? "reply" : "orig";
}
