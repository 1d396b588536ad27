/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Layouts shared by the probe programs and src/protocol/layout.ts. A test compares the two sides: change both.
 * All numbers are little-endian, all structures free of hidden padding.
 */
#ifndef PROBELENS_LAYOUT_H
#define PROBELENS_LAYOUT_H

#define PL_MAX_PIECES 32
#define PL_MAX_SLOTS 16
#define PL_MAX_STACK_PIECE 256
#define PL_MAX_FOLLOW 4096

/* Size classes of records: bytes reserved in the ring buffer. The smallest holds all nine integer argument registers.
 */
#define PL_CLASSES(X) X(160) X(256) X(512) X(1024) X(2048) X(4096) X(8192) X(20480)

/* Registers are numbered in the order of CAPTURE_REGISTERS in capture.ts; room for a multiple of 8 bytes. */
#define PL_REGISTERS 20

struct pl_stack_piece {
	s32 offset; /* from the CFA */
	u32 at;	    /* in the record */
	u16 size;   /* bytes */
	u16 index;  /* among all root pieces: its bit in failed_pieces */
};

#define PL_NO_LENGTH 0xffff
struct pl_slot {
	u16 pointer; /* byte offset of the pointer word in the root area */
	u16 length;  /* byte offset of the length word, or PL_NO_LENGTH: one element */
	u32 elem_size;
	u32 max_bytes;
	u32 pad;
};

enum {
	PL_SKIP_IF_BELOW_OR_EQUAL = 1, /* CF or ZF set: the stack check's branch is taken, this is not a call */
	PL_PAIR_RETURNS = 2,
};

/* One probe: what it is and what it copies. */
struct pl_plan {
	u32 probe; /* the peer's id, comes back in every record */
	u32 entry; /* return probes: the entry probe's id; entry probes: their own */
	u32 flags;
	s32 cfa_offset; /* CFA - SP at the probe */
	u16 stack_pieces;
	u16 slots;
	u32 root_size;		       /* bytes, a multiple of 8 */
	u64 interval_ns;	       /* nanoseconds between events at the most allowed rate; 0: no limit */
	u64 burst_ns;		       /* how far the bucket may run ahead */
	u64 next_ns;		       /* the bucket: written by the program */
	u16 register_at[PL_REGISTERS]; /* in the record; 0: not wanted */
	struct pl_stack_piece stack_piece[PL_MAX_PIECES];
	struct pl_slot slot[PL_MAX_SLOTS];
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
	u32 pad;
};

/* Per CPU. hits = emitted + filtered + throttled + dropped, by construction. */
struct pl_counters {
	u64 emitted;
	u64 filtered;
	u64 throttled;
	u64 dropped;
	u64 unpaired; /* return probes only; not part of hits */
};

struct pl_open_key {
	u64 goroutine; /* goid, or the thread where there is none */
	u64 depth;     /* stack.hi - CFA, or the CFA */
	u32 tgid;
	u32 entry;
};
struct pl_open_call {
	u64 call_id;
	u64 time_ns;
};

enum { PL_CALL = 1, PL_RETURN = 2 };

/* A record in the ring buffer: header, root area, chunks; the rest of the size class is undefined. */
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
	u8 chunks;
	u8 kind;
};

enum { PL_CHUNK_OK = 0, PL_CHUNK_FAULT = 1 };

struct pl_chunk {
	u16 slot;
	u16 status;
	u32 length; /* bytes that follow, padded to 8; 0 after a fault */
	u64 address;
};

#endif
