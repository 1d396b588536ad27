/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Probes with a condition. `call_where` and `return_where` are what is attached; they find the thread's memory and go
 * on to a stage of their own, because the machine takes the verifier as long as all other programs together: it is
 * loaded once, whatever number of probes there is. A call that does not pass writes nothing into the ring. One that is
 * decided at the return counts as filtered until then; its record is built at the entry and waits in `parked`.
 */
#ifndef PROBELENS_WHERE_H
#define PROBELENS_WHERE_H

#include "condition.h"
#include "screen.h"

static __always_inline struct pl_machine *own_machine(void)
{
	struct pl_scratch *s = own_scratch(0);
	return s ? &s->machine : 0;
}

/* Constant places: a uprobe program may not read its context at a computed one, and clang would make it of a switch. */
#define REGISTER_OF(number, field)                                                                                     \
	case number:                                                                                                   \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                                                  \
			     : "=r"(value)                                                                             \
			     : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, field)));                              \
		break

static __always_inline u64 register_of(void *ctx, u32 number)
{
	u64 value = 0;
	switch (number) {
		REGISTER_OF(0, ax);
		REGISTER_OF(1, bx);
		REGISTER_OF(2, cx);
		REGISTER_OF(3, dx);
		REGISTER_OF(4, si);
		REGISTER_OF(5, di);
		REGISTER_OF(6, bp);
		REGISTER_OF(7, sp);
		REGISTER_OF(8, r8);
		REGISTER_OF(9, r9);
		REGISTER_OF(10, r10);
		REGISTER_OF(11, r11);
		REGISTER_OF(12, r12);
		REGISTER_OF(13, r13);
		REGISTER_OF(14, r14);
		REGISTER_OF(15, r15);
		REGISTER_OF(16, ip);
	}
	return value;
}

static __always_inline struct pl_condition *condition_of(struct pl_plan *plan)
{
	u32 place = plan->condition;
	return bpf_map_lookup_elem(&conditions, &place);
}

/*
 * runtime.morestack comes back to the function through RBX, so a call whose stack check failed tells itself by what
 * stands there (src/probe/capture/lostArguments.ts).
 */
static __always_inline u64 has_lost(struct pt_regs *ctx, struct pl_condition *c)
{
	return c->came_back && ctx->bx == ctx->ip + (s64)c->came_back;
}

/* 1: the condition is false for certain, and the hit is counted. */
static __attribute__((noinline)) int turned_away(struct pt_regs *ctx, struct hit *hit)
{
	struct pl_condition *c = condition_of(hit->plan);
	u64 cfa = ctx->sp + (s64)hit->plan->cfa_offset;
	if (!c || !screened_out(ctx, c, cfa, has_lost(ctx, c)))
		return 0;
	if (hit->plan->float_pieces)
		forget_floats(hit->plan, 0);
	count(hit->counter->filtered);
	return 1;
}

static __always_inline int resume_hit(struct hit *hit, struct pl_scratch *s)
{
	if (current_ids(&hit->ids))
		return 0;
	hit->index = s->plan;
	return find_hit(hit, 0);
}

/* Straight-line code, see copy_registers. */
static __always_inline void set_machine(struct pt_regs *ctx, struct pl_machine *m, struct pl_plan *plan,
					struct goroutine *g, u64 cfa, u64 duration)
{
	m->condition = plan->condition;
	m->registers[0] = ctx->ax;
	m->registers[1] = ctx->bx;
	m->registers[2] = ctx->cx;
	m->registers[3] = ctx->dx;
	m->registers[4] = ctx->si;
	m->registers[5] = ctx->di;
	m->registers[6] = ctx->bp;
	m->registers[7] = ctx->sp;
	m->registers[8] = ctx->r8;
	m->registers[9] = ctx->r9;
	m->registers[10] = ctx->r10;
	m->registers[11] = ctx->r11;
	m->registers[12] = ctx->r12;
	m->registers[13] = ctx->r13;
	m->registers[14] = ctx->r14;
	m->registers[15] = ctx->r15;
	m->registers[16] = ctx->ip;
	m->cfa = cfa;
	m->g = g->address;
	m->goid = g->goid;
	m->unread = g->unread;
	m->duration_ns = duration;
	m->awaits = 0;
}

