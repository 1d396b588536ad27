/** Bytes of a machine word: Go's 64-bit ports are the only ones that are traced. */
export const WORD = 8;
