/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Evaluates a condition: the machine of src/protocol/condition.ts, where each instruction is described. Whoever
 * includes this defines own_machine(), the memory that nobody else uses until the program ends.
 *
 * What shapes the code: all that changes from step to step is kept in the machine's memory, which is an unknown number
 * to the verifier, so that it follows one round of the loop for each instruction and no combination of them. Whatever
 * has a loop of its own is a global function: it is verified once, by itself (Linux 5.6).
 */
#ifndef PROBELENS_CONDITION_H
#define PROBELENS_CONDITION_H

#include "condition_layout.h"

static __always_inline struct pl_machine *own_machine(void);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_condition);
	__uint(max_entries, 1);
} conditions SEC(".maps");

#define __global __attribute__((noinline))
#define barrier() asm volatile("" ::: "memory")
/* Read anew each time: a bound in a register is a different number to the verifier in each round of a loop. */
#define in_memory(field) (*(volatile typeof(field) *)&(field))

static __always_inline u64 extended(u64 value, u32 width)
{
	u32 drop = 64 - (8u << (width & PL_WIDTH_LOG2));
	value <<= drop;
	return width & PL_WIDTH_SIGNED ? (u64)((s64)value >> drop) : value >> drop;
}

static __always_inline u64 magnitude(u64 value) { return (s64)value < 0 ? -value : value; }

/* Signed division exists since Linux 6.6 only. The least number's magnitude wraps to itself, as in Go. */
static __always_inline u64 divided(u64 x, u64 y, u32 width, int remainder)
{
	if (!(width & PL_WIDTH_SIGNED))
		return remainder ? x % y : x / y;
	u64 n = magnitude(x), d = magnitude(y);
	u64 result = remainder ? n % d : n / d;
	/* Truncated towards zero: a remainder has the sign of x. */
	int negative = remainder ? (s64)x < 0 : (s64)(x ^ y) < 0;
	return negative ? -result : result;
}

static __always_inline u64 shifted_right(u64 x, u64 count, u32 width)
{
	if (width & PL_WIDTH_SIGNED)
		return (s64)x >> (count > 63 ? 63 : count);
	return count > 63 ? 0 : x >> count;
}

struct pl_float {
	s64 order; /* sorts as the floats do; both zeroes are 0 */
	int nan;
};

static __always_inline struct pl_float float_of(u64 bits, u32 width)
{
	int narrow = (width & PL_WIDTH_LOG2) == 2;
	u64 sign = narrow ? 1ull << 31 : 1ull << 63;
	u64 infinite = narrow ? 0x7f800000ull : 0x7ff0000000000000ull;
	u64 absolute = bits & (sign - 1);
	struct pl_float result = {.order = bits & sign ? -(s64)absolute : (s64)absolute, .nan = absolute > infinite};
	return result;
}

static __always_inline int floats(u32 op, u64 x, u64 y, u32 width)
{
	struct pl_float a = float_of(x, width), b = float_of(y, width);
	if (a.nan || b.nan)
		return op == PL_FLOAT_NOT_EQUAL;
	if (op == PL_FLOAT_LESS)
		return a.order < b.order;
	if (op == PL_FLOAT_LESS_OR_EQUAL)
		return a.order <= b.order;
	return (a.order == b.order) == (op == PL_FLOAT_EQUAL);
}

static __always_inline struct pl_string *string_slot(struct pl_machine *m, u32 slot)
{
	/* The kept ones stand behind the others. */
	return &m->string[slot & (PL_STRINGS - 1)];
}

static __always_inline void undecided_string(struct pl_string *s, u32 reason)
{
	s->length = 0;
	s->start = 0;
	s->looked = 0;
	s->reason = reason;
}

/*
 * What is not resident is waited for between two evaluations (evaluate_waiting): the kernel refuses programs that may
 * not sleep as soon as a global function of theirs has a call that sleeps, whether it is ever made or not (Linux 6.15).
 */
