/** A slice's header (runtime/slice.go, slice; unchanged from Go 1.15 to 1.27). Offsets and sizes in bytes. */
export const SLICE = { size: 24, pointer: 0, length: 8, capacity: 16 } as const;
