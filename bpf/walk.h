/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Deep plans: a small core dump. The record is built in memory that belongs to the thread, because how long it will be
 * is not known: from the root area on, each element's pointer words are followed breadth first, and what they point to
 * is appended as chunks, until everything is there or a budget is spent.
 *
 * What shapes the code:
 * - A thread is never in two uprobe programs at once, so its scratch memory needs no lock.
 * - The walk goes on step by step, and all that a step leaves stands in the scratch memory: what comes from memory is
 *   an unknown number to the verifier, so that all ways through a step end in the same state.
 * - Where the kernel has bpf_loop (5.17), `walk` runs to its end in one loop. Before that, `walk_rounds` does a bounded
 *   number of steps and then calls itself (tail calls, 32 in a row at the most). The helper loads one of the two.
 */
#ifndef PROBELENS_WALK_H
#define PROBELENS_WALK_H

#include "element.h"
#include "chunks.h"
#include "targets.h"
#include "groups.h"
#include "submit.h"

/* Steps of one event: a bound on its time. Most take some 20 ns, one that reads memory 100. */
#define MAX_STEPS 2048
/* Without bpf_loop: the verifier takes 3.5 ms for each step, and 24 rounds leave some of the 32 tail calls to others.
 */
#define ROUND_STEPS 32
#define MAX_ROUNDS 24
/* User addresses have 47 bits. */
#define USER_END (1ull << 47)

/* A call has its dictionary's address in a register or on the stack, a return only from its call. */
static __always_inline void place_dictionary(struct pl_scratch *s, struct pl_plan *plan)
{
	u64 at = plan->dictionary_at;
	opaque(at);
	if (!at || at > PL_EVENT_BYTES)
		return;
	u64 *place = (void *)s->record + at;
	if (((struct pl_record *)s->record)->kind == PL_RETURN)
		*place = s->call.dictionary;
	else
		s->call.dictionary = *place;
}

static __always_inline u32 root_type(struct pl_scratch *s, struct pl_plan *plan)
{
	if (!plan->dictionary_table)
		return plan->root_type;
	u64 key = (s->call.dictionary - s->bias) | (u64)plan->dictionary_table << PL_TABLE_SHIFT;
	struct pl_target *target = bpf_map_lookup_elem(&runtime_types, &key);
	return target ? target->type : plan->root_type;
}

static __always_inline void start_walk(struct pl_scratch *s, struct pl_plan *plan, u64 ip)
{
	s->bias = ip - plan->site;
	u32 root = root_type(s, plan);
	s->done = 0;
	s->rounds = 0;
	s->element = HEADER;
	s->end = HEADER + plan->root_size;
	s->next = s->end;
	s->slot = 0;
	s->slots = 0;
	s->depth = 0;
	s->current = 0;
	s->origin = 0;
	s->live_origin = 0;
	s->groups = 0;
	s->left = 0;
	s->chunk = 0;
	s->mask_element = 0;
	s->late_slots = 0;
	s->root = root;
	struct pl_type *type = bpf_map_lookup_elem(&types, &root);
	if (!type)
		return;
	/* One element, whatever pieces the type does not know of. */
	s->size = plan->root_size;
	s->first_slot = type->first_slot;
	s->slots = type->slots;
	if (plan->early_slots) {
		s->slots = plan->early_slots;
		s->early_slots = plan->early_slots;
		s->late_slots = type->slots;
	}
	if (type->masks) {
		s->mask_size = plan->root_size;
		s->first_mask = type->first_mask;
		s->masks = type->masks;
		s->mask = 0;
		s->mask_element = s->element;
		s->mask_end = s->end;
	}
}

/* What the early slots lead to is complete: the root area's other slots are next. */
static __always_inline void back_to_root(struct pl_scratch *s)
{
	struct pl_plan *plan = bpf_map_lookup_elem(&plans, &s->plan);
	struct pl_type *type = plan ? bpf_map_lookup_elem(&types, &s->root) : 0;
	if (!type || !s->late_slots) {
		s->done = 1;
		return;
	}
	s->element = HEADER;
	s->end = HEADER + plan->root_size;
	s->size = plan->root_size;
	s->first_slot = type->first_slot;
	s->slot = s->early_slots;
	s->slots = s->late_slots;
	s->depth = 0;
	s->late_slots = 0;
}