static __always_inline long read_or_note(struct pl_machine *m, void *to, u32 size, const void *from)
{
	long failed = bpf_probe_read_user(to, size, from);
	if (config.fault_in && failed) {
		m->missing[m->missings++ & (PL_MISSING - 1)] = (u64)from;
		m->missing[m->missings++ & (PL_MISSING - 1)] = (u64)from + size - 1;
	}
	return failed;
}

static __always_inline void read_string(struct pl_machine *m, struct pl_string *s, u64 pointer, u64 length, u32 most,
					u32 tail, u32 fault)
{
	u64 looked = length < most ? length : most;
	opaque(looked);
	if (looked > PL_STRING_LOOK)
		looked = PL_STRING_LOOK;
	s->length = length;
	s->start = tail ? length - looked : 0;
	s->looked = looked;
	s->reason = 0;
	if (looked && read_or_note(m, s->bytes, looked, (void *)(pointer + s->start)))
		undecided_string(s, fault);
}

/* What a global function starts with: it has no arguments but numbers. */
struct at_step {
	struct pl_machine *m;
	struct pl_condition *c;
	struct pl_step *step;
};

static __always_inline int find_step(struct at_step *at, u32 number)
{
	u64 index = number;
	at->m = own_machine();
	if (!at->m)
		return 0;
	at->c = bpf_map_lookup_elem(&conditions, &at->m->condition);
	opaque(index);
	if (!at->c || index >= PL_CONDITION_STEPS)
		return 0;
	at->step = &at->c->step[index];
	return 1;
}

__global int condition_text(u32 index)
{
	struct at_step at;
	if (!find_step(&at, index))
		return 0;
	struct pl_string *s = string_slot(at.m, at.step->dst);
	u64 from = (u32)at.step->imm;
	s->length = at.step->length;
	s->start = 0;
	s->looked = at.step->length;
	s->reason = 0;
	for (u32 i = 0; i < PL_STRING_LOOK; i += 8) {
		u64 word = from + i;
		opaque(word);
		if (i >= s->looked || word > PL_CONDITION_TEXT - 1)
			break;
		*(u64 *)(s->bytes + i) = *(u64 *)(at.c->text + word);
	}
	return 0;
}

/* The first `bytes` bytes at these places are the same. Both places have room for a word behind what is compared. */
static __always_inline int same_bytes(struct pl_string *a, u64 from, u8 *other, u64 bytes)
{
	for (u32 i = 0; i < PL_STRING_LOOK; i += 8) {
		u64 at = from + i;
		opaque(at);
		if (i >= bytes || at > PL_STRING_LOOK)
			break;
		u64 left = bytes - i;
		u64 differ = *(u64 *)(a->bytes + at) ^ *(u64 *)(other + i);
		if (left < 8)
			differ <<= 64 - 8 * left;
		if (differ)
			return 0;
	}
	return 1;
}

/* 1: the pair has the key, or cannot be read. */
__global int condition_find_pair(u32 index, u32 pair)
{
	struct at_step at;
	if (!find_step(&at, index))
		return 1;
	struct pl_step *step = at.step;
	struct pl_string *s = string_slot(at.m, step->dst);
	u64 from = (u32)step->imm;
	u64 key_length = step->length;
	opaque(from);
	opaque(key_length);
	if (from > PL_CONDITION_TEXT - 1 || key_length > PL_CONTAINS)
		return 1;
	u64 word[2];
	u64 key = at.m->value[step->a & (PL_VALUES - 1)] + pair * (u64)step->width;
	if (read_or_note(at.m, word, sizeof(word), (void *)key))
		goto fault;
	if (word[1] != key_length)
		return 0;
	if (key_length && read_or_note(at.m, s->bytes, key_length, (void *)word[0]))
		goto fault;
	if (!same_bytes(s, 0, at.c->text + from, key_length))
		return 0;
	if (read_or_note(at.m, word, sizeof(word), (void *)(key + step->extra)))
		goto fault;
	read_string(at.m, s, word[0], word[1], PL_STRING_LOOK, 0, step->fault);
	return 1;
fault:
	s->reason = step->fault;
	return 1;
}

