/**
 * What a known connection does with a packet. `translate` moves it on; `ignore` translates and does
 * not keep it alive; `reset` translates and then forgets the connection; `reopen` forgets it and the
 * packet is new.
 */
export type Step = "translate" | "ignore" | "reset" | "reopen" | "invalid";
