/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What becomes of a record that is complete: sent, or kept until the return decides. */
#ifndef PROBELENS_SUBMIT_H
#define PROBELENS_SUBMIT_H

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
	expect_floats(ctx, plan, record, PL_PARKS_CALL);
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
	send_for_floats(counter, floats, 0);
	count(counter->filtered);
}

/* A hit that its own float registers decide: record and machine stay as they are until their frame comes (read_frame).
 */
static __always_inline void await_frame(struct pt_regs *ctx, struct pl_scratch *s, struct pl_plan *plan,
					struct pl_counters *counter, int unfinished)
{
	struct pl_record *record = (void *)s->record;
	u64 id = record->call_id;
	u32 is_return = record->kind == PL_RETURN;
	count(counter->filtered);
	expect_floats(ctx, plan, record, PL_PARKS_FRAME);
	if (!unfinished && record->floats == PL_FLOATS_FOLLOW) {
		send_for_floats(counter, PL_FLOATS_FOLLOW, is_return);
		return;
	}
	forget_floats(plan, is_return);
	bpf_map_delete_elem(&parked, &id);
}

/* Before a call is sent, because its record says whether its end will be told. 1: it will not. */
static __always_inline u32 open_own_call(struct pl_scratch *s)
{
	struct pl_record *record = (void *)s->record;
	if (!(switch_of(s->plan) & PL_SWITCH_NO_ENDS) &&
	    !open_call(&s->stack, bpf_map_lookup_elem(&innermost, &s->stack), &s->call))
		return 0;
	record->kind = PL_CALL_REFUSED;
	return 1;
}

/* More is no work: the thread had to wait, for its CPU or for a page. 2048 steps of 100 ns (walk.h). */
#define MOST_SPENT_NS 250000

static __always_inline void count_spent(struct pl_counters *counter, struct pl_record *record)
{
	u64 spent = bpf_ktime_get_ns() - record->time_ns;
	__sync_fetch_and_add(&counter->spent_ns, spent < MOST_SPENT_NS ? spent : MOST_SPENT_NS);
}

/* Sends what was built. A walk that ended in the middle of a chunk leaves that one out, and with it what was not yet
 * masked. */
static __always_inline void submit(struct pt_regs *ctx, struct pl_scratch *s, struct pl_plan *plan)
{
	struct pl_record *record = (void *)s->record;
	struct pl_counters *counter = counters_of(s->plan);
	u64 used = record->used;
	opaque(used);
	if (!counter || used > PL_EVENT_BYTES)
		return;
	count_spent(counter, record);
	/* The root area has secrets that are still to be zeroed. */
	int unfinished = s->mask_element && !s->chunk;
	if (s->parks == PL_PARKS_FRAME) {
		await_frame(ctx, s, plan, counter, unfinished);
		return;
	}
	if (s->parks) {
		park(ctx, s, plan, counter, unfinished);
		return;
	}
	u32 pairs = record->kind == PL_CALL && (plan->flags & PL_PAIR_RETURNS);
	u32 refused = pairs && open_own_call(s);
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
	send_for_floats(counter, floats, is_return);
	if (refused)
		count(counter->refused);
	count(counter->emitted);
}

#endif