__global int condition_find(u32 index)
{
	struct at_step at;
	if (!find_step(&at, index))
		return 0;
	u32 a = at.step->a & (PL_VALUES - 1), b = at.step->b & (PL_VALUES - 1);
	u32 reason = at.m->reason[a] ? at.m->reason[a] : at.m->reason[b];
	u64 pairs = at.m->value[b];
	if (!reason && pairs > PL_FIND_PAIRS)
		reason = at.step->reason;
	undecided_string(string_slot(at.m, at.step->dst), reason);
	if (reason)
		return 0;
	for (u32 i = 0; i < PL_FIND_PAIRS; i++)
		if (i >= pairs || condition_find_pair(index, i))
			break;
	return 0;
}

static __always_inline int is_whole(struct pl_string *s) { return !s->start && s->looked == s->length; }

/* Of one of the operations on two strings; a reason, or 0 and the result in `answer`. */
static __always_inline u32 equal_strings(struct pl_string *a, struct pl_string *b, struct pl_step *step, u64 *answer)
{
	*answer = 0;
	if (a->length != b->length)
		return 0;
	u64 common = a->looked < b->looked ? a->looked : b->looked;
	if (!same_bytes(a, 0, b->bytes, common))
		return 0;
	*answer = 1;
	return is_whole(a) ? 0 : step->reason;
}

static __always_inline u32 affix(struct pl_string *a, struct pl_string *b, struct pl_step *step, u64 *answer)
{
	*answer = 0;
	if (b->length > a->length)
		return 0;
	if (!is_whole(b))
		return step->fault;
	u64 from = step->op == PL_HAS_PREFIX ? 0 : a->length - b->length;
	if (from < a->start || from - a->start + b->looked > a->looked)
		return step->reason;
	*answer = same_bytes(a, from - a->start, b->bytes, b->looked);
	return 0;
}

/* Shift-And (Baeza-Yates and Gonnet): bit i of `state` is set where the needle's first i + 1 bytes end here. */
static __always_inline u32 contains(struct pl_machine *m, struct pl_string *a, struct pl_string *b,
				    struct pl_step *step, u64 *answer)
{
	*answer = 0;
	if (b->length > a->length)
		return 0;
	u64 bytes = b->looked;
	if (!is_whole(b) || bytes > PL_CONTAINS)
		return step->fault;
	*answer = 1;
	if (!bytes)
		return 0;
	u64 last = 1ull << (bytes - 1);
	for (u32 i = 0; i < PL_CONTAINS; i++) {
		if (i >= in_memory(b->looked))
			break;
		m->ends[b->bytes[i]] |= 1ull << i;
	}
	u64 state = 0;
	m->found = 0;
	for (u32 i = 0; i < PL_STRING_LOOK; i++) {
		if (i >= in_memory(a->looked))
			break;
		state = (state << 1 | 1) & m->ends[a->bytes[i]];
		opaque(state);
		if (state & last) {
			m->found = 1;
			break;
		}
	}
	for (u32 i = 0; i < PL_CONTAINS; i++) {
		if (i >= in_memory(b->looked))
			break;
		m->ends[b->bytes[i]] = 0;
	}
	if (in_memory(m->found))
		return 0;
	*answer = 0;
	return is_whole(a) ? 0 : step->reason;
}

