// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * The probe programs. They know nothing of Go's types: each walks a plan (probelens.h) that the unprivileged side made
 * and the helper checked, and copies registers and memory into one record of the ring buffer. Plans whose pointers lead
 * to plain bytes only are flat (capture.h), all others deep (walk.h).
 *
 * What shapes the code:
 * - Linux 5.10 loads it: no atomics with a result (5.12), no reads at variable stack offsets (5.12), no bpf_loop, no
 *   dynptr.
 * - Uprobe programs can be preempted by another task on the same CPU that hits a probe (they only disable migration),
 *   so nothing is built in per-CPU scratch memory: a flat record is built where it will be read, in the ring buffer
 *   (a reservation's size must be constant for the verifier, hence one program per size class), a deep one in memory of
 *   the thread's own.
 * - Memory is read with bpf_probe_read_user alone, which never faults a page in: the target is not disturbed. Who asks
 *   for more gets other programs (sleepable.h).
 * - Each hit ends in exactly one counter, so their sum is the number of hits.
 */
#include "kernel.h"
#include "probelens.h"
#include "maps.h"
#include "memory.h"
#include "goroutine.h"
#include "open_calls.h"
#include "capture.h"
#include "scratch.h"
#include "floats.h"
#include "hit.h"
#include "walk.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/*
 * A number that no other call of this session has, below 2^53 (JavaScript's exact integers), without an atomic
 * fetch-and-add. While a record is reserved, no other record can have its place in the ring; the same place comes
 * again only after the reader has consumed the whole ring, which takes longer than 2^21 ns for 8 MiB (4 GB/s), and as
 * much less as the ring is smaller. So place (17 bits of 64 bytes for 8 MiB; records take at least 160) and time since
 * the helper's start in units of 2.1 ms (35 bits: 2.3 years) are unique together. Bit 52 is set in the ids of deep
 * events. `time` must have been read while the record was reserved.
 */
static __always_inline u64 call_id(struct pl_record *record, u64 time)
{
	volatile u64 *place = (volatile u64 *)&record->call_id;
	*place = (u64)record;
	u32 cell_bits = config.ring_bits - 6;
	u64 cell = (*place >> 6) & ((1u << cell_bits) - 1);
	u64 age = (time - config.base_ns) >> (config.ring_bits - 2);
	return (age << cell_bits | cell) & (DEEP_CALL - 1);
}

static __always_inline int on_call(struct pt_regs *ctx, u32 size)
{
	struct hit hit;
	if (!start_hit(ctx, &hit) || starts_over(ctx, hit.plan))
		return 0;
	struct pl_plan *plan = hit.plan;
	int pairs = hit.pairs;
	struct goroutine g;
	struct unwinding at;
	struct pl_open_call *outer = 0;
	u64 cfa = ctx->sp + (s64)plan->cfa_offset;
	if (pairs) {
		current_goroutine(ctx, &g);
		outer = before_call(&at, &hit.ids, &g, cfa);
	}
	int throttled = over_rate(plan, hit.index);
	struct pl_record *record = throttled ? 0 : bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		give_up_call(&hit, throttled);
		return 0;
	}
	u64 now = bpf_ktime_get_ns();
	u64 id = call_id(record, now);
	u64 return_address = return_address_at(cfa);
	call_record(record, id, now);
	if (pairs) {
		struct pl_open_call call;
		fill_call(&call, &hit, &g, cfa, id, now, return_address);
		if (open_call(&at.stack, outer, &call)) {
			record->kind = PL_CALL_REFUSED;
			count(hit.counter->refused);
		}
	} else {
		current_goroutine(ctx, &g);
		if (plan->flags & PL_PAIR_RETURNS) {
			record->kind = PL_CALL_REFUSED;
			count(hit.counter->refused);
		}
	}
	fill_header(plan, record, &hit.ids, &g, cfa, return_address);
	copy_registers(ctx, plan, record, size);
	copy_stack(plan, cfa, record, size);
	copy_flat_chunks(plan, record, size);
	expect_floats(ctx, plan, record, 0);
	u32 floats = record->floats;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	send_for_floats(hit.counter, floats, 0);
	count(hit.counter->emitted);
	return 0;
}

static __always_inline int on_return(struct pt_regs *ctx, u32 size)
{
	struct hit hit;
	if (!start_hit(ctx, &hit))
		return 0;
	struct pl_plan *plan = hit.plan;
	u64 now = bpf_ktime_get_ns();
	u64 cfa = ctx->sp + (s64)plan->cfa_offset;
	struct goroutine g;
	struct pl_open_call call;
	if (!leave_call(ctx, &hit, &g, cfa, &call))
		return 0;
	struct pl_record *record = bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		give_up_return(&hit);
		return 0;
	}
	return_record(record, &call, now);
	fill_header(plan, record, &hit.ids, &g, cfa, returns_to(&call, cfa));
	copy_registers(ctx, plan, record, size);
	copy_stack(plan, cfa, record, size);
	copy_flat_chunks(plan, record, size);
	expect_floats(ctx, plan, record, 0);
	u32 floats = record->floats;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	send_for_floats(hit.counter, floats, 1);
	count(hit.counter->emitted);
	return 0;
}

#define PROGRAMS(size)                                                                                                 \
	SEC("uprobe") int call_##size(struct pt_regs *ctx)                                                             \
	{                                                                                                              \
		OWN_STACK(ctx);                                                                                        \
		return on_call(ctx, size);                                                                             \
	}                                                                                                              \
	SEC("uprobe") int return_##size(struct pt_regs *ctx)                                                           \
	{                                                                                                              \
		OWN_STACK(ctx);                                                                                        \
		return on_return(ctx, size);                                                                           \
	}
PL_CLASSES(PROGRAMS)

#include "deep.h"
#include "where.h"
#include "sleepable.h"
