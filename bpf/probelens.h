/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Layouts shared by the probe programs and src/protocol/layout.ts. A test compares the two sides: change both.
 * All numbers are little-endian, all structures free of hidden padding.
 */
#ifndef PROBELENS_LAYOUT_H
#define PROBELENS_LAYOUT_H

#define PL_MAX_PIECES 32
#define PL_MAX_STACK_PIECE 4096
/* Slots of a flat plan. */
#define PL_MAX_FLAT_SLOTS 16
/* Bytes of one read of the target's memory, and of one chunk of a flat plan. */
#define PL_MAX_READ 4096
/* Bytes of one event; of a deep plan, a plan may allow less. */
#define PL_EVENT_BYTES 16384
/* Chunks of one event. */
#define PL_MAX_CHUNKS 512

/*
 * Size classes of flat records: bytes reserved in the ring buffer. The smallest holds all nine integer argument
 * registers, the third one string as long as strings are shown (RUNE_TAIL in src/probe/limits.ts) and its registers.
 */
#define PL_CLASSES(X) X(160) X(256) X(528) X(1056) X(2112)

/* Registers are numbered in the order of CAPTURE_REGISTERS in capture.ts; room for a multiple of 8 bytes. */
#define PL_REGISTERS 20
/* No register: the word g.labels, in deep plans. Where it cannot be read, PL_NO_LABELS, which is no pointer. */
#define PL_LABELS 17
#define PL_NO_LABELS (~0ull)
/* X0 to X14: all that Go's ABI passes values in. */
#define PL_FLOAT_REGISTERS 15

struct pl_stack_piece {
	s32 offset; /* from the CFA */
	u32 at;	    /* in the record */
	u16 size;   /* bytes */
	u16 index;  /* among all root pieces: its bit in failed_pieces */
};

/* What the walk knows of a type: how long a value is, which of its words point where, which bytes nobody may see. */
struct pl_type {
	u32 size; /* bytes of one element */
	u32 first_slot;
	u16 slots;
	u16 masks;
	u32 first_mask;
};

/* Types that every table begins with: bytes without pointers; one word, a closure's code address. */
#define PL_TYPE_BYTES 0
#define PL_TYPE_WORD 1

enum { PL_VIA_TYPE = 0, PL_VIA_EFACE = 1, PL_VIA_ITAB = 2, PL_VIA_FUNC = 3 };
enum { PL_LENGTH_ONE = 0, PL_LENGTH_WORD = 1, PL_LENGTH_SHIFT = 2 };
enum {
	PL_WHEN_ALWAYS = 0,
	PL_WHEN_ZERO = 1, /* the u64 at `when` */
	PL_WHEN_NOT_ZERO = 2,
	PL_WHEN_CLEAR = 3, /* the bits `when_mask` of the byte at `when` */
	PL_WHEN_SET = 4,
};
/*
 * Elements of eight entries each (a map's buckets and groups), of which those without a live entry are left out. The
 * first word holds a control byte for each entry.
 */
enum {
	PL_LIVE_ALL = 0,    /* every element counts */
	PL_LIVE_BUCKET = 1, /* live: control byte >= PL_TOPHASH_LIVE; the last word leads to more */
	PL_LIVE_TABLE = 2,  /* live: control byte without bit 7; all tables of a map share one max_live */
};
#define PL_TOPHASH_LIVE 5

/* One pointer word of a type and what it points to. Offsets are from the start of the element. */
struct pl_slot {
	u32 pointer;
	u32 type;   /* PL_VIA_TYPE: of what it points to */
	u32 word;   /* PL_VIA_EFACE, PL_VIA_ITAB: of the type or itab word */
	u32 length; /* of the u64 that counts the elements, or of the u8 that is their logarithm */
	u32 when;   /* of what must hold */
	u32 max_elements;
	u32 max_bytes;
	s16 length_add; /* added to the count, or to the logarithm */
	u8 via;
	u8 length_kind;
	u8 when_kind;
	u8 when_mask;
	u8 deepens; /* counts against the plan's depth */
	u8 live;
	u32 max_live; /* not PL_LIVE_ALL: no more elements once so many live entries were copied */
};

/* Bytes of an element that are zeroed in the record. */
struct pl_mask {
	u32 offset;
	u32 length;
};

/* Of the type word in an itab (internal/abi/iface.go). */
#define PL_ITAB_TYPE 8

