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

/* Steps of one event: a bound on its time. Most take some 20 ns, one that reads memory 100. */
#define MAX_STEPS 2048
/* Without bpf_loop: the verifier takes 3.5 ms for each step, and 24 rounds leave some of the 32 tail calls to others.
 */
#define ROUND_STEPS 32
#define MAX_ROUNDS 24
/* User addresses have 47 bits. */
#define USER_END (1ull << 47)
/* Reading here fails without a fault, and a failing read fills its target with zeroes. */
#define NOWHERE ((void *)-4096ll)

/* The thread's scratch memory; 0: there is none left. */
static __always_inline struct pl_scratch *own_scratch(int make)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	u32 zero = 0;
	struct pl_scratch *own = bpf_map_lookup_elem(&scratch, &tid);
	if (own || !make)
		return own;
	void *fresh = bpf_map_lookup_elem(&scratch_template, &zero);
	if (!fresh)
		return 0;
	bpf_map_update_elem(&scratch, &tid, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&scratch, &tid);
}

/*
 * A number that no other call of this helper has (see call_id in probelens.bpf.c, which leaves bit 52 alone). The
 * scratch memories of all threads are one array: bits 12 to 23 of their addresses tell them apart (each takes more than
 * 4 KiB, all together at most 16 MiB). The sequence goes on when the memory passes to another thread, because the
 * helper keeps the template's ahead.
 */
static __always_inline u64 deep_call_id(struct pl_scratch *s)
{
	volatile u64 *place = (volatile u64 *)&((struct pl_record *)s->record)->call_id;
	*place = (u64)s;
	return 1ull << 52 | ((*place >> 12) & 0xfff) << 40 | (s->sequence & 0xffffffffffull);
}

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

/* The u64 at a byte of the record; 0 where that is not wholly in the current element's chunk. */
static __always_inline u64 element_word(struct pl_scratch *s, u32 offset)
{
	u64 at = (u64)s->element + offset;
	if (at + 8 > s->end)
		return 0;
	opaque(at);
	return at > PL_EVENT_BYTES ? 0 : *(u64 *)(s->record + at);
}

static __always_inline u64 element_byte(struct pl_scratch *s, u32 offset)
{
	u64 at = (u64)s->element + offset;
	if (at >= s->end)
		return 0;
	opaque(at);
	return at > PL_EVENT_BYTES ? 0 : s->record[at];
}

static __always_inline void finish_chunk(struct pl_scratch *s)
{
	struct pl_record *record = (void *)s->record;
	record->used = (s->at + 7) & ~7u;
	record->chunks++;
	s->chunk = 0;
}

/* At most PL_MAX_READ bytes more of the current chunk; what is not resident ends it. */
static __always_inline void copy_step(struct pl_scratch *s)
{
	u64 place = s->chunk;
	u64 at = s->at;
	u64 bytes = s->left;
	u64 address = s->address;
	opaque(place);
	opaque(at);
	opaque(bytes);
	if (bytes > PL_MAX_READ)
		bytes = PL_MAX_READ;
	if (place > PL_EVENT_BYTES || at > PL_EVENT_BYTES) {
		s->done = 1;
		return;
	}
	struct pl_chunk *chunk = (void *)s->record + place;
	if (read_target(s->record + at, bytes, (void *)address)) {
		/* The part up to the page's end may be resident. */
		u64 page = PL_MAX_READ - (address & (PL_MAX_READ - 1));
		if (page >= bytes || read_target(s->record + at, page, (void *)address)) {
			chunk->status = PL_CHUNK_FAULT;
			s->left = 0;
			bytes = 0;
		} else {
			bytes = page;
			s->left -= bytes;
		}
	} else {
		s->left -= bytes;
	}
	chunk->length += bytes;
	s->at += bytes;
	s->address += bytes;
	if (s->left)
		return;
	if (s->masks && chunk->length) {
		s->mask = 0;
		s->mask_element = place + CHUNK;
		s->mask_end = s->at;
	} else {
		finish_chunk(s);
	}
}

