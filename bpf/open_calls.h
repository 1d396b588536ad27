/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Calls in progress, and how each of them ends. This is the one owner of the pairing of calls and returns: what the
 * records say about ends is final, and user space never concludes anything.
 *
 * The calls of a goroutine are a stack. Its innermost call is the value of `innermost`; the others hang below it by
 * call id (outer_key) in `outer_calls`. A call whose callers are not traced, which most are, costs one insertion and
 * one deletion.
 *
 * A frame lives only as long as everything above it, so a hit at some depth proves that deeper calls which are still on
 * the stack are gone: by a panic or by Goexit. Depth is stack.hi - CFA: it grows with each nested call, and does not
 * change when the runtime moves the stack. Calls on a thread's system stack (goid 0) are a stack of their own, told
 * apart by where it begins. Where the goroutine is not known nothing would prove anything, so such calls are refused.
 *
 * Each call that is sent ends once: by a return (sent, or dropped by the return's probe), unwound (sent, or counted in
 * `untold`, where those of its function's returns were given up, too), refused here (counted), or still open when the
 * helper looks at the end (helper/openCalls.ts). Both tables refuse when they are full, and evict nothing.
 *
 * A hit whose goroutine cannot be read is known to have been, and not whose it was. After such a return, a call that
 * was open may have returned; after such a call, one that is open may have been gone for the new one to stand there. So
 * calls from before are given up, their ends unknown, where they would be told to be unwound, open, or the call of a
 * return.
 */
#ifndef PROBELENS_OPEN_CALLS_H
#define PROBELENS_OPEN_CALLS_H

/* One for all sessions of a helper, which sizes them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct pl_call_stack);
	__type(value, struct pl_open_call);
	__uint(max_entries, 1);
} innermost SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, struct pl_open_call);
	__uint(max_entries, 1);
} outer_calls SEC(".maps");

/* The last hits whose goroutine could not be read: pl_unread. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_unread);
	__uint(max_entries, 1);
} unread SEC(".maps");

/* The programs below, for themselves: a tail call starts one over. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 2);
} unwinders SEC(".maps");

/*
 * Calls that one run takes off. The runtime's own unwinding is watched and takes off everything, so a call or a return
 * finds more than a few only where it could not be watched; what it leaves is given up (unwind_at_hit). Before
 * bpf_loop (5.17) a watch runs 32 times at the most (tail calls), and calls that are nested deeper than these runs can
 * take off are refused (config.max_nested: helper/openCalls.ts, the same numbers).
 */
#define UNWIND_AT_HIT 4
#define UNWIND_AT_WATCH 256
/* Of all goroutines together, so of one: the size of the tables. */
#define UNWIND_IN_LOOP (1 << 17)

/* g0 and gsignal have no number of their own, but each has a stack of its own. Goids have bit 63 clear. */
#define SYSTEM_STACK (1ull << 63)

struct unwinding {
	struct pl_call_stack stack;
	u64 goid; /* for the records */
	u32 tid;
	u32 left;  /* calls that should be taken off and were not */
	s64 depth; /* of the watches: calls at this depth and deeper are gone */
};

static __always_inline void call_stack(struct unwinding *at, struct task_ids *ids, struct goroutine *g)
{
	at->stack.goroutine = !g->stack_hi ? 0 : g->goid ? g->goid : g->stack_hi | SYSTEM_STACK;
	at->stack.tgid = ids->tgid;
	at->stack.session = config.session;
	at->goid = g->goid;
	at->tid = ids->tid;
	at->left = 0;
}

/* Ids are the session's own, the table is all sessions'. Ids take 53 bits; a helper has at most 256 rings. */
static __always_inline u64 outer_key(u64 call_id) { return call_id | (u64)config.ring_number << 53; }

/* Takes the innermost call off: the next one takes its place, or 0 is returned. */
static __always_inline struct pl_open_call *leave_innermost(struct pl_call_stack *stack, struct pl_open_call *call)
{
	u64 outer = outer_key(call->outer);
	struct pl_open_call *next = call->outer ? bpf_map_lookup_elem(&outer_calls, &outer) : 0;
	if (!next) {
		bpf_map_delete_elem(&innermost, stack);
		return 0;
	}
	*call = *next;
	bpf_map_delete_elem(&outer_calls, &outer);
	return call;
}

/* Functions of their own, as few things as possible stand on the stacks of the programs of conditions. */
static __attribute__((noinline)) int mark_unread(u32 is_return)
{
	u32 zero = 0;
	struct pl_unread *last = bpf_map_lookup_elem(&unread, &zero);
	if (!last)
		return 0;
	if (is_return)
		last->return_ns = bpf_ktime_get_ns();
	else
		last->call_ns = bpf_ktime_get_ns();
	return 0;
}

/* Whether a hit since `time` was unread: a return, or a call. */
static __attribute__((noinline)) int unread_since(u64 time, u32 is_return)
{
	u32 zero = 0;
	struct pl_unread *last = bpf_map_lookup_elem(&unread, &zero);
	return last && time <= (is_return ? last->return_ns : last->call_ns);
}

static __attribute__((noinline)) int count_untold(u32 index)
{
	struct pl_counters *counter = counters_of(index);
	if (counter)
		count(counter->untold);
	return 0;
}

/* A record of its header alone. */
static __always_inline void tell_unwound(struct unwinding *at, struct pl_open_call *call)
{
	if (call->parked) {
		/* It stays filtered. */
		u64 id = call->call_id;
		bpf_map_delete_elem(&parked, &id);
		return;
	}
	u32 index = call->index;
	struct pl_counters *counter = counters_of(index);
	/* It may have returned, since the probes of its returns were given up, or one could not be read. */
	if (counter && ((switch_of(index) & PL_SWITCH_NO_ENDS) || unread_since(call->time_ns, 1))) {
		count(counter->untold);
		return;
	}
	struct pl_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!counter)
		goto out;
	if (!record) {
		count(counter->untold);
		return;
	}
	count(counter->unwound);
out:
	if (!record)
		return;
	u64 now = bpf_ktime_get_ns();
	record->used = sizeof(*record);
	record->probe = call->entry;
	record->call_id = call->call_id;
	record->time_ns = now;
	record->duration_ns = now - call->time_ns;
	record->pid = at->stack.tgid;
	record->tid = at->tid;
	record->goid = at->goid;
	record->depth = call->depth;
	record->return_address = 0;
	record->failed_pieces = 0;
	record->root_size = 0;
	record->chunks = 0;
	record->full = 0;
	record->floats = PL_FLOATS_NONE;
	record->waited = 0;
	record->kind = PL_UNWOUND;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* Takes off, and tells, at most `most` calls at `depth` or deeper; returns the innermost one that is left. */
static __always_inline struct pl_open_call *unwind(struct unwinding *at, s64 depth, u32 most)
{
	struct pl_open_call *call = bpf_map_lookup_elem(&innermost, &at->stack);
	for (u32 i = 0; i < most; i++) {
		if (!call || (s64)call->depth < depth)
			return call;
		tell_unwound(at, call);
		call = leave_innermost(&at->stack, call);
	}
	at->left = call && (s64)call->depth >= depth;
	return call;
}

/* The same where another call or a return follows: what is still left stands in its way. */
static __always_inline struct pl_open_call *unwind_at_hit(struct unwinding *at, s64 depth)
{
	struct pl_open_call *call = unwind(at, depth, UNWIND_AT_HIT);
	if (!call || !at->left)
		return call;
	tell_unwound(at, call);
	/* The rest hangs from nothing any more: the helper finds it at the end, and its ends are unknown. */
	bpf_map_delete_elem(&innermost, &at->stack);
	return 0;
}

/*
 * Before a call is sent, throttled or dropped: calls that stood where it stands are gone, and its return must not be
 * taken for theirs. Returns the innermost call that is left.
 */
static __always_inline struct pl_open_call *before_call(struct unwinding *at, struct task_ids *ids, struct goroutine *g,
							u64 cfa)
{
	call_stack(at, ids, g);
	if (g->unread)
		mark_unread(0);
	return unwind_at_hit(at, g->stack_hi - cfa);
}

/* Keeps a call for its return; fails where its end will not be known. `outer` comes from before_call. */
static __always_inline int open_call(struct pl_call_stack *stack, struct pl_open_call *outer, struct pl_open_call *call)
{
	if (!stack->goroutine)
		return -1;
	if (!outer)
		return bpf_map_update_elem(&innermost, stack, call, BPF_ANY);
	u64 key = outer_key(outer->call_id);
	u32 nested = outer->nested + 1;
	if (nested >= config.max_nested || bpf_map_update_elem(&outer_calls, &key, outer, BPF_ANY))
		return -1;
	call->outer = outer->call_id;
	call->nested = nested;
	*outer = *call;
	return 0;
}

/* A call that was opened, and then was not sent. */
static __always_inline void take_back_call(struct pl_call_stack *stack, u64 call_id)
{
	struct pl_open_call *call = bpf_map_lookup_elem(&innermost, stack);
	if (call && call->call_id == call_id)
		leave_innermost(stack, call);
}

/* The call that returns, taken off; 0: it was not sent, or began before the trace. */
static __always_inline int close_call(struct unwinding *at, struct task_ids *ids, struct goroutine *g, u64 cfa,
				      u32 entry, struct pl_open_call *call)
{
	u64 depth = g->stack_hi - cfa;
	call_stack(at, ids, g);
	if (g->unread) {
		mark_unread(1);
		return 0;
	}
	struct pl_open_call *found = unwind_at_hit(at, depth + 1);
	if (!found || found->depth != depth || found->entry != entry)
		return 0;
	*call = *found;
	leave_innermost(&at->stack, found);
	if (!unread_since(call->time_ns, 0))
		return 1;
	if (!call->parked)
		count_untold(call->index);
	return 0;
}

/* What unwinds a goroutine that could not be read: any that is open may have ended by it. */
static __always_inline int unwinds_unread(void)
{
	mark_unread(1);
	return -1;
}

static long unwind_one(u32 round __attribute__((unused)), void *context)
{
	struct unwinding *at = context;
	struct pl_open_call *call = bpf_map_lookup_elem(&innermost, &at->stack);
	if (!call || (s64)call->depth < at->depth)
		return 1;
	tell_unwound(at, call);
	leave_innermost(&at->stack, call);
	return 0;
}

/* At the entry of runtime.Goexit: nothing on this goroutine returns any more. */
static __always_inline int at_goexit(struct pt_regs *ctx, struct unwinding *at)
{
	struct task_ids ids;
	struct goroutine g;
	if (current_ids(&ids))
		return -1;
	current_goroutine(ctx, &g);
	if (g.unread)
		return unwinds_unread();
	call_stack(at, &ids, &g);
	at->depth = 0;
	return 0;
}

/*
 * At runtime.recovery's call of runtime.gogo(&gp.sched): the goroutine of gp goes on in the function that recovered,
 * with the stack pointer in gp.sched, and what hung below that is gone. gogo is written in assembly, so its argument
 * stands on the stack. runtime.gobuf begins with sp, pc and g (runtime/runtime2.go, Go 1.15 to 1.27).
 */
static __always_inline int at_resume(struct pt_regs *ctx, struct unwinding *at)
{
	struct task_ids ids;
	struct goroutine g;
	u64 gobuf = 0;
	u64 words[3] = {};
	if (current_ids(&ids))
		return -1;
	if (read_in_use(&gobuf, sizeof(gobuf), ctx->sp) || read_in_use(words, sizeof(words), gobuf))
		return unwinds_unread();
	read_goroutine(words[2], &g);
	if (g.unread)
		return unwinds_unread();
	if (!g.goid || !g.stack_hi)
		return -1;
	call_stack(at, &ids, &g);
	at->depth = g.stack_hi - words[0];
	return 0;
}

/* A watch is counted for what it costs alone. Without cookies it does not know which one it is. */
static __always_inline int watch_goes_on(struct pt_regs *ctx)
{
	if (!config.cookies)
		return 1;
	u64 cookie = probe_cookie(ctx);
	u64 state = switch_of(cookie);
	if (unlikely(state) && !counts_now(state, cookie >> PL_COOKIE_ODD))
		return 0;
	struct pl_counters *counter = counters_of(cookie);
	if (counter)
		count(counter->unpaired);
	return 1;
}

#define UNWINDER(place, index)                                                                                         \
	SEC("uprobe") int place(struct pt_regs *ctx)                                                                   \
	{                                                                                                              \
		struct unwinding at;                                                                                   \
		OWN_STACK(ctx);                                                                                        \
		if (!watch_goes_on(ctx) || at_##place(ctx, &at))                                                       \
			return 0;                                                                                      \
		unwind(&at, at.depth, UNWIND_AT_WATCH);                                                                \
		if (at.left)                                                                                           \
			bpf_tail_call(ctx, &unwinders, index);                                                         \
		return 0;                                                                                              \
	}                                                                                                              \
	SEC("uprobe") int place##_loop(struct pt_regs *ctx)                                                            \
	{                                                                                                              \
		struct unwinding at;                                                                                   \
		OWN_STACK(ctx);                                                                                        \
		if (watch_goes_on(ctx) && at_##place(ctx, &at) == 0)                                                   \
			bpf_loop(UNWIND_IN_LOOP, unwind_one, &at, 0);                                                  \
		return 0;                                                                                              \
	}
UNWINDER(goexit, 0)
UNWINDER(resume, 1)

#endif
