/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Calls whose return is awaited: pairs the two by goroutine and depth. */
#ifndef PROBELENS_OPEN_CALLS_H
#define PROBELENS_OPEN_CALLS_H

static __always_inline void open_key(struct pl_open_key *key, struct pl_plan *plan, struct task_ids *ids,
				     struct goroutine *g, u64 cfa)
{
	key->tgid = ids->tgid;
	key->entry = plan->entry;
	key->goroutine = g->goid ? g->goid : ids->tid;
	key->depth = g->goid ? g->stack_hi - cfa : cfa;
}

static __always_inline void open_call(struct pl_open_key *key, u64 call_id, u64 time)
{
	struct pl_open_call call = {.call_id = call_id, .time_ns = time};
	bpf_map_update_elem(&open_calls, key, &call, BPF_ANY);
}

/* The call of a return, which is open no more; 0: none is known. */
static __always_inline int close_call(struct pl_open_key *key, struct pl_open_call *call)
{
	struct pl_open_call *open = bpf_map_lookup_elem(&open_calls, key);
	if (!open)
		return 0;
	*call = *open;
	bpf_map_delete_elem(&open_calls, key);
	return 1;
}

/*
 * A call that is not sent must not leave its place to an older one that ended by a panic: this call's return would be
 * taken for that one's.
 */
static __always_inline void forget_call(struct pt_regs *ctx, struct pl_plan *plan, struct task_ids *ids)
{
	struct goroutine g;
	struct pl_open_key key;
	current_goroutine(ctx, &g);
	open_key(&key, plan, ids, &g, ctx->sp + (s64)plan->cfa_offset);
	bpf_map_delete_elem(&open_calls, &key);
}

#endif