static __always_inline u32 compare_strings(struct pl_string *a, struct pl_string *b, struct pl_step *step, u64 *answer)
{
	u64 common = a->looked < b->looked ? a->looked : b->looked;
	for (u32 i = 0; i < PL_STRING_LOOK; i += 8) {
		if (i >= common)
			break;
		u64 left = common - i;
		/* The first byte counts most. */
		u64 x = __builtin_bswap64(*(u64 *)(a->bytes + i)), y = __builtin_bswap64(*(u64 *)(b->bytes + i));
		if (left < 8) {
			x >>= 64 - 8 * left;
			y >>= 64 - 8 * left;
		}
		if (x != y) {
			*answer = x < y ? -1ull : 1;
			return 0;
		}
	}
	*answer = a->length < b->length ? -1ull : a->length > b->length;
	/* The shorter one was seen whole: its end decides. */
	return common == (a->length < b->length ? a->length : b->length) ? 0 : step->reason;
}

/* Global, each by itself: together they would be more than one round of the verifier's patience on old kernels. */
#define STRING_OPERATION(name, operation)                                                                              \
	__global int name(u32 index)                                                                                   \
	{                                                                                                              \
		struct at_step at;                                                                                     \
		if (!find_step(&at, index))                                                                            \
			return 0;                                                                                      \
		struct pl_step *step = at.step;                                                                        \
		struct pl_string *a = string_slot(at.m, step->a), *b = string_slot(at.m, step->b);                     \
		u32 reason = a->reason ? a->reason : b->reason;                                                        \
		u64 answer = 0;                                                                                        \
		if (!reason)                                                                                           \
			reason = operation;                                                                            \
		at.m->value[step->dst & (PL_VALUES - 1)] = answer;                                                     \
		at.m->reason[step->dst & (PL_VALUES - 1)] = reason;                                                    \
		return 0;                                                                                              \
	}
STRING_OPERATION(condition_string_equal, equal_strings(a, b, step, &answer))
STRING_OPERATION(condition_affix, affix(a, b, step, &answer))
STRING_OPERATION(condition_contains, contains(at.m, a, b, step, &answer))
STRING_OPERATION(condition_string_compare, compare_strings(a, b, step, &answer))

/* A reason, or 0 and the result in `result`. The operands are known. */
static __always_inline u32 of_values(struct pl_step *step, u32 op, u64 x, u64 y, u64 *result)
{
	u32 width = step->width;
	switch (op) {
	case PL_MOVE:
		*result = x;
		return 0;
	case PL_NOT:
		*result = x ^ 1;
		return 0;
	case PL_NOT_NIL:
		*result = x;
		return x ? 0 : step->reason;
	case PL_NOT_NEGATIVE:
		*result = x;
		return (s64)x < 0 ? step->reason : 0;
	case PL_BOUND:
		*result = x;
		return x < y ? 0 : step->reason;
	case PL_EQUAL:
		*result = x == y;
		return 0;
	case PL_NOT_EQUAL:
		*result = x != y;
		return 0;
	case PL_LESS:
		*result = width & PL_WIDTH_SIGNED ? (s64)x < (s64)y : x < y;
		return 0;
	case PL_LESS_OR_EQUAL:
		*result = width & PL_WIDTH_SIGNED ? (s64)x <= (s64)y : x <= y;
		return 0;
	case PL_FLOAT_EQUAL:
	case PL_FLOAT_NOT_EQUAL:
	case PL_FLOAT_LESS:
	case PL_FLOAT_LESS_OR_EQUAL:
		*result = floats(op, x, y, width);
		return 0;
	case PL_DIVIDE:
	case PL_REMAINDER:
		if (!y)
			return step->reason;
		x = divided(x, y, width, op == PL_REMAINDER);
		break;
	case PL_ADD:
		x += y;
		break;
	case PL_SUBTRACT:
		x -= y;
		break;
	case PL_MULTIPLY:
		x *= y;
		break;
	case PL_AND:
		x &= y;
		break;
	case PL_OR:
		x |= y;
		break;
	case PL_XOR:
		x ^= y;
		break;
	case PL_AND_NOT:
		x &= ~y;
		break;
	case PL_SHIFT_LEFT:
		x = y > 63 ? 0 : x << y;
		break;
	case PL_SHIFT_RIGHT:
		x = shifted_right(x, y, width);
		break;
	}
	*result = extended(x, width);
	return 0;
}