/* Zeroes one masked run of bytes of one element of the current chunk (or of the root area). */
static __always_inline void mask_step(struct pl_scratch *s)
{
	u32 index = s->first_mask + s->mask;
	struct pl_mask *mask = bpf_map_lookup_elem(&masks, &index);
	if (!mask || !s->mask_size) {
		s->done = 1; /* The chunk does not count. */
		return;
	}
	u64 from = (u64)s->mask_element + mask->offset;
	u64 to = from + mask->length;
	if (to > s->mask_end)
		to = s->mask_end;
	if (from < to) {
		u64 bytes = to - from;
		opaque(from);
		opaque(bytes);
		if (from > PL_EVENT_BYTES || bytes > PL_MAX_READ) {
			s->done = 1;
			return;
		}
		bpf_probe_read_user(s->record + from, bytes, NOWHERE);
	}
	s->mask++;
	if (s->mask < s->masks)
		return;
	s->mask = 0;
	s->mask_element += s->mask_size;
	if (s->mask_element < s->mask_end)
		return;
	s->mask_element = 0;
	if (s->chunk)
		finish_chunk(s);
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

static __always_inline void start_groups(struct pl_scratch *s, struct pl_slot *slot, u64 address, u64 elements,
					 u64 size)
{
	u32 kind = slot->live;
	/* The tables of one map are siblings: the chunks of their directory lead to one after the other. */
	if (kind != PL_LIVE_TABLE || !s->origin || s->live_origin != s->origin)
		s->live_left = slot->max_live;
	s->live_origin = kind == PL_LIVE_TABLE ? s->origin : 0;
	if (elements > slot->max_elements)
		elements = slot->max_elements;
	s->groups = s->live_left ? elements : 0;
	s->group_size = size;
	s->live_kind = kind;
	s->address = address;
	s->chunk = 0;
}

/* One bit for each live entry, by its control byte. */
static __always_inline u64 live_entries(u32 kind, u64 control)
{
	const u64 tops = 0x8080808080808080ull;
	if (kind == PL_LIVE_TABLE)
		return ~control & tops;
	return (((control & ~tops) + (tops - PL_TOPHASH_LIVE * 0x0101010101010101ull)) | control) & tops;
}

/* A run of groups is complete. */
static __always_inline void end_groups(struct pl_scratch *s, struct pl_chunk *chunk, u64 place)
{
	if (!chunk->length && chunk->status == PL_CHUNK_OK) {
		s->chunk = 0; /* There was none. */
		return;
	}
	if (chunk->length)
		chunk->wanted = chunk->length;
	if (s->masks && chunk->length) {
		s->mask = 0;
		s->mask_element = place + CHUNK;
		s->mask_end = s->at;
	} else {
		finish_chunk(s);
	}
}

/* Looks at one group: one with live entries is kept, in one chunk with those before it. */
static __always_inline void group_step(struct pl_scratch *s, struct pl_plan *plan)
{
	struct pl_record *record = (void *)s->record;
	u64 limit = plan->max_bytes;
	u64 place = s->chunk;
	u64 size = s->group_size;
	if (!place) {
		place = record->used;
		s->at = place + CHUNK;
	}
	u64 at = s->at;
	opaque(place);
	opaque(at);
	opaque(size);
	if (place > PL_EVENT_BYTES || at > PL_EVENT_BYTES || size > PL_MAX_READ || size < 8) {
		s->done = 1;
		return;
	}
	struct pl_chunk *chunk = (void *)s->record + place;
	if (!s->chunk) {
		if (record->chunks >= PL_MAX_CHUNKS) {
			record->full = PL_FULL_CHUNKS;
			s->done = 1;
			return;
		}
		if (place + CHUNK > limit) {
			record->full = PL_FULL_BYTES;
			s->done = 1;
			return;
		}
		chunk->type = s->target;
		chunk->length = 0;
		chunk->wanted = size;
		chunk->status = PL_CHUNK_OK;
		chunk->depth = s->target_depth;
		chunk->origin = s->current / 8;
		s->chunk = place;
	}
	if (!chunk->length)
		chunk->address = s->address;
	u64 failed = read_target(s->record + at, size, (void *)s->address);
	u64 live = 0;
	u64 more = 0;
	if (!failed) {
		u64 last = at + size - 8;
		opaque(last);
		if (last > PL_EVENT_BYTES + PL_MAX_READ - 8) {
			s->done = 1;
			return;
		}
		live = live_entries(s->live_kind, *(u64 *)(s->record + at));
		more = s->live_kind == PL_LIVE_BUCKET ? *(u64 *)(s->record + last) : 0;
	} else if (chunk->length) {
		end_groups(s, chunk, place);
		return; /* The next step looks at it again, as the first of its run. */
	} else {
		chunk->status = PL_CHUNK_FAULT;
	}
	if (live || more) {
		if (at + size > limit) {
			record->full = PL_FULL_BYTES;
			s->groups = 0;
			end_groups(s, chunk, place);
			return;
		}
		chunk->length += size;
		s->at = at + size;
		u32 found = ((live >> 7) * 0x0101010101010101ull) >> 56;
		s->live_left = s->live_left > found ? s->live_left - found : 0;
	}
	s->groups = s->live_left ? s->groups - 1 : 0;
	s->address += size;
	if ((!live && !more) || !s->groups)
		end_groups(s, chunk, place);
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

/* Keeps the call until its return decides. A walk that ended before the root area's secrets were zeroed keeps nothing.
 */
static __always_inline void park(struct pt_regs *ctx, struct pl_scratch *s, struct pl_plan *plan,
				 struct pl_counters *counter, int unfinished)
{
	struct pl_record *record = (void *)s->record;
	u64 id = s->call.call_id;
	s->machine.kept.plan = s->plan;
	s->call.parked = 1;
	((struct pl_parked *)&s->machine.kept)->has_low = 0;
	expect_floats(ctx, plan, record, 1);
	u32 floats = record->floats;
	if (unfinished || bpf_map_update_elem(&parked, &id, &s->machine.kept, BPF_ANY)) {
		forget_floats(plan, 0);
		count(counter->dropped);
		return;
	}
	if (open_call(&s->stack, bpf_map_lookup_elem(&innermost, &s->stack), &s->call)) {
		bpf_map_delete_elem(&parked, &id);
		forget_floats(plan, 0);
		count(counter->dropped);
		return;
	}
	send_for_floats(floats, 0);
	count(counter->filtered);
}

/* Sends what was built. A walk that ended in the middle of a chunk leaves that one out, and with it what was not yet
 * masked. */
static __always_inline void submit(struct pt_regs *ctx, struct pl_scratch *s, struct pl_plan *plan)
{
	struct pl_record *record = (void *)s->record;
	struct pl_counters *counter = bpf_map_lookup_elem(&counters, &s->plan);
	u64 used = record->used;
	opaque(used);
	if (!counter || used > PL_EVENT_BYTES)
		return;
	/* The root area has secrets that are still to be zeroed. */
	int unfinished = s->mask_element && !s->chunk;
	if (s->parks) {
		park(ctx, s, plan, counter, unfinished);
		return;
	}
	u32 pairs = record->kind == PL_CALL && (plan->flags & PL_PAIR_RETURNS);
	/* Before it is sent, because the record says whether its end will be told. */
	u32 refused = pairs && open_call(&s->stack, bpf_map_lookup_elem(&innermost, &s->stack), &s->call);
	if (refused)
		record->kind = PL_CALL_REFUSED;
	expect_floats(ctx, plan, record, 0);
	u32 floats = record->floats;
	u32 is_return = record->kind == PL_RETURN;
	if (unfinished || bpf_ringbuf_output(&ring, record, used, BPF_RB_NO_WAKEUP)) {
		forget_floats(plan, is_return);
		if (pairs && !refused)
			take_back_call(&s->stack, s->call.call_id);
		count(counter->dropped);
		return;
	}
	send_for_floats(floats, is_return);
	if (refused)
		count(counter->refused);
	count(counter->emitted);
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