enum {
	PL_TARGET_DEEPENS = 1,
	PL_TARGET_FUNC = 2, /* the data word points to a closure: look that up */
};

/*
 * What an interface's data word points to, by type word; what a func value points to, by code address; of a generic
 * function the root type, by the dictionary's address, with the plan's dictionary_table above it. The keys' addresses
 * are those of the file, that is without the load bias.
 */
#define PL_TABLE_SHIFT 48

struct pl_target {
	u32 type;
	u32 flags;
};

enum {
	PL_SKIP_IF_BELOW_OR_EQUAL = 1, /* CF or ZF set: the stack check's branch is taken, this is not a call */
	PL_PAIR_RETURNS = 2,
	PL_ASKS_GOROUTINE = 4, /* the condition asks for it */
};

/* One probe: what it is and what it copies. */
struct pl_plan {
	u32 probe; /* the peer's id, comes back in every record */
	u32 entry; /* return probes: the entry probe's id; entry probes: their own */
	u32 flags;
	s32 cfa_offset; /* CFA - SP at the probe */
	u16 stack_pieces;
	u16 slots;	 /* flat plans: of the root type, from first_slot */
	u32 root_size;	 /* bytes, a multiple of 8 */
	u64 interval_ns; /* nanoseconds between events at the most allowed rate; 0: no limit */
	u64 next_ns;	 /* the bucket: these three are written by the program */
	u64 tick;	 /* the kernel's timer tick in which a hit has last looked at the clock */
	u64 tick_ns;	 /* the time in it */
	u64 site;	 /* the probe's address in the file */
	u32 root_type;
	u32 first_slot;
	u32 max_bytes; /* of one event */
	u32 max_depth; /* pointers in a chain */
	/* Where the thread is behind the probed instruction, relative to its address and to RSP before it. Both 0:
	 * where the return address leads. */
	s32 resume_ip[2];
	s32 resume_sp;
	u32 float_pieces;    /* root pieces that stand in float registers: their bits in failed_pieces */
	u32 float_registers; /* bit N: XN is wanted */
	u32 condition;	     /* programs of conditions: index of the probe's */
	u32 early_slots;     /* of the root type: followed to their ends before the others */
	/* Of generic functions; calls find their dictionary's address in the root area, returns get their call's there.
	 */
	u16 dictionary_at;	       /* in the record; 0: there is none */
	u16 dictionary_table;	       /* above the address in the key of the root type; 0: all calls have the plan's */
	u16 register_at[PL_REGISTERS]; /* in the record; 0: not wanted */
	struct pl_stack_piece stack_piece[PL_MAX_PIECES];
};

/* Constant while a session is loaded (.rodata): the verifier prunes what a session does not use. */
struct pl_config {
	u64 base_ns;   /* CLOCK_MONOTONIC when the helper started: see call_id() */
	u64 pidns_dev; /* the helper's pid namespace; ino 0: the initial one */
	u64 pidns_ino;
	u32 tgid;	   /* trace only this process; 0: all */
	u32 cookies;	   /* the kernel hands out attach cookies (5.15) */
	u32 g_in_register; /* g is in R14; else at FS base + tls_offset */
	s32 tls_offset;
	u32 fsbase_offset;   /* of task_struct.thread.fsbase; 0: unknown */
	u32 goid_offset;     /* in g */
	u32 stack_hi_offset; /* in g */
	u32 session;	     /* whose calls these are in the tables of open calls */
	u32 max_nested;	     /* open calls of one goroutine */
	u32 labels_offset;   /* in g */
	u32 never;	     /* 0: see OWN_STACK */
	u32 fault_in;	     /* programs that may sleep wait for memory that is not resident (memory.h) */
	u32 probes;	     /* of the session */
	u16 ring_bits;	     /* its ring has 2^ring_bits bytes: see call_id() */
	u16 ring_number;     /* among the helper's */
	/* Offsets in the kernel's structures by its BTF, for processes in pid namespaces below the helper's; 0: there
	 * are none, or they are not known. */
	u32 task_pid;	 /* task_struct.thread_pid */
	u32 task_leader; /* task_struct.group_leader */
	u32 pid_level;	 /* pid.level */
	u32 pid_numbers; /* pid.numbers: struct pl_pid_number, one for each level */
	u32 pidns_inum;	 /* pid_namespace.ns.inum */
	u32 pad;
};

