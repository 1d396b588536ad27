/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What a pointer word leads to: its type, how much of it, and whether the event has it already. */
#ifndef PROBELENS_TARGETS_H
#define PROBELENS_TARGETS_H

static __always_inline int applies(struct pl_scratch *s, struct pl_slot *slot)
{
	u8 kind = slot->when_kind;
	if (kind == PL_WHEN_ALWAYS)
		return 1;
	if (kind == PL_WHEN_ZERO)
		return element_word(s, slot->when) == 0;
	if (kind == PL_WHEN_NOT_ZERO)
		return element_word(s, slot->when) != 0;
	u64 bits = element_byte(s, slot->when) & slot->when_mask;
	return kind == PL_WHEN_SET ? bits != 0 : bits == 0;
}

static __always_inline void set_target(struct pl_scratch *s, u32 type, u32 deepens)
{
	s->target = type;
	s->target_depth = s->depth + deepens;
}

/* What a func value points to: an object whose first word is the code's address. Of an unknown one that word is taken.
 */
static __always_inline int closure_target(struct pl_scratch *s, u64 object, u32 deepens)
{
	u64 code = 0;
	if (read_target(&code, sizeof(code), (void *)object))
		return 0;
	code -= s->bias;
	struct pl_target *target = bpf_map_lookup_elem(&closures, &code);
	set_target(s, target ? target->type : PL_TYPE_WORD, deepens);
	return 1;
}

static __always_inline int dynamic_target(struct pl_scratch *s, struct pl_slot *slot, u64 data)
{
	u64 word = element_word(s, slot->word);
	if (!word)
		return 0;
	if (slot->via == PL_VIA_ITAB && read_target(&word, sizeof(word), (void *)(word + PL_ITAB_TYPE)))
		return 0;
	word -= s->bias;
	struct pl_target *target = bpf_map_lookup_elem(&runtime_types, &word);
	if (!target)
		return 0;
	u32 deepens = target->flags & PL_TARGET_DEEPENS;
	if (target->flags & PL_TARGET_FUNC)
		return closure_target(s, data, deepens);
	set_target(s, target->type, deepens);
	return 1;
}

static __always_inline int find_target(struct pl_scratch *s, struct pl_slot *slot, u64 address)
{
	if (slot->via == PL_VIA_FUNC)
		return closure_target(s, address, slot->deepens);
	if (slot->via != PL_VIA_TYPE)
		return dynamic_target(s, slot, address);
	set_target(s, slot->type, slot->deepens);
	return 1;
}

static __always_inline u64 elements_of(struct pl_scratch *s, struct pl_slot *slot)
{
	if (slot->length_kind == PL_LENGTH_ONE)
		return 1;
	u64 elements;
	if (slot->length_kind == PL_LENGTH_WORD) {
		elements = element_word(s, slot->length) + (s64)slot->length_add;
	} else {
		u64 shift = element_byte(s, slot->length) + (s64)slot->length_add;
		elements = shift < 32 ? 1ull << shift : 0;
	}
	return elements > 0xffffffff ? 0xffffffff : elements;
}

/* Whether the event has these bytes already, and notes that it does. */
static __always_inline int seen_before(struct pl_scratch *s, u64 address, u64 wanted)
{
	u64 hash = (address ^ (u64)s->target << 40) * 0x9e3779b97f4a7c15ull;
	u64 first = hash >> 55;
	for (u32 i = 0; i < 4; i++) {
		struct pl_seen *seen = &s->seen[(first + i) & (PL_SEEN - 1)];
		if (seen->sequence != (u32)s->sequence) {
			seen->address = address;
			seen->type = s->target;
			seen->sequence = s->sequence;
			seen->wanted = wanted;
			seen->depth = s->target_depth;
			return 0;
		}
		if (seen->address == address && seen->type == s->target) {
			if (seen->wanted >= wanted && seen->depth <= s->target_depth)
				return 1;
			seen->wanted = wanted;
			seen->depth = s->target_depth;
			return 0;
		}
	}
	return 0;
}

#endif
