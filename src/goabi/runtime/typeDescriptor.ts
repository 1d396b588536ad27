/**
 * The head that all type descriptors share (internal/abi/type.go, Type; before Go 1.21 runtime/type.go, _type): 48
 * bytes in every version. Offsets in bytes.
 */
export const TYPE = {
  size: 48,
  /** u64: bytes of a value. */
  valueSize: 0,
  /** u64: bytes at the start of a value that may hold pointers; 0: none. */
  pointerBytes: 8,
  hash: 16,
  flags: 20,
  align: 21,
  kind: 23,
  /** i32: offset of the name from `moduledata.types`. */
  name: 40,
  /** i32: offset of the descriptor of the pointer to this type, 0: none. */
  pointerToThis: 44,
} as const;

export const KIND_MASK = 31;
const KIND_DIRECT = 1 << 5;
const FLAG_DIRECT = 1 << 5;
/** Since this version the flag stands among `flags`, before it in the kind's byte. */
const DIRECT_IN_FLAGS_SINCE = 26;

/**
 * Whether an interface's data word is the value itself (one pointer: pointers, maps, channels, funcs, and structs and
 * arrays that hold just one of these); else the word points to the value. `flags` and `kind`: the descriptor's bytes.
 */
export function isDirect(flags: number, kind: number, goMinor: number): boolean {
  return goMinor >= DIRECT_IN_FLAGS_SINCE ? (flags & FLAG_DIRECT) !== 0 : (kind & KIND_DIRECT) !== 0;
}
