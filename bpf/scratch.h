/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The memory of a thread's own, in which deep records are built. */
#ifndef PROBELENS_SCRATCH_H
#define PROBELENS_SCRATCH_H

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

/* In the ids of deep events. */
#define DEEP_CALL (1ull << 52)

/*
 * A number that no other call of this session has (see call_id in probelens.bpf.c, which leaves bit 52 alone). The
 * scratch memories of all threads are one array: bits 12 to 23 of their addresses tell them apart (each takes more than
 * 4 KiB, all together at most 16 MiB). The sequence goes on when the memory passes to another thread, because the
 * helper keeps the template's ahead.
 */
static __always_inline u64 deep_call_id(struct pl_scratch *s)
{
	volatile u64 *place = (volatile u64 *)&((struct pl_record *)s->record)->call_id;
	*place = (u64)s;
	return DEEP_CALL | ((*place >> 12) & 0xfff) << 40 | (s->sequence & 0xffffffffffull);
}

#endif
