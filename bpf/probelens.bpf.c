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
 * - Memory is read with bpf_probe_read_user alone, which never faults a page in: the target is not disturbed.
 * - Each hit ends in exactly one counter, so their sum is the number of hits.
 */
#include "kernel.h"
#include "probelens.h"
#include "maps.h"
#include "goroutine.h"
#include "open_calls.h"
#include "capture.h"
#include "floats.h"
#include "walk.h"
#include "condition.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Token bucket without compare-and-swap: racing CPUs may let a few events more pass, never fewer. */
static __always_inline int over_rate(struct pl_plan *plan)
{
	u64 now = bpf_ktime_get_ns();
	u64 next = plan->next_ns;
	if (next > now + plan->burst_ns)
		return 1;
	if (next < now)
		plan->next_ns = now;
	__sync_fetch_and_add(&plan->next_ns, plan->interval_ns);
	return 0;
}

/*
 * A number that no other call of this helper has, below 2^53 (JavaScript's exact integers), without an atomic
 * fetch-and-add. While a record is reserved, no other record can have its place in the ring; the same place comes
 * again only after the reader has consumed the whole ring (8 MiB), which takes longer than 2^21 ns. So place (17 bits
 * of 64 bytes; records take at least 160) and time since the helper's start in units of 2.1 ms (35 bits: 2.3 years)
 * are unique together. Bit 52 is set in the ids of deep events. `time` must have been read while the record was
 * reserved.
 */
static __always_inline u64 call_id(struct pl_record *record, u64 time)
{
	volatile u64 *place = (volatile u64 *)&record->call_id;
	*place = (u64)record;
	u64 cell = (*place >> 6) & 0x1ffff;
	u64 age = ((time - config.base_ns) >> 21) & 0x7ffffffffull;
	return age << 17 | cell;
}

/* What every program of a hit starts with. */
struct hit {
	struct task_ids ids;
	u32 index;
	struct pl_plan *plan;
	struct pl_counters *counter;
};

static __always_inline int start_hit(struct pt_regs *ctx, struct hit *hit)
{
	if (current_ids(&hit->ids))
		return 0;
	u32 index = probe_index(ctx);
	hit->index = index;
	hit->plan = bpf_map_lookup_elem(&plans, &index);
	hit->counter = bpf_map_lookup_elem(&counters, &index);
	return hit->plan && hit->counter;
}

/* CF (bit 0) or ZF (bit 6): `jbe` goes to morestack, and the function starts over. */
static __always_inline int starts_over(struct pt_regs *ctx, struct pl_plan *plan)
{
	return (plan->flags & PL_SKIP_IF_BELOW_OR_EQUAL) && (ctx->flags & 0x41);
}

static __always_inline void give_up_call(struct hit *hit, int throttled)
{
	forget_floats(hit->plan, 0);
	if (throttled)
		count(hit->counter->throttled);
	else
		count(hit->counter->dropped);
}

static __always_inline void fill_call(struct pl_open_call *call, struct hit *hit, struct goroutine *g, u64 cfa, u64 id,
				      u64 time)
{
	call->call_id = id;
	call->time_ns = time;
	call->depth = g->stack_hi - cfa;
	call->outer = 0;
	call->entry = hit->plan->entry;
	call->index = hit->index;
	call->session = config.session;
	call->nested = 0;
	call->parked = 0;
	call->pad = 0;
	call->dictionary = 0;
}

static __always_inline int on_call(struct pt_regs *ctx, u32 size)
{
	struct hit hit;
	if (!start_hit(ctx, &hit) || starts_over(ctx, hit.plan))
		return 0;
	struct pl_plan *plan = hit.plan;
	u32 pairs = plan->flags & PL_PAIR_RETURNS;
	struct goroutine g;
	struct unwinding at;
	struct pl_open_call *outer = 0;
	u64 cfa = ctx->sp + (s64)plan->cfa_offset;
	if (pairs) {
		current_goroutine(ctx, &g);
		outer = before_call(&at, &hit.ids, &g, cfa);
	}
	int throttled = plan->interval_ns && over_rate(plan);
	struct pl_record *record = throttled ? 0 : bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		give_up_call(&hit, throttled);
		return 0;
	}
	u64 now = bpf_ktime_get_ns();
	u64 id = call_id(record, now);
	record->kind = PL_CALL;
	record->call_id = id;
	record->time_ns = now;
	record->duration_ns = 0;
	if (pairs) {
		struct pl_open_call call;
		fill_call(&call, &hit, &g, cfa, id, now);
		if (open_call(&at.stack, outer, &call)) {
			record->kind = PL_CALL_REFUSED;
			count(hit.counter->refused);
		}
	} else {
		current_goroutine(ctx, &g);
	}
	fill_header(plan, record, &hit.ids, &g, cfa);
	copy_registers(ctx, plan, record, size);
	copy_stack(plan, cfa, record, size);
	copy_flat_chunks(plan, record, size);
	expect_floats(ctx, plan, record, 0);
	u32 floats = record->floats;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	send_for_floats(floats, 0);
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
	struct goroutine g;
	current_goroutine(ctx, &g);
	u64 cfa = ctx->sp + (s64)plan->cfa_offset;
	struct unwinding at;
	struct pl_open_call call;
	if (!close_call(&at, &hit.ids, &g, cfa, plan->entry, &call)) {
		forget_floats(plan, 1);
		count(hit.counter->unpaired);
		return 0;
	}
	struct pl_record *record = bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		forget_floats(plan, 1);
		count(hit.counter->dropped);
		return 0;
	}
	record->kind = PL_RETURN;
	record->call_id = call.call_id;
	record->time_ns = now;
	record->duration_ns = now - call.time_ns;
	fill_header(plan, record, &hit.ids, &g, cfa);
	copy_registers(ctx, plan, record, size);
	copy_stack(plan, cfa, record, size);
	copy_flat_chunks(plan, record, size);
	expect_floats(ctx, plan, record, 0);
	u32 floats = record->floats;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	send_for_floats(floats, 1);
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

