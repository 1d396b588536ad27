/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The maps of a session. The helper sizes them (helper/load.ts); `scratch` is one for all its sessions. */
#ifndef PROBELENS_MAPS_H
#define PROBELENS_MAPS_H

const volatile struct pl_config config = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_plan);
	__uint(max_entries, 1);
} plans SEC(".maps");

/* CPU x probe. Not a per-CPU array, because those cannot be mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct pl_counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

/* By probe. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct pl_switch);
	__uint(max_entries, 1);
} switches SEC(".maps");

/* By thread: the change of links in which the newer one has counted its last hit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 1);
} counted SEC(".maps");

/* The session's table of types; pl_type refers to runs of the two maps below it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_type);
	__uint(max_entries, 1);
} types SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_mask);
	__uint(max_entries, 1);
} masks SEC(".maps");

/* By type word, by code address: both as in the file. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, struct pl_target);
	__uint(max_entries, 1);
} runtime_types SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, struct pl_target);
	__uint(max_entries, 1);
} closures SEC(".maps");

/* By thread. A thread's first deep event copies `scratch_template` there. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u32);
	__type(value, struct pl_scratch);
	__uint(max_entries, 1);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_scratch);
	__uint(max_entries, 1);
} scratch_template SEC(".maps");

/* Calls whose condition is decided at the return, by call id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u64);
	__type(value, struct pl_parked);
	__uint(max_entries, 1);
} parked SEC(".maps");

/* Calls whose condition stayed undecided: PL_REASONS for each row, by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, PL_REASONS);
} undecided SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, PL_STAGES);
} stages SEC(".maps");

/* By thread and kind of hit: whose float registers the next SIGURG's frame may hold (floats.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct pl_float_key);
	__type(value, struct pl_float_wait);
	__uint(max_entries, 1);
} float_waits SEC(".maps");

/*
 * From Linux 6.13 on a program whose frame takes 64 bytes and more gets its stack in memory of the CPU's own
 * (kernel/bpf/verifier.c, bpf_enable_priv_stack), for whoever runs there next to write over: a uprobe program can be
 * preempted, and then another thread's hit of the same probe runs on the same stack. Programs with a tail call keep the
 * thread's own. This one is never made, and names no map, because sleepable programs take no map of programs before
 * Linux 7.0.
 */
#define OWN_STACK(ctx)                                                                                                 \
	do {                                                                                                           \
		if (config.never)                                                                                      \
			bpf_tail_call(ctx, 0, 0);                                                                      \
	} while (0)

static __always_inline u64 switch_of(u32 index)
{
	volatile struct pl_switch *own = bpf_map_lookup_elem(&switches, &index);
	return own ? own->state : PL_SWITCH_OFF;
}

/* Whether this link's hit is to be counted, where `state` says that something is up. */
static __always_inline int counts_now(u64 state, u32 odd)
{
	if (state & PL_SWITCH_OFF)
		return 0;
	if (!(state & (PL_SWITCH_LINKING | PL_SWITCH_OVER)))
		return 1;
	int newer = odd == !!(state & PL_SWITCH_ODD);
	if (state & PL_SWITCH_LINKING)
		return !newer;
	u32 thread = bpf_get_current_pid_tgid();
	u32 change = state >> PL_SWITCH_CHANGE;
	/* Without room to tell the older one, it is left to that. */
	if (newer)
		return !bpf_map_update_elem(&counted, &thread, &change, BPF_ANY);
	u32 *mark = bpf_map_lookup_elem(&counted, &thread);
	if (!mark || *mark != change)
		return 1;
	bpf_map_delete_elem(&counted, &thread);
	return 0;
}

/* The longer one of the plan's own interval and the holder's. */
static __always_inline u64 interval_of(struct pl_plan *plan, u32 index)
{
	volatile struct pl_switch *own = bpf_map_lookup_elem(&switches, &index);
	u64 least = own ? own->interval_ns : 0;
	return plan->interval_ns > least ? plan->interval_ns : least;
}

static __always_inline struct pl_counters *counters_of(u32 index)
{
	u32 key = bpf_get_smp_processor_id() * config.probes + index;
	return bpf_map_lookup_elem(&counters, &key);
}

/*
 * A CPU's own counter still needs an atomic add: another task may preempt this one between load and store. Its result
 * is unused, so clang emits BPF_XADD, which every kernel has.
 */
#define count(counter) __sync_fetch_and_add(&(counter), 1)

#endif