/* To the next element of the chunk, or to the next chunk. */
static __always_inline void advance(struct pl_scratch *s)
{
	struct pl_record *record = (void *)s->record;
	s->slot = 0;
	s->element += s->size;
	if (s->slots && s->size && s->element < s->end)
		return;
	s->slots = 0;
	u64 at = s->next;
	opaque(at);
	if (at >= record->used || at > PL_EVENT_BYTES) {
		back_to_root(s);
		return;
	}
	struct pl_chunk *chunk = (void *)s->record + at;
	s->current = at;
	s->origin = chunk->origin;
	s->element = at + CHUNK;
	s->end = at + CHUNK + chunk->length;
	s->next = (s->end + 7) & ~7u;
	s->depth = chunk->depth;
	struct pl_type *type = bpf_map_lookup_elem(&types, &chunk->type);
	if (!type)
		return;
	s->size = type->size;
	s->first_slot = type->first_slot;
	s->slots = type->slots;
}

/* Takes one pointer word; begins a chunk where it leads to bytes that are wanted and not yet there. */
static __always_inline void follow_step(struct pl_scratch *s, struct pl_plan *plan)
{
	struct pl_record *record = (void *)s->record;
	u32 index = s->first_slot + s->slot;
	s->slot++;
	struct pl_slot *slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || !applies(s, slot))
		return;
	u64 address = element_word(s, slot->pointer);
	if (!address || address >= USER_END || !find_target(s, slot, address))
		return;
	if (s->target_depth > plan->max_depth)
		return;
	struct pl_type *type = bpf_map_lookup_elem(&types, &s->target);
	if (!type)
		return;
	u64 size = type->size;
	u64 elements = elements_of(s, slot);
	u64 wanted = elements * size;
	if (wanted > 0xffffffff)
		wanted = 0xffffffff;
	if (!wanted || seen_before(s, address, wanted))
		return;
	s->mask_size = type->size;
	s->first_mask = type->first_mask;
	s->masks = type->masks;
	if (slot->live) {
		start_groups(s, slot, address, elements, size);
		return;
	}
	if (record->chunks >= PL_MAX_CHUNKS) {
		record->full = PL_FULL_CHUNKS;
		s->done = 1;
		return;
	}
	u64 at = record->used;
	opaque(at);
	u64 limit = plan->max_bytes;
	if (at > PL_EVENT_BYTES - CHUNK - 8 || at + CHUNK + 8 > limit) {
		record->full = PL_FULL_BYTES;
		s->done = 1;
		return;
	}
	u64 bytes = wanted;
	if (elements > slot->max_elements && bytes > slot->max_elements * size)
		bytes = slot->max_elements * size;
	if (bytes > slot->max_bytes)
		bytes = slot->max_bytes;
	if (bytes > limit - at - CHUNK) {
		bytes = limit - at - CHUNK;
		record->full = PL_FULL_BYTES;
	}
	struct pl_chunk *chunk = (void *)s->record + at;
	chunk->address = address;
	chunk->type = s->target;
	chunk->length = 0;
	chunk->wanted = wanted;
	chunk->status = PL_CHUNK_OK;
	chunk->depth = s->target_depth;
	chunk->origin = s->current / 8;
	s->chunk = at;
	s->address = address;
	s->at = at + CHUNK;
	s->left = bytes;
}

static __always_inline void step(struct pl_scratch *s, struct pl_plan *plan)
{
	if (s->left)
		copy_step(s);
	else if (s->mask_element)
		mask_step(s);
	else if (s->groups)
		group_step(s, plan);
	else if (s->slot >= s->slots)
		advance(s);
	else
		follow_step(s, plan);
}

struct walk {
	struct pl_scratch *s;
	struct pl_plan *plan;
};

static long walk_step(u64 round, struct walk *walk)
{
	(void)round;
	step(walk->s, walk->plan);
	return walk->s->done ? 1 : 0;
}

static __always_inline int find_walk(struct walk *walk)
{
	walk->s = own_scratch(0);
	if (!walk->s)
		return 0;
	walk->plan = bpf_map_lookup_elem(&plans, &walk->s->plan);
	return walk->plan != 0;
}

static __always_inline void end_walk(struct pt_regs *ctx, struct walk *walk)
{
	if (!walk->s->done)
		((struct pl_record *)walk->s->record)->full = PL_FULL_STEPS;
	submit(ctx, walk->s, walk->plan);
}

/* From 5.17 on. */
static __always_inline void walk_to_end(struct pt_regs *ctx)
{
	struct walk walk;
	if (!find_walk(&walk))
		return;
	bpf_loop(MAX_STEPS, walk_step, &walk, 0);
	end_walk(ctx, &walk);
}

SEC("uprobe") int walk(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	walk_to_end(ctx);
	return 0;
}

SEC("uprobe") int walk_rounds(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct walk walk;
	if (!find_walk(&walk))
		return 0;
	for (u32 i = 0; i < ROUND_STEPS && !walk.s->done; i++)
		step(walk.s, walk.plan);
	if (!walk.s->done && ++walk.s->rounds < MAX_ROUNDS)
		bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
	end_walk(ctx, &walk);
	return 0;
}

#endif
