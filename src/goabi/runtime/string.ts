/** A string's header (runtime/string.go, stringStruct; unchanged from Go 1.15 to 1.27). Offsets and sizes in bytes. */
export const STRING = { size: 16, pointer: 0, length: 8 } as const;