/* struct upid, include/linux/pid.h */
struct pl_pid_number {
	u32 number;
	u32 pad;
	u64 pidns;
};

/* CLOCK_MONOTONIC of the last hits of a session whose goroutine could not be read; 0: none (open_calls.h). */
struct pl_unread {
	u64 call_ns;
	u64 return_ns;
};

/*
 * CPU x probe, in memory that helper and holder have mapped. hits = emitted + filtered + throttled + dropped, by
 * construction.
 */
struct pl_counters {
	u64 emitted;
	u64 filtered;
	u64 throttled;
	u64 dropped;
	u64 unpaired; /* return probes, and those that watch for unwinding; not part of hits */
	/* Entry probes that pair their returns, of the emitted calls: */
	u64 refused; /* found no room in the table of open calls */
	u64 unwound; /* ended without a return, and a record says so */
	u64 untold;  /* the same, but the ring buffer had no room for the record */
	/* What hits took beside the trap and what all hits do: */
	u64 spent_ns; /* in deep programs, from their first look at the call to the record's end */
	u64 signals;  /* sent for float registers */
};

/* For each probe, written by the holder of the links alone (helper/holder.c). */
struct pl_switch {
	u64 state;	 /* PL_SWITCH_; 0: nothing is up */
	u64 interval_ns; /* as the plan has one; the longer one counts. 0: no limit */
};

/*
 * What the state says.
 *
 * To take a few probes out of a link of many, the holder links the rest anew and closes the old one, and for a while
 * each hit runs the program twice, on the same thread, one right after the other: the newest link first, because the
 * kernel puts new consumers of a probe in front (consumer_add, kernel/events/uprobes.c). Links have even and odd
 * numbers, which their cookies tell. While PL_SWITCH_LINKING is set the new one (PL_SWITCH_ODD: the odd one) counts
 * nothing. With PL_SWITCH_OVER it counts, and leaves the number of the change (above PL_SWITCH_CHANGE) with the thread;
 * the old one counts only what the new one did not: hits that were under way, and sites where the new one was too late.
 */
enum {
	PL_SWITCH_OFF = 1,     /* given up: the program does nothing until its trap is gone */
	PL_SWITCH_NO_ENDS = 2, /* entry probes: those of its returns were given up, no end of a call is known */
	PL_SWITCH_LINKING = 4,
	PL_SWITCH_OVER = 8,
	PL_SWITCH_ODD = 16,
};
#define PL_SWITCH_CHANGE 32
/* Of a cookie: the index of the probe below, whether the link is an odd one above. */
#define PL_COOKIE_ODD 32

/* Key of a goroutine's innermost open call. */
struct pl_call_stack {
	u64 goroutine; /* goid; for a system stack its upper end, with bit 63 set; 0: not known */
	u32 tgid;
	u32 session;
};
struct pl_open_call {
	u64 call_id;
	u64 time_ns;
	u64 depth; /* stack.hi - CFA */
	u64 outer; /* call id of the next open call of this goroutine; 0: none */
	u32 entry; /* the entry probe's id */
	u32 index; /* of the entry probe among the session's */
	u32 session;
	u32 nested; /* open calls below this one */
	u32 parked; /* not sent: its return decides */
	u32 pad;
	u64 dictionary; /* of a generic function; 0: not known */
	u64 return_address;
};

/* PL_CALL_REFUSED: a call whose end will not be told, for want of room in the table of open calls. */
/* PL_FLOATS: of the call or return before it, the low 8 bytes of X0 to X14 (0: not wanted); without a root area: they
 * are not known. */
enum { PL_CALL = 1, PL_RETURN = 2, PL_UNWOUND = 3, PL_CALL_REFUSED = 4, PL_FLOATS = 5 };
/* What becomes of a record's float registers. */
enum { PL_FLOATS_NONE = 0, PL_FLOATS_FOLLOW = 1, PL_FLOATS_NO_GOROUTINE = 2, PL_FLOATS_NO_ROOM = 3 };
/* What ended the walk before it had followed everything. */
enum { PL_FULL_BYTES = 1, PL_FULL_CHUNKS = 2, PL_FULL_STEPS = 3 };

