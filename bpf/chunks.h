/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The chunk that is being copied: its bytes, and the secrets in them. */
#ifndef PROBELENS_CHUNKS_H
#define PROBELENS_CHUNKS_H

/* Reading here fails without a fault, and a failing read fills its target with zeroes. */
#define NOWHERE ((void *)-4096ll)

static __always_inline void finish_chunk(struct pl_scratch *s)
{
	struct pl_record *record = (void *)s->record;
	record->used = (s->at + 7) & ~7u;
	record->chunks++;
	s->chunk = 0;
}

/* All bytes of the chunk at `place` are there: its secrets are zeroed next, if it has any. */
static __always_inline void mask_or_finish(struct pl_scratch *s, struct pl_chunk *chunk, u64 place)
{
	if (s->masks && chunk->length) {
		s->mask = 0;
		s->mask_element = place + CHUNK;
		s->mask_end = s->at;
	} else {
		finish_chunk(s);
	}
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
	mask_or_finish(s, chunk, place);
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

#endif