static __always_inline void count_undecided(struct pl_machine *m, u64 reason, s64 calls)
{
	struct pl_condition *c = bpf_map_lookup_elem(&conditions, &m->condition);
	if (!c)
		return;
	u32 key = c->row * PL_REASONS + (reason & (PL_REASONS - 1));
	u64 *counter = bpf_map_lookup_elem(&undecided, &key);
	if (counter)
		__sync_fetch_and_add(counter, calls);
}

/* Functions of their own, whose frames are gone when the condition needs the stack. */
static __attribute__((noinline)) int enter_where_call(struct pt_regs *ctx, struct hit *hit, struct goroutine *g,
						      struct unwinding *at, u64 cfa)
{
	enter_call(ctx, hit, g, at, cfa);
	return 0;
}

static __attribute__((noinline)) int leave_where_call(struct pt_regs *ctx, struct hit *hit, struct goroutine *g,
						      u64 cfa, struct pl_open_call *call)
{
	return leave_call(ctx, hit, g, cfa, call);
}

/* 1: a walk is to follow; else the hit is counted already. */
static __always_inline int on_where_call(struct pt_regs *ctx, struct hit *hit, struct pl_scratch *s)
{
	struct goroutine g = {};
	struct unwinding at = {};
	u64 cfa = ctx->sp + (s64)hit->plan->cfa_offset;
	/* Most calls end here: what only a record needs, its goroutine and the time, is read once it is clear that
	 * there will be one. */
	int entered = hit->pairs || (hit->plan->flags & PL_ASKS_GOROUTINE);
	if (entered)
		enter_where_call(ctx, hit, &g, &at, cfa);
	/* Who pairs has to see each call, also those that are turned away. */
	if (hit->pairs && turned_away(ctx, hit))
		return 0;
	set_machine(ctx, &s->machine, hit->plan, &g, cfa, 0);
	struct pl_machine *m = &s->machine;
	m->has_own_low = 0;
	m->frame_reason = 0;
	struct pl_condition *c = condition_of(hit->plan);
	m->kept.lost = c && has_lost(ctx, c);
	u32 verdict = evaluate_waiting(m);
	int throttled = verdict == PL_PASS && over_rate(hit->plan, hit->index);
	if (throttled) {
		give_up_call(hit, 1);
		return 0;
	}
	if (verdict == PL_UNDECIDED)
		count_undecided(m, m->answer_reason, 1);
	if (verdict == PL_UNDECIDED || verdict == PL_REJECT) {
		forget_floats(hit->plan, 0);
		count(hit->counter->filtered);
		return 0;
	}
	/* What is late is float registers of this very hit, where the condition names a reason for them. */
	u64 own_frame = verdict == PL_PARK ? m->frame_reason : 0;
	if (own_frame)
		count_undecided(m, own_frame, 1);
	if (!entered)
		enter_where_call(ctx, hit, &g, &at, cfa);
	begin_call(ctx, hit, s, &g, &at.stack, cfa, bpf_ktime_get_ns(),
		   own_frame		? PL_PARKS_FRAME
		   : verdict == PL_PARK ? PL_PARKS_CALL
					: 0);
	m->awaits = own_frame ? ((struct pl_record *)s->record)->call_id : 0;
	return 1;
}

static __always_inline void copy_kept(struct pl_kept *to, struct pl_kept *from)
{
	for (u32 i = 0; i < sizeof(*to) / 8; i++)
		((u64 *)to)[i] = ((u64 *)from)[i];
}

/* From filtered to what became of the call. Another CPU may have counted it: the sum over all is what is read. */
static __always_inline void recount(struct pl_parked *call, u64 record_sent, int throttled)
{
	struct pl_counters *counter = counters_of(call->kept.plan);
	if (!counter)
		return;
	__sync_fetch_and_add(&counter->filtered, -1ll);
	if (throttled)
		count(counter->throttled);
	else if (record_sent)
		count(counter->emitted);
	else
		count(counter->dropped);
}