/* Deep plans: header and root area here, the rest in the stages that follow. */
#define SCRATCH_RECORD sizeof(((struct pl_scratch *)0)->record)

static __always_inline void copy_labels(struct pl_plan *plan, struct pl_scratch *s, struct goroutine *g)
{
	u64 at = plan->register_at[PL_LABELS];
	if (!at)
		return;
	opaque(at);
	if (at > PL_EVENT_BYTES)
		return;
	u64 *labels = (void *)s->record + at;
	if (!g->address || bpf_probe_read_user(labels, sizeof(*labels), (void *)(g->address + config.labels_offset)))
		*labels = PL_NO_LABELS;
}

static __always_inline void build_deep(struct pt_regs *ctx, struct hit *hit, struct pl_scratch *s, struct goroutine *g,
				       u64 cfa, int parks)
{
	struct pl_record *record = (void *)s->record;
	s->plan = hit->index;
	fill_header(hit->plan, record, &hit->ids, g, cfa);
	copy_registers(ctx, hit->plan, record, SCRATCH_RECORD);
	copy_stack(hit->plan, cfa, record, SCRATCH_RECORD);
	copy_labels(hit->plan, s, g);
	place_dictionary(s, hit->plan);
	start_walk(s, hit->plan, ctx->ip);
	s->parks = parks;
	bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
}

SEC("uprobe") int call_deep(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (!start_hit(ctx, &hit) || starts_over(ctx, hit.plan))
		return 0;
	struct goroutine g;
	struct unwinding at;
	u64 cfa = ctx->sp + (s64)hit.plan->cfa_offset;
	current_goroutine(ctx, &g);
	if (hit.plan->flags & PL_PAIR_RETURNS)
		before_call(&at, &hit.ids, &g, cfa);
	else
		call_stack(&at, &hit.ids, &g);
	int throttled = hit.plan->interval_ns && over_rate(hit.plan);
	struct pl_scratch *s = throttled ? 0 : own_scratch(1);
	if (!s) {
		give_up_call(&hit, throttled);
		return 0;
	}
	struct pl_record *record = (void *)s->record;
	s->sequence++;
	u64 id = deep_call_id(s);
	u64 now = bpf_ktime_get_ns();
	s->stack = at.stack;
	fill_call(&s->call, &hit, &g, cfa, id, now);
	record->kind = PL_CALL;
	record->call_id = id;
	record->time_ns = now;
	record->duration_ns = 0;
	build_deep(ctx, &hit, s, &g, cfa, 0);
	give_up_call(&hit, 0); /* No stage took over. */
	return 0;
}

SEC("uprobe") int return_deep(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (!start_hit(ctx, &hit))
		return 0;
	u64 now = bpf_ktime_get_ns();
	struct goroutine g;
	current_goroutine(ctx, &g);
	u64 cfa = ctx->sp + (s64)hit.plan->cfa_offset;
	struct unwinding at;
	struct pl_open_call call;
	if (!close_call(&at, &hit.ids, &g, cfa, hit.plan->entry, &call)) {
		forget_floats(hit.plan, 1);
		count(hit.counter->unpaired);
		return 0;
	}
	struct pl_scratch *s = own_scratch(1);
	if (!s) {
		forget_floats(hit.plan, 1);
		count(hit.counter->dropped);
		return 0;
	}
	struct pl_record *record = (void *)s->record;
	s->sequence++;
	record->kind = PL_RETURN;
	record->call_id = call.call_id;
	record->time_ns = now;
	record->duration_ns = now - call.time_ns;
	s->call.dictionary = call.dictionary;
	build_deep(ctx, &hit, s, &g, cfa, 0);
	count(hit.counter->dropped);
	return 0;
}

#include "where.h"
