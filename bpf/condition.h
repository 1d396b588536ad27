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

#include "condition_numbers.h"
#include "condition_strings.h"

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
			reason = m->kept.lost ? step->reason : 0;
			break;
		}
		case PL_CFA:
			result = m->cfa + (s64)step->imm;
			break;
		case PL_GOID:
			result = m->goid;
			reason = m->unread ? step->fault : 0;
			break;
		case PL_G:
			result = m->g;
			reason = m->unread && !result ? step->fault : 0;
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
			reason = m->kept.lost && step->reason ? step->reason : m->has_low ? 0 : step->fault;
			break;
		}
		case PL_OWN_FLOAT: {
			u32 number = step->a;
			if (number < PL_FLOAT_REGISTERS)
				result = m->own_low[number];
			reason = m->kept.lost ? step->reason : 0;
			if (!reason && !m->has_own_low) {
				reason = PL_LATE;
				m->frame_reason = step->fault;
			}
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