static __always_inline u32 load_value(struct pl_machine *m, struct pl_step *step, u64 x, u64 *result)
{
	/* Room for what the verifier believes that a mask of 4 bits lets through. */
	u64 word[2] = {};
	*result = 0;
	if (!x)
		return step->width & PL_WIDTH_NIL_IS_ZERO ? 0 : step->reason;
	u64 bytes = 1u << (step->width & PL_WIDTH_LOG2);
	opaque(bytes);
	bytes &= 15;
	if (read_or_note(m, word, bytes, (void *)(x + (s64)step->imm)))
		return step->fault;
	*result = extended(word[0], step->width);
	return 0;
}

/* `bothTrue` is decided by a false side, `eitherTrue` by a true one; else what the return brings may still decide. */
static __always_inline u32 logic(u32 op, u64 x, u32 x_reason, u64 y, u32 y_reason, u64 *result)
{
	u64 decisive = op == PL_EITHER_TRUE;
	*result = decisive;
	if ((!x_reason && x == decisive) || (!y_reason && y == decisive))
		return 0;
	*result = !decisive;
	if (x_reason == PL_LATE || y_reason == PL_LATE)
		return PL_LATE;
	return x_reason ? x_reason : y_reason;
}

/* 1: that was the last step. */
static __always_inline int condition_step(struct pl_machine *m, struct pl_condition *c, u64 index)
{
	struct pl_step *step = &c->step[index];
	u32 op = step->op;
	u32 a = step->a & (PL_VALUES - 1), b = step->b & (PL_VALUES - 1);
	u64 x = m->value[a], y = m->value[b];
	u32 x_reason = m->reason[a], y_reason = m->reason[b];
	u64 result = 0;
	u32 reason = 0;
	if (op >= PL_EXTEND && op <= PL_BOUND) {
		/* The first few have one operand only. */
		if (op < PL_ADD)
			y_reason = 0;
		reason = x_reason ? x_reason : y_reason;
		if (!reason)
			reason = of_values(step, op, x, y, &result);
	} else {
		switch (op) {
		case PL_END:
			m->answer = x;
			m->answer_reason = x_reason;
			return 1;
		case PL_NUMBER:
			result = (s64)step->imm;
			break;
		case PL_CONSTANT:
			result = c->constant[(u32)step->imm & (PL_CONSTANTS - 1)];
			break;
		case PL_REGISTER: {
			u32 number = step->a;
			if (number < PL_REGISTERS)
				result = m->registers[number];
			break;
		}
		case PL_CFA:
			result = m->cfa + (s64)step->imm;
			break;
		case PL_GOID:
			result = m->goid;
			break;
		case PL_G:
			result = m->g;
			break;
		case PL_DURATION:
			result = m->duration_ns;
			break;
		case PL_LATE_VALUE:
			reason = PL_LATE;
			break;
		case PL_FLOAT: {
			u32 number = step->a;
			if (number < PL_FLOAT_REGISTERS)
				result = m->low[number];
			reason = m->has_low ? 0 : step->fault;
			break;
		}
		case PL_LOAD:
			reason = x_reason ? x_reason : load_value(m, step, x, &result);
			break;
		case PL_BOTH_TRUE:
		case PL_EITHER_TRUE:
			reason = logic(op, x, x_reason, y, y_reason, &result);
			break;
		case PL_JUMP_IF_FALSE:
		case PL_JUMP_IF_TRUE:
			if (!x_reason && !x == (op == PL_JUMP_IF_FALSE))
				m->next = step->imm;
			return 0;
		case PL_KEEP: {
			u32 slot = (u32)step->imm & (PL_KEPT_VALUES - 1);
			m->kept.value[slot] = x;
			m->kept.reason[slot] = x_reason;
			return 0;
		}
		case PL_RECALL: {
			u32 slot = (u32)step->imm & (PL_KEPT_VALUES - 1);
			result = m->kept.value[slot];
			reason = m->kept.reason[slot];
			break;
		}
		case PL_STRING: {
			struct pl_string *s = string_slot(m, step->dst);
			if (x_reason || y_reason)
				undecided_string(s, x_reason ? x_reason : y_reason);
			else
				read_string(m, s, x, y, (u32)step->imm, step->width & PL_WIDTH_TAIL, step->fault);
			return 0;
		}
		case PL_TEXT:
			condition_text(index);
			return 0;
		case PL_FIND:
			condition_find(index);
			return 0;
		case PL_STRING_EQUAL:
			condition_string_equal(index);
			return 0;
		case PL_HAS_PREFIX:
		case PL_HAS_SUFFIX:
			condition_affix(index);
			return 0;
		case PL_CONTAINS_OP:
			condition_contains(index);
			return 0;
		case PL_STRING_COMPARE:
			condition_string_compare(index);
			return 0;
		}
	}
	u32 dst = step->dst & (PL_VALUES - 1);
	m->value[dst] = result;
	m->reason[dst] = reason;
	return 0;
}