/* What a verdict makes of a parked call; 1: it passed, and its record is sent. With a frame of its own, as above. */
static __attribute__((noinline)) int conclude(struct pl_machine *m, u32 verdict, struct pl_parked *call)
{
	struct pl_record *record = (void *)call->record;
	if (verdict == PL_UNDECIDED)
		count_undecided(m, m->answer_reason, 1);
	if (verdict != PL_PASS)
		return 0;
	u32 index = call->kept.plan;
	struct pl_plan *entry = bpf_map_lookup_elem(&plans, &index);
	if (entry && over_rate(entry, index)) {
		recount(call, 0, 1);
		return 0;
	}
	u64 used = record->used;
	opaque(used);
	int sent = used <= PL_EVENT_BYTES && !bpf_ringbuf_output(&ring, record, used, BPF_RB_NO_WAKEUP);
	if (sent)
		tell_parked_floats(call);
	recount(call, sent, 0);
	return sent;
}

/* A function of its own, for its frame. In `m->duration_ns` comes the time of the return: five arguments are all. */
static __attribute__((noinline)) u32 decide(struct pt_regs *ctx, struct pl_machine *m, struct hit *hit,
					    struct goroutine *g, struct pl_parked *call)
{
	struct pl_record *record = (void *)call->record;
	u64 cfa = ctx->sp + (s64)hit->plan->cfa_offset;
	copy_kept(&m->kept, &call->kept);
	__builtin_memcpy(m->low, call->low, sizeof(call->low));
	m->has_low = call->has_low;
	m->has_own_low = 0;
	set_machine(ctx, m, hit->plan, g, cfa, m->duration_ns - record->time_ns);
	return evaluate_waiting(m);
}

/* 1: a walk is to follow; else the hit is counted already: it did not pass at the entry, was called before, ... */
static __always_inline int on_where_return(struct pt_regs *ctx, struct hit *hit, struct pl_scratch *s)
{
	struct goroutine g;
	struct pl_open_call call;
	u64 now = bpf_ktime_get_ns();
	u64 cfa = ctx->sp + (s64)hit->plan->cfa_offset;
	if (!leave_where_call(ctx, hit, &g, cfa, &call))
		return 0;
	if (call.parked) {
		u64 id = call.call_id;
		struct pl_parked *waiting = bpf_map_lookup_elem(&parked, &id);
		s->machine.duration_ns = now;
		u32 verdict = waiting ? decide(ctx, &s->machine, hit, &g, waiting) : PL_REJECT;
		if (verdict == PL_PARK) {
			/* Undecided until the float registers are there. */
			count_undecided(&s->machine, s->machine.frame_reason, 1);
			begin_return(ctx, hit, s, &g, &call, cfa, now, PL_PARKS_FRAME);
			s->machine.awaits = id;
			return 1;
		}
		int passed = waiting && conclude(&s->machine, verdict, waiting);
		bpf_map_delete_elem(&parked, &id);
		if (!passed) {
			forget_floats(hit->plan, 1);
			count(hit->counter->filtered);
			return 0;
		}
	}
	begin_return(ctx, hit, s, &g, &call, cfa, now, 0);
	return 1;
}

SEC("uprobe") int call_where(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (!start_hit(ctx, &hit) || starts_over(ctx, hit.plan))
		return 0;
	if (!hit.pairs && turned_away(ctx, &hit))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (s) {
		s->plan = hit.index;
		s->machine.awaits = 0;
		bpf_tail_call(ctx, &stages, PL_STAGE_CALL);
	}
	give_up_call(&hit, 0);
	return 0;
}

SEC("uprobe") int return_where(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (!start_hit(ctx, &hit))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (s) {
		s->plan = hit.index;
		s->machine.awaits = 0;
		bpf_tail_call(ctx, &stages, PL_STAGE_RETURN);
	}
	give_up_return(&hit);
	return 0;
}

