/**
 * What a func value points to (cmd/compile/internal/closure: ClosureType, MethodValueType): the code's address, then
 * what was captured, in the object's order. A func without captured variables is a read-only object of one word.
 */
export const CLOSURE = { code: 0, captured: 8 } as const;
