/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Layouts of conditions, shared with src/protocol/condition.ts and conditionLayout.ts, which say what each part means.
 * A test compares the two sides: change both.
 */
#ifndef PROBELENS_CONDITION_LAYOUT_H
#define PROBELENS_CONDITION_LAYOUT_H

#define PL_CONDITION_STEPS 128
/* Powers of two: an index is masked. */
#define PL_VALUES 32
#define PL_CONSTANTS 32
#define PL_KEPT_VALUES 8
#define PL_STRINGS 4
#define PL_KEPT_STRINGS 2
#define PL_CONDITION_TEXT 512
#define PL_STRING_LOOK 256
#define PL_CONTAINS 64
#define PL_FIND_PAIRS 32
/* Reads that failed and are remembered, two places each. A power of two. */
#define PL_MISSING 16
/* Of one condition, with room for none at 0. */
#define PL_REASONS 32
/* Comparisons of the screen. */
#define PL_TESTS 4
/* In a value's reason: it is to be had at the return. */
#define PL_LATE 255

/* In the order of CONDITION_OPS. */
enum pl_op {
	PL_END,
	PL_NUMBER,
	PL_CONSTANT,
	PL_REGISTER,
	PL_CFA,
	PL_GOID,
	PL_G,
	PL_DURATION,
	PL_LATE_VALUE,
	PL_FLOAT,
	PL_OWN_FLOAT,
	PL_LOAD,
	PL_EXTEND,
	PL_MOVE,
	PL_NOT,
	PL_NOT_NIL,
	PL_NOT_NEGATIVE,
	PL_ADD,
	PL_SUBTRACT,
	PL_MULTIPLY,
	PL_DIVIDE,
	PL_REMAINDER,
	PL_AND,
	PL_OR,
	PL_XOR,
	PL_AND_NOT,
	PL_SHIFT_LEFT,
	PL_SHIFT_RIGHT,
	PL_EQUAL,
	PL_NOT_EQUAL,
	PL_LESS,
	PL_LESS_OR_EQUAL,
	PL_FLOAT_EQUAL,
	PL_FLOAT_NOT_EQUAL,
	PL_FLOAT_LESS,
	PL_FLOAT_LESS_OR_EQUAL,
	PL_BOUND,
	PL_BOTH_TRUE,
	PL_EITHER_TRUE,
	PL_JUMP_IF_FALSE,
	PL_JUMP_IF_TRUE,
	PL_KEEP,
	PL_RECALL,
	PL_STRING,
	PL_TEXT,
	PL_FIND,
	PL_STRING_EQUAL,
	PL_HAS_PREFIX,
	PL_HAS_SUFFIX,
	PL_CONTAINS_OP,
	PL_STRING_COMPARE,
	PL_OPS,
};

enum {
	PL_WIDTH_LOG2 = 3,
	PL_WIDTH_SIGNED = 4,
	PL_WIDTH_NIL_IS_ZERO = 8,
	PL_WIDTH_TAIL = 16,
};

struct pl_step {
	u8 op;
	u8 dst;
	u8 a;
	u8 b;
	u8 width;
	u8 reason;
	u8 fault;
	u8 pad;
	u16 length;
	u16 extra;
	s32 imm;
};

/* Where a test's word stands; PL_BYTES_AT has none, see pl_test. PL_NO_TEST: behind the last test. */
enum { PL_NO_TEST = 0, PL_IN_REGISTER = 1, PL_IN_MEMORY = 2, PL_ON_STACK = 3, PL_BYTES_AT = 4 };
/* How the word may compare with the constant; and what else is said of the test. */
enum {
	PL_TEST_LESS = 1,
	PL_TEST_EQUAL = 2,
	PL_TEST_GREATER = 4,
	PL_TEST_OR = 8,	   /* holding of the next one suffices */
	PL_TEST_LOST = 16, /* calls may have lost the register */
};

/*
 * One comparison of a word with a constant (screen.h). PL_BYTES_AT: that bytes cannot be read, from the address in the
 * register `from` on as many as the register `offset` says, at most `constant`.
 */
struct pl_test {
	u8 place;
	u8 from; /* PL_IN_REGISTER, PL_IN_MEMORY: the register */
	u8 width;
	u8 passes;
	s32 offset; /* PL_IN_MEMORY, PL_ON_STACK: from the register's value, from the CFA */
	u64 constant;
};

struct pl_condition {
	u32 row;       /* of the table that counts undecided calls by reason */
	s32 came_back; /* RBX - RIP in calls that have lost what their registers held; 0: no call has */
	struct pl_test screen[PL_TESTS];
	struct pl_step step[PL_CONDITION_STEPS];
	u64 constant[PL_CONSTANTS];
	/* Read a word at a time, and compared up to PL_STRING_LOOK bytes from each place. */
	u8 text[PL_CONDITION_TEXT + PL_STRING_LOOK];
};

struct pl_string {
	u64 length;
	u64 start; /* of the first byte that was looked at */
	u32 looked;
	u32 reason;
	u8 bytes[PL_STRING_LOOK + 8]; /* with room for a word behind the last byte */
};

/* What the entry leaves to the return. */
struct pl_kept {
	struct pl_string string[PL_KEPT_STRINGS];
	u64 value[PL_KEPT_VALUES];
	u8 reason[PL_KEPT_VALUES];
	u64 plan; /* the entry probe's index */
	u64 lost; /* the call has lost what its registers held, see came_back */
};

struct pl_machine {
	u32 condition;
	u32 next; /* instructions before this one are jumped over */
	u64 registers[PL_REGISTERS];
	u64 cfa;
	u64 goid;
	u64 g;
	u64 duration_ns;
	u64 unread; /* the goroutine: its goid is not known, nor is g where that is 0 */
	u64 value[PL_VALUES];
	u8 reason[PL_VALUES]; /* 0: the value is known */
	u64 answer;
	u64 answer_reason;
	u64 found;
	/* Float registers of the call, at its return: 15, and room for what a mask lets through. */
	u64 low[PL_FLOAT_REGISTERS + 1];
	u64 has_low;
	/* The same of the hit itself, once its own frame has come; until then, the reason if it does not come. */
	u64 own_low[PL_FLOAT_REGISTERS + 1];
	u64 has_own_low;
	u64 frame_reason;
	u64 awaits; /* id of the call that has left all this, or whose return has, for the hit's frame; 0: none, or
		     * another hit came since */
	/* Where reads failed: first and last bytes, for programs that may wait for them. */
	u64 missing[PL_MISSING];
	u64 missings;
	u64 ends[256]; /* all zero between two searches */
	struct pl_string string[PL_STRINGS - PL_KEPT_STRINGS];
	struct pl_kept kept; /* directly behind: its strings are the last slots */
};

#endif
