/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The element whose pointer words are followed: parts of the record that was copied so far. */
#ifndef PROBELENS_ELEMENT_H
#define PROBELENS_ELEMENT_H

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

#endif
