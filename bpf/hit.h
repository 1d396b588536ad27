/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* How every program of a hit begins: which probe it is, whose call, and what its record says of that. */
#ifndef PROBELENS_HIT_H
#define PROBELENS_HIT_H

/*
 * The time at which a hit of this probe has first looked at the clock in this tick of the kernel's timer: at most a
 * tick (1 to 10 ms) old, and ten times as cheap as the clock. The tick is written after its time.
 */
static __always_inline u64 tick_time(struct pl_plan *plan)
{
	volatile u64 *tick = &plan->tick;
	volatile u64 *tick_ns = &plan->tick_ns;
	u64 current = bpf_jiffies64();
	if (*tick == current)
		return *tick_ns;
	u64 now = bpf_ktime_get_ns();
	*tick_ns = now;
	*tick = current;
	return now;
}

/*
 * Token bucket that holds what comes in 100 ms, or one event: a server works in bursts, and of one that does its
 * second's work at once no more than one event would pass. Without compare-and-swap: racing CPUs may let a few events
 * more pass, never fewer; and a tick more or less does not matter to it.
 */
#define BUCKET_NS 100000000
static __always_inline int over_rate(struct pl_plan *plan, u32 index)
{
	u64 interval = interval_of(plan, index);
	if (!interval)
		return 0;
	/* It is empty when the next event's time lies more than this ahead. */
	u64 ahead = interval < BUCKET_NS ? BUCKET_NS - interval : 0;
	u64 now = tick_time(plan);
	u64 next = plan->next_ns;
	if (next > now + ahead)
		return 1;
	if (next < now)
		plan->next_ns = now;
	__sync_fetch_and_add(&plan->next_ns, interval);
	return 0;
}

/* What every program of a hit starts with. */
struct hit {
	struct task_ids ids;
	u32 index;
	struct pl_plan *plan;
	struct pl_counters *counter;
	int pairs; /* calls: their ends will be told */
};

/* Of a hit whose index is known. */
static __always_inline int find_hit(struct hit *hit, u64 state)
{
	hit->plan = bpf_map_lookup_elem(&plans, &hit->index);
	hit->counter = counters_of(hit->index);
	if (!hit->plan || !hit->counter)
		return 0;
	hit->pairs = (hit->plan->flags & PL_PAIR_RETURNS) && !(state & PL_SWITCH_NO_ENDS);
	return 1;
}

static __always_inline int start_hit(struct pt_regs *ctx, struct hit *hit)
{
	if (current_ids(&hit->ids))
		return 0;
	u64 cookie = probe_cookie(ctx);
	hit->index = cookie;
	u64 state = switch_of(hit->index);
	if (unlikely(state) && !counts_now(state, cookie >> PL_COOKIE_ODD))
		return 0;
	return find_hit(hit, state);
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
				      u64 time, u64 return_address)
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
	call->return_address = return_address;
}

/* A call that is decided on or captured: who makes it, what it leaves behind on its goroutine's stack of open calls. */
static __always_inline struct pl_open_call *enter_call(struct pt_regs *ctx, struct hit *hit, struct goroutine *g,
						       struct unwinding *at, u64 cfa)
{
	current_goroutine(ctx, g);
	if (hit->pairs)
		return before_call(at, &hit->ids, g, cfa);
	call_stack(at, &hit->ids, g);
	return 0;
}

/* The call that a return ends; 0: it is not known, and the hit is counted. */
static __always_inline int leave_call(struct pt_regs *ctx, struct hit *hit, struct goroutine *g, u64 cfa,
				      struct pl_open_call *call)
{
	struct unwinding at;
	current_goroutine(ctx, g);
	if (close_call(&at, &hit->ids, g, cfa, hit->plan->entry, call))
		return 1;
	forget_floats(hit->plan, 1);
	count(hit->counter->unpaired);
	return 0;
}

static __always_inline void give_up_return(struct hit *hit)
{
	forget_floats(hit->plan, 1);
	count(hit->counter->dropped);
}

static __always_inline void call_record(struct pl_record *record, u64 id, u64 time)
{
	record->kind = PL_CALL;
	record->call_id = id;
	record->time_ns = time;
	record->duration_ns = 0;
}

/* The `ret` goes where the call came from, wherever its stack is by now. */
static __always_inline u64 returns_to(struct pl_open_call *call, u64 cfa)
{
	return call->return_address ? call->return_address : return_address_at(cfa);
}

static __always_inline void return_record(struct pl_record *record, struct pl_open_call *call, u64 time)
{
	record->kind = PL_RETURN;
	record->call_id = call->call_id;
	record->time_ns = time;
	record->duration_ns = time - call->time_ns;
}

#endif