/* A record in the ring buffer: header, root area, chunks; what a size class has room for beyond that is undefined. */
struct pl_record {
	u32 used; /* bytes, header included */
	u32 probe;
	u64 call_id;
	u64 time_ns;
	u64 duration_ns;
	u32 pid;
	u32 tid;
	u64 goid;
	u64 depth;
	u64 return_address;
	u32 failed_pieces;
	u16 root_size;
	u16 chunks;
	u8 kind;
	u8 full;
	u8 floats;
	u8 waited; /* memory that was not resident was waited for: what failed is not mapped */
	u32 pad;
};

struct pl_float_key {
	u32 thread; /* by the kernel's number */
	u32 is_return;
};
struct pl_float_wait {
	u64 call_id;
	u64 sp;
	u64 ip[2];
	u32 probe;
	u32 pid;
	u32 tid;
	u16 registers; /* float_registers of pl_plan */
	u16 parked;    /* PL_PARKS_CALL: the call waits for its return's decision, and so do its registers */
};

/* Why a record is kept: its call's return decides; its own float registers decide. */
enum { PL_PARKS_CALL = 1, PL_PARKS_FRAME = 2 };

enum { PL_CHUNK_OK = 0, PL_CHUNK_FAULT = 1 };

/* A run of bytes from one address of the target. */
struct pl_chunk {
	u64 address;
	u32 type;
	u32 length; /* bytes that follow, padded to 8; after a fault those that could be read */
	u32 wanted; /* bytes of the whole value, before any limit */
	u8 status;
	u8 depth;   /* pointers in the chain that leads here */
	u16 origin; /* an eighth of the place in the record of the chunk that leads here */
};

/* What a deep event has copied already. Valid in the event whose sequence it bears. */
struct pl_seen {
	u64 address;
	u32 type;
	u32 sequence;
	u32 wanted;
	u32 depth;
};
#define PL_SEEN 512

#include "condition_layout.h"

/* A call whose condition is decided at the return. */
struct pl_parked {
	struct pl_kept kept;
	u8 record[PL_EVENT_BYTES];
	u64 low[PL_FLOAT_REGISTERS]; /* as a PL_FLOATS record has them */
	u64 has_low;
};

/* Where a deep event is built, one per thread (walk.h). */
struct pl_scratch {
	u64 sequence; /* of the thread's deep events */
	u64 bias;     /* address in memory - address in the file */
	struct pl_call_stack stack;
	struct pl_open_call call; /* to be opened, where the plan pairs returns */
	u32 plan;
	u32 done;
	u32 rounds;
	/* The element whose slots are followed. */
	u32 element; /* in the record */
	u32 end;     /* of its chunk */
	u32 next;    /* the chunk after that */
	u32 size;
	u32 first_slot;
	u32 slots;
	u32 slot;
	u32 depth;
	u32 current; /* the chunk's place in the record; 0: the root area */
	u32 origin;  /* of the chunk that led to it */
	/* The chunk that is being copied; it counts once it is complete. */
	u32 chunk; /* in the record */
	u64 address;
	u32 at; /* where the next bytes go */
	u32 left;
	u32 mask_size;
	u32 first_mask;
	u32 masks;
	u32 mask;
	u32 mask_element; /* 0: nothing to zero */
	u32 mask_end;
	/* Buckets or groups, of which those with live entries are copied. */
	u32 groups; /* still to be looked at */
	u32 group_size;
	u32 live_kind;
	u32 live_left;	 /* live entries that are still wanted */
	u32 live_origin; /* of the tables that live_left counts for */
	/* A slot on its way to a chunk. */
	u32 target;
	u32 target_depth;
	u32 parks;	/* PL_PARKS_CALL, PL_PARKS_FRAME; 0: the record is sent */
	u32 late_slots; /* of the root type, up to here: still to be followed; 0: none */
	u32 early_slots;
	u32 root; /* the root area's type */
	struct pl_seen seen[PL_SEEN];
	/* What the condition leaves to the return and the record stand together, as in pl_parked. */
	struct pl_machine machine;
	/* The last read may start at PL_EVENT_BYTES at the most. */
	u8 record[PL_EVENT_BYTES + PL_MAX_READ];
};

/* Programs that tail calls lead to. */
enum { PL_STAGE_WALK = 0, PL_STAGE_CALL = 1, PL_STAGE_RETURN = 2, PL_STAGE_FRAME = 3, PL_STAGES = 4 };

#endif