/*
 * Where one program serves all probes (cookies, Linux 5.15), the two steps of each in one: a tail call, and finding
 * everything again, cost a rejected hit a tenth.
 */
SEC("uprobe") int call_whole_where(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (!start_hit(ctx, &hit) || starts_over(ctx, hit.plan))
		return 0;
	if (!hit.pairs && turned_away(ctx, &hit))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (!s || on_where_call(ctx, &hit, s)) {
		if (s)
			bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
		give_up_call(&hit, 0);
	}
	return 0;
}

SEC("uprobe") int return_whole_where(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	if (!start_hit(ctx, &hit))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (!s || on_where_return(ctx, &hit, s)) {
		if (s)
			bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
		give_up_return(&hit);
	}
	return 0;
}

SEC("uprobe") int call_condition(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	struct pl_scratch *s = own_scratch(0);
	if (!s || !resume_hit(&hit, s))
		return 0;
	if (on_where_call(ctx, &hit, s)) {
		bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
		give_up_call(&hit, 0);
	}
	return 0;
}

SEC("uprobe") int return_condition(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	struct pl_scratch *s = own_scratch(0);
	if (!s || !resume_hit(&hit, s))
		return 0;
	if (on_where_return(ctx, &hit, s)) {
		bpf_tail_call(ctx, &stages, PL_STAGE_WALK);
		give_up_return(&hit);
	}
	return 0;
}

/* A call that its own float registers decide. */
static __attribute__((noinline)) int decide_call(struct hit *hit, struct pl_scratch *s)
{
	struct pl_machine *m = &s->machine;
	struct pl_record *record = (void *)s->record;
	u32 verdict = evaluate(m);
	if (verdict == PL_UNDECIDED)
		count_undecided(m, m->answer_reason, 1);
	if (verdict != PL_PASS)
		return 0;
	__sync_fetch_and_add(&hit->counter->filtered, -1ll);
	if (over_rate(hit->plan, hit->index)) {
		count(hit->counter->throttled);
		return 0;
	}
	u32 refused = hit->pairs && open_own_call(s);
	u64 used = record->used;
	opaque(used);
	if (used > PL_EVENT_BYTES || bpf_ringbuf_output(&ring, record, used, BPF_RB_NO_WAKEUP)) {
		if (hit->pairs && !refused)
			take_back_call(&s->stack, s->call.call_id);
		count(hit->counter->dropped);
		return 0;
	}
	send_floats(record->call_id, record->probe, record->pid, record->tid, m->own_low);
	if (refused)
		count(hit->counter->refused);
	count(hit->counter->emitted);
	return 0;
}

/* From sigtrampgo: the float registers of a hit are there, on which its call depends. */
SEC("uprobe") int frame_condition(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	struct hit hit;
	struct pl_scratch *s = own_scratch(0);
	if (!s || !resume_hit(&hit, s))
		return 0;
	struct pl_machine *m = &s->machine;
	struct pl_record *record = (void *)s->record;
	u64 id = record->call_id;
	if (record->kind == PL_CALL) {
		m->awaits = 0;
		count_undecided(m, m->frame_reason, -1);
		return decide_call(&hit, s);
	}
	struct pl_parked *call = bpf_map_lookup_elem(&parked, &id);
	if (!call)
		return 0;
	m->awaits = 0;
	count_undecided(m, m->frame_reason, -1);
	int passed = conclude(m, evaluate(m), call);
	bpf_map_delete_elem(&parked, &id);
	u64 used = record->used;
	opaque(used);
	if (!passed || used > PL_EVENT_BYTES)
		return 0;
	__sync_fetch_and_add(&hit.counter->filtered, -1ll); /* await_frame counted it so. */
	if (bpf_ringbuf_output(&ring, record, used, BPF_RB_NO_WAKEUP)) {
		count(hit.counter->dropped);
		return 0;
	}
	send_floats(id, record->probe, record->pid, record->tid, m->own_low);
	count(hit.counter->emitted);
	return 0;
}

#endif
