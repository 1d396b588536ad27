/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Integers as Go computes them, floats as Go compares them. */
#ifndef PROBELENS_CONDITION_NUMBERS_H
#define PROBELENS_CONDITION_NUMBERS_H

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

#endif
