/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Deep plans: header and root area here, the rest in the walk that follows. */
#ifndef PROBELENS_DEEP_H
#define PROBELENS_DEEP_H

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

static __always_inline void begin_walk(struct pt_regs *ctx, struct hit *hit, struct pl_scratch *s, struct goroutine *g,
				       u64 cfa, u64 return_address, int parks)
{
	struct pl_record *record = (void *)s->record;
	s->plan = hit->index;
	fill_header(hit->plan, record, &hit->ids, g, cfa, return_address);
	copy_registers(ctx, hit->plan, record, SCRATCH_RECORD);
	copy_stack(hit->plan, cfa, record, SCRATCH_RECORD);
	copy_labels(hit->plan, s, g);
	place_dictionary(s, hit->plan);
	start_walk(s, hit->plan, ctx->ip);
	s->parks = parks;
}

static __always_inline void begin_call(struct pt_regs *ctx, struct hit *hit, struct pl_scratch *s, struct goroutine *g,
				       struct pl_call_stack *stack, u64 cfa, u64 time, int parks)
{
	s->sequence++;
	u64 id = deep_call_id(s);
	u64 return_address = return_address_at(cfa);
	s->stack = *stack;
	fill_call(&s->call, hit, g, cfa, id, time, return_address);
	call_record((void *)s->record, id, time);
	begin_walk(ctx, hit, s, g, cfa, return_address, parks);
}

static __always_inline void begin_return(struct pt_regs *ctx, struct hit *hit, struct pl_scratch *s,
					 struct goroutine *g, struct pl_open_call *call, u64 cfa, u64 time, int parks)
{
	s->sequence++;
	s->call.dictionary = call->dictionary;
	return_record((void *)s->record, call, time);
	begin_walk(ctx, hit, s, g, cfa, returns_to(call, cfa), parks);
}

/* These two return 1 where a walk is to follow; else the hit is counted already. */
static __always_inline int on_deep_call(struct pt_regs *ctx, struct hit *hit)
{
	if (!start_hit(ctx, hit) || starts_over(ctx, hit->plan))
		return 0;
	struct goroutine g;
	struct unwinding at;
	u64 cfa = ctx->sp + (s64)hit->plan->cfa_offset;
	if (hit->pairs)
		enter_call(ctx, hit, &g, &at, cfa);
	int throttled = over_rate(hit->plan, hit->index);
	struct pl_scratch *s = throttled ? 0 : own_scratch(1);
	if (!s) {
		give_up_call(hit, throttled);
		return 0;
	}
	/* Only a record needs it then. */
	if (!hit->pairs)
		enter_call(ctx, hit, &g, &at, cfa);
	begin_call(ctx, hit, s, &g, &at.stack, cfa, bpf_ktime_get_ns(), 0);
	return 1;
}

static __always_inline int on_deep_return(struct pt_regs *ctx, struct hit *hit)
{
	if (!start_hit(ctx, hit))
		return 0;
	u64 now = bpf_ktime_get_ns();
	u64 cfa = ctx->sp + (s64)hit->plan->cfa_offset;
	struct goroutine g;
	struct pl_open_call call;
	if (!leave_call(ctx, hit, &g, cfa, &call))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (!s) {
		give_up_return(hit);
		return 0;
	}
	begin_return(ctx, hit, s, &g, &call, cfa, now, 0);
	return 1;
}

SEC("uprobe") int call_deep(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (on_deep_call(ctx, &hit)) {
		bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
		give_up_call(&hit, 0); /* No stage took over. */
	}
	return 0;
}

SEC("uprobe") int return_deep(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (on_deep_return(ctx, &hit)) {
		bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
		give_up_return(&hit);
	}
	return 0;
}

#endif
