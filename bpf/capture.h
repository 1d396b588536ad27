/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* A record's header and root area, and the chunks of flat plans: those whose pointers lead to plain bytes only. */
#ifndef PROBELENS_CAPTURE_H
#define PROBELENS_CAPTURE_H

#define HEADER sizeof(struct pl_record)
#define CHUNK sizeof(struct pl_chunk)

/*
 * A record of `size` bytes is split for the verifier, which cannot see that start + length stays below a bound: a
 * stack piece or chunk starts at most at SPLIT_START and takes at most SPLIT_LENGTH. The helper picks the class so that
 * a plan fits (sizeClassSplit in src/protocol/planBytes.ts, the same numbers).
 */
#define SPLIT_LENGTH(size) ((size) >= 8192 ? PL_MAX_READ : (size) == 160 ? 32 : (size) / 2)
#define SPLIT_START(size) ((size)-CHUNK - SPLIT_LENGTH(size))

/*
 * Straight-line code: a uprobe program may not read its context at a computed offset, and a loop around a switch takes
 * the verifier 20 times as long (60 ms a program).
 */
#define COPY_REGISTER(number, field)                                                                                   \
	do {                                                                                                           \
		u64 at = plan->register_at[number];                                                                    \
		if (at) {                                                                                              \
			opaque(at); /* Else clang merges the two checks into one on another register. */               \
			if (at <= size - 8)                                                                            \
				*(u64 *)((void *)record + at) = ctx->field;                                            \
		}                                                                                                      \
	} while (0)

static __always_inline void copy_registers(struct pt_regs *ctx, struct pl_plan *plan, struct pl_record *record,
					   u32 size)
{
	COPY_REGISTER(0, ax);
	COPY_REGISTER(1, bx);
	COPY_REGISTER(2, cx);
	COPY_REGISTER(3, dx);
	COPY_REGISTER(4, si);
	COPY_REGISTER(5, di);
	COPY_REGISTER(6, bp);
	COPY_REGISTER(7, sp);
	COPY_REGISTER(8, r8);
	COPY_REGISTER(9, r9);
	COPY_REGISTER(10, r10);
	COPY_REGISTER(11, r11);
	COPY_REGISTER(12, r12);
	COPY_REGISTER(13, r13);
	COPY_REGISTER(14, r14);
	COPY_REGISTER(15, r15);
	COPY_REGISTER(16, ip);
}

/*
 * In the two loops below what changes from round to round is kept in the plan or in the record and not in registers:
 * what comes from memory is an unknown number to the verifier, so that all ways through a round end in the same state
 * and need to be followed once.
 */
static __always_inline void copy_stack(struct pl_plan *plan, u64 cfa, struct pl_record *record, u32 size)
{
	u32 pieces = plan->stack_pieces;
	record->failed_pieces = plan->float_pieces;
	for (u32 i = 0; i < PL_MAX_PIECES; i++) {
		if (i >= pieces)
			break;
		struct pl_stack_piece *piece = &plan->stack_piece[i];
		u64 at = piece->at;
		u64 bytes = piece->size;
		opaque(at);
		opaque(bytes);
		if (at > SPLIT_START(size) || bytes > PL_MAX_STACK_PIECE || bytes > SPLIT_LENGTH(size))
			break;
		if (read_target((void *)record + at, bytes, (void *)(cfa + (s64)piece->offset)))
			record->failed_pieces |= 1u << (piece->index & 31);
	}
}

/* It stands just below the CFA, at the entry as at the `ret`; 0: it cannot be read. */
static __always_inline u64 return_address_at(u64 cfa)
{
	u64 address = 0;
	bpf_probe_read_user(&address, sizeof(address), (void *)(cfa - 8));
	return address;
}

static __always_inline void fill_header(struct pl_plan *plan, struct pl_record *record, struct task_ids *ids,
					struct goroutine *g, u64 cfa, u64 return_address)
{
	record->used = HEADER + plan->root_size;
	record->chunks = 0;
	record->full = 0;
	record->waited = config.fault_in;
	record->probe = plan->probe;
	record->pid = ids->tgid;
	record->tid = ids->tid;
	record->goid = g->goid;
	record->depth = g->goid ? g->stack_hi - cfa : 0;
	record->return_address = return_address;
	record->root_size = plan->root_size;
}

static __always_inline u64 root_word(void *record, u32 offset, u32 size)
{
	u64 at = HEADER + (u64)offset;
	opaque(at);
	return at > size - 8 ? 0 : *(u64 *)(record + at);
}

/* A chunk for each slot: its type has a constant size for the verifier's sake, and no slots of its own. */
static __always_inline void copy_flat_chunks(struct pl_plan *plan, struct pl_record *record, u32 size)
{
	u32 count = plan->slots;
	for (u32 i = 0; i < PL_MAX_FLAT_SLOTS; i++) {
		if (i >= count)
			break;
		u32 index = plan->first_slot + i;
		struct pl_slot *slot = bpf_map_lookup_elem(&slots, &index);
		if (!slot)
			break;
		struct pl_type *type = bpf_map_lookup_elem(&types, &slot->type);
		if (!type)
			break;
		u64 at = *(volatile u32 *)&record->used;
		opaque(at);
		if (at > SPLIT_START(size))
			break;
		struct pl_chunk *chunk = (void *)record + at;
		u64 address = root_word(record, slot->pointer, size);
		u64 wanted = 1;
		if (slot->length_kind != PL_LENGTH_ONE)
			wanted = root_word(record, slot->length, size);
		if (!address || !wanted)
			continue;
		if (wanted > 0xffffffff)
			wanted = 0xffffffff;
		wanted *= type->size;
		if (wanted > 0xffffffff)
			wanted = 0xffffffff;
		chunk->wanted = wanted;
		if (wanted > slot->max_bytes)
			wanted = slot->max_bytes;
		*(volatile u32 *)&chunk->length = wanted;
		u64 bytes = *(volatile u32 *)&chunk->length;
		opaque(bytes);
		if (bytes > SPLIT_LENGTH(size))
			break;
		chunk->address = address;
		chunk->type = slot->type;
		chunk->status = PL_CHUNK_OK;
		chunk->depth = 0;
		if (bpf_probe_read_user((void *)record + at + CHUNK, bytes, (void *)address)) {
			chunk->status = PL_CHUNK_FAULT;
			chunk->length = 0;
		}
		u32 taken = *(volatile u32 *)&chunk->length;
		record->used = at + CHUNK + ((taken + 7) & ~7u);
		record->chunks++;
	}
}

#endif
