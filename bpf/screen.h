/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The screen of a condition: up to four comparisons of a word with a constant, without which the condition cannot hold.
 * They are read from the hit's registers and from memory that those lead to, before anything is looked up for the
 * machine: most calls are turned away by `n < 0` or `p != nil`. Only what is false for certain turns a call away; all
 * else is the machine's to decide, which evaluates the whole condition (src/condition/screen.ts says why that agrees).
 *
 * Whoever includes this defines register_of().
 */
#ifndef PROBELENS_SCREEN_H
#define PROBELENS_SCREEN_H

#include "condition_numbers.h"

/* A register by its number among CAPTURE_REGISTERS. */
static __always_inline u64 register_of(void *ctx, u32 number);

/* The test's word into `word`; 0: it is not known. */
static __always_inline int read_word(void *ctx, struct pl_test *test, u64 cfa, u64 lost, u64 *word)
{
	/* Room for what the verifier believes that a mask of 4 bits lets through. */
	u64 read[2] = {};
	u64 base = cfa;
	if (test->place != PL_ON_STACK) {
		if (lost && (test->passes & PL_TEST_LOST))
			return 0;
		base = register_of(ctx, test->from);
	}
	*word = base;
	if (test->place == PL_IN_REGISTER)
		return 1;
	if (!base) {
		*word = 0;
		return test->width & PL_WIDTH_NIL_IS_ZERO;
	}
	u64 bytes = 1u << (test->width & PL_WIDTH_LOG2);
	opaque(bytes);
	bytes &= 15;
	if (bpf_probe_read_user(read, bytes, (void *)(base + (s64)test->offset)))
		return 0;
	*word = read[0];
	return 1;
}

static __always_inline u32 order_of(u64 x, u64 y, u32 width)
{
	if (x == y)
		return PL_TEST_EQUAL;
	int less = width & PL_WIDTH_SIGNED ? (s64)x < (s64)y : x < y;
	return less ? PL_TEST_LESS : PL_TEST_GREATER;
}

#define PL_PAGE_SHIFT 12 /* x86-64 */

/*
 * What one read of a string's bytes would say: memory is there in pages, and that many bytes (PL_STRING_LOOK) stand in
 * two of them at the most.
 */
static __always_inline int are_readable(void *ctx, struct pl_test *test, u64 lost)
{
	u8 byte;
	if (lost && (test->passes & PL_TEST_LOST))
		return 0;
	u64 bytes = register_of(ctx, test->offset);
	if (bytes > test->constant)
		bytes = test->constant;
	if (!bytes)
		return 1;
	u64 first = register_of(ctx, test->from);
	u64 last = first + bytes - 1;
	if (bpf_probe_read_user(&byte, sizeof(byte), (void *)first))
		return 0;
	return first >> PL_PAGE_SHIFT == last >> PL_PAGE_SHIFT ||
	       !bpf_probe_read_user(&byte, sizeof(byte), (void *)last);
}

/* 1: the test is false for certain. */
static __always_inline int test_fails(void *ctx, struct pl_test *test, u64 cfa, u64 lost)
{
	u64 word = 0;
	if (test->place == PL_BYTES_AT)
		return are_readable(ctx, test, lost);
	if (!read_word(ctx, test, cfa, lost, &word))
		return 0;
	return !(test->passes & order_of(extended(word, test->width), test->constant, test->width));
}

/* 1: the condition is false for certain. */
static __always_inline int screened_out(void *ctx, struct pl_condition *c, u64 cfa, u64 lost)
{
	int fails = 1;
	for (u32 i = 0; i < PL_TESTS; i++) {
		struct pl_test *test = &c->screen[i];
		if (test->place == PL_NO_TEST)
			break;
		if (fails)
			fails = test_fails(ctx, test, cfa, lost);
		if (test->passes & PL_TEST_OR)
			continue;
		if (fails)
			return 1;
		fails = 1;
	}
	return 0;
}

#endif