/*
 * A few steps at a time: each is followed by the verifier in every place where it stands, and each call has to find the
 * machine again. 1: that was the last one.
 */
#define PL_STEPS_AT_ONCE 16
__global int condition_steps(u32 from)
{
	u64 first = from;
	struct pl_machine *m = own_machine();
	if (!m)
		return 1;
	struct pl_condition *c = bpf_map_lookup_elem(&conditions, &m->condition);
	opaque(first);
	if (!c || first > PL_CONDITION_STEPS - PL_STEPS_AT_ONCE)
		return 1;
	for (u32 i = 0; i < PL_STEPS_AT_ONCE; i++) {
		u64 index = first + i;
		if (index < in_memory(m->next))
			continue;
		if (condition_step(m, c, index))
			return 1;
		barrier();
	}
	return 0;
}

enum { PL_PASS, PL_REJECT, PL_UNDECIDED, PL_PARK };

/* Runs the condition m->condition on what stands in the machine. The answer's reason is in m->answer_reason. */
static __always_inline u32 evaluate(struct pl_machine *m)
{
	m->next = 0;
	m->answer = 0;
	m->answer_reason = 0;
	m->missings = 0;
	for (u32 i = 0; i < PL_CONDITION_STEPS; i += PL_STEPS_AT_ONCE)
		if (condition_steps(i))
			break;
	u64 reason = in_memory(m->answer_reason);
	if (reason == PL_LATE)
		return PL_PARK;
	if (reason)
		return PL_UNDECIDED;
	return m->answer ? PL_PASS : PL_REJECT;
}

/* 1: something that was missing is there now. */
static __always_inline int wait_for_missing(struct pl_machine *m)
{
	int came = 0;
	u8 byte;
	for (u32 i = 0; i < PL_MISSING; i++) {
		if (i >= in_memory(m->missings))
			break;
		if (!bpf_copy_from_user(&byte, sizeof(byte), (void *)m->missing[i]))
			came = 1;
	}
	return came;
}

/* What comes after a wait may lead to more that is missing: so long a chain of pointers is followed. */
#define PL_WAITS 16

/* In programs that may sleep, what is not resident is waited for where the answer depends on it. */
static __always_inline u32 evaluate_waiting(struct pl_machine *m)
{
	u32 verdict = evaluate(m);
	if (!config.fault_in)
		return verdict;
	for (u32 i = 0; i < PL_WAITS; i++) {
		if ((verdict != PL_UNDECIDED && verdict != PL_PARK) || !wait_for_missing(m))
			break;
		verdict = evaluate(m);
	}
	return verdict;
}

#endif
