/**
 * Interface values (runtime/runtime2.go, eface and iface; internal/abi/iface.go, ITab; unchanged from Go 1.15 to
 * 1.27). Offsets and sizes in bytes.
 */

/** `interface {}`: the dynamic type's descriptor (0: nil) and the data word. */
export const EFACE = { size: 16, type: 0, data: 8 } as const;
/** An interface with methods: its itab (0: nil) and the data word. */
export const IFACE = { size: 16, itab: 0, data: 8 } as const;
/** What an itab word points to. */
export const ITAB = { size: 16, type: 8 } as const;
