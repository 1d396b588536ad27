/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* A map's buckets and groups, of which only those with live entries are kept. */
#ifndef PROBELENS_GROUPS_H
#define PROBELENS_GROUPS_H

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
	mask_or_finish(s, chunk, place);
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

#endif
