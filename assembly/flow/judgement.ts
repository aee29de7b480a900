/** What a packet makes of the connection it belongs to. */

/** It belongs there: state and timer are kept, the time is noted. */
export const ACCEPTED: u32 = 0;
/** It is let through and changes nothing. */
export const UNCHANGED: u32 = 1;
/** It belongs there, but does not keep the connection alive. */
export const UNRENEWED: u32 = 2;
/** It is no part of the connection. */
export const REFUSED: u32 = 3;
/** The same, but the connection is to end sooner. */
export const SHORTENED: u32 = 4;
/** The connection was over: the packet opens a new one. */
export const REOPENED: u32 = 5;
/** It is let through and ends the connection. */
export const RESET: u32 = 6;
