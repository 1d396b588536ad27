/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Strings of the condition machine: read, looked up among labels, compared, searched. */
#ifndef PROBELENS_CONDITION_STRINGS_H
#define PROBELENS_CONDITION_STRINGS_H

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

#endif
