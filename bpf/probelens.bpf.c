// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * The probe programs. They know nothing of Go's types: each walks a plan (probelens.h) that the unprivileged side made
 * and the helper checked, and copies registers and memory into one record of the ring buffer.
 *
 * What shapes the code:
 * - Linux 5.10 loads it: no atomics with a result (5.12), no reads at variable stack offsets (5.12), no bpf_loop, no
 *   dynptr.
 * - Uprobe programs can be preempted by another task on the same CPU that hits a probe (they only disable migration),
 *   so nothing is built in per-CPU scratch memory: each record is built where it will be read, in the ring buffer.
 *   A reservation's size must be constant for the verifier, hence one program per size class.
 * - Memory is read with bpf_probe_read_user alone, which never faults a page in: the target is not disturbed.
 * - Each hit ends in exactly one counter, so their sum is the number of hits.
 */
#include "kernel.h"
#include "probelens.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct pl_counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct pl_open_key);
	__type(value, struct pl_open_call);
	__uint(max_entries, 1);
} open_calls SEC(".maps");

/*
 * A per-CPU counter still needs an atomic add: another task may preempt this one between load and store. Its result is
 * unused, so clang emits BPF_XADD, which every kernel has.
 */
#define count(counter) __sync_fetch_and_add(&(counter), 1)

/*
 * Before 5.15 there is no cookie that tells probes apart. There the helper loads one program per probe and replaces
 * this constant in it (helper/load.ts).
 */
static __always_inline u32 probe_index(struct pt_regs *ctx)
{
	if (config.cookies)
		return bpf_get_attach_cookie(ctx);
	u64 index;
	asm volatile("%0 = 0x70726f62656c656e ll" : "=r"(index));
	return index;
}

struct task_ids {
	u32 tgid;
	u32 tid;
};

static __always_inline int current_ids(struct task_ids *ids)
{
	if (config.pidns_ino) {
		struct bpf_pidns_info info = {};
		if (bpf_get_ns_current_pid_tgid(config.pidns_dev, config.pidns_ino, &info, sizeof(info)))
			return -1;
		ids->tgid = info.tgid;
		ids->tid = info.pid;
	} else {
		u64 both = bpf_get_current_pid_tgid();
		ids->tgid = both >> 32;
		ids->tid = (u32)both;
	}
	/* The kernel's own filter is by thread on some kernels (6.6.0 to 6.6.34), by memory map on others. */
	return config.tgid && config.tgid != ids->tgid ? -1 : 0;
}

struct goroutine {
	u64 goid;
	u64 stack_hi;
};

/* goid stands at most 160 bytes into g, stack.hi at 8 (go 1.15 to 1.27). */
#define G_WINDOW 192

/*
 * The current goroutine, or zeroes (g0 has goid 0 too: its calls are told apart by thread). No error is looked at: a
 * failing read fills its target with zeroes, and so does every read that depends on it (address zero is never mapped).
 */
static __always_inline void current_goroutine(struct pt_regs *ctx, struct goroutine *out)
{
	u64 g = 0;
	if (config.g_in_register) {
		g = ctx->r14;
	} else if (config.fsbase_offset) {
		u64 base = 0;
		void *task = (void *)bpf_get_current_task();
		bpf_probe_read_kernel(&base, sizeof(base), task + config.fsbase_offset);
		bpf_probe_read_user(&g, sizeof(g), (void *)(base + (s64)config.tls_offset));
	}
	/* One read of both, where they stand as in every known Go, saves 5 to 10 % of a hit. */
	u64 window[G_WINDOW / 8];
	u64 between = (u64)config.goid_offset - config.stack_hi_offset;
	if (between <= G_WINDOW - 8 && between % 8 == 0) {
		bpf_probe_read_user(window, between + 8, (void *)(g + config.stack_hi_offset));
		out->stack_hi = window[0];
		out->goid = window[between / 8];
	} else {
		bpf_probe_read_user(&out->goid, sizeof(out->goid), (void *)(g + config.goid_offset));
		bpf_probe_read_user(&out->stack_hi, sizeof(out->stack_hi), (void *)(g + config.stack_hi_offset));
	}
}

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
 * of 64 bytes; records take at least 160) and time since the helper's start in units of 2.1 ms (36 bits: 4.5 years)
 * are unique together. `time` must have been read while the record was reserved.
 */
static __always_inline u64 call_id(struct pl_record *record, u64 time)
{
	volatile u64 *place = (volatile u64 *)&record->call_id;
	*place = (u64)record;
	u64 cell = (*place >> 6) & 0x1ffff;
	u64 age = ((time - config.base_ns) >> 21) & 0xfffffffffull;
	return age << 17 | cell;
}

#define HEADER sizeof(struct pl_record)
#define CHUNK sizeof(struct pl_chunk)

/*
 * A record of `size` bytes is split for the verifier, which cannot see that start + length stays below a bound: a
 * stack piece or chunk starts at most at SPLIT_START and takes at most SPLIT_LENGTH. The helper picks the class so that
 * a plan fits (sizeClass in records.ts, the same numbers).
 */
#define SPLIT_LENGTH(size) ((size) >= 8192 ? PL_MAX_FOLLOW : (size) == 160 ? 32 : (size) / 2)
#define SPLIT_START(size) ((size)-CHUNK - SPLIT_LENGTH(size))

/* Keeps clang from undoing a bound check that the verifier must see on this very register. */
#define opaque(value) asm volatile("" : "+r"(value))

/*
 * Straight-line code: a uprobe program may not read its context at a computed offset, and a loop around a switch takes
 * the verifier 20 times as long (60 ms a program).
 */
#define COPY_REGISTER(number, field)                                                                                   \
	do {                                                                                                           \
		u64 at = plan->register_at[number];                                                                    \
		if (at) {                                                                                              \
			opaque(at); /* Else clang merges the two checks into one on another register. */               \
			if (at <= size - 8)                                                                            \
				*(u64 *)((void *)record + at) = ctx->field;                                            \
		}                                                                                                      \
	} while (0)

static __always_inline void copy_registers(struct pt_regs *ctx, struct pl_plan *plan, struct pl_record *record,
					   u32 size)
{
	COPY_REGISTER(0, ax);
	COPY_REGISTER(1, bx);
	COPY_REGISTER(2, cx);
	COPY_REGISTER(3, dx);
	COPY_REGISTER(4, si);
	COPY_REGISTER(5, di);
	COPY_REGISTER(6, bp);
	COPY_REGISTER(7, sp);
	COPY_REGISTER(8, r8);
	COPY_REGISTER(9, r9);
	COPY_REGISTER(10, r10);
	COPY_REGISTER(11, r11);
	COPY_REGISTER(12, r12);
	COPY_REGISTER(13, r13);
	COPY_REGISTER(14, r14);
	COPY_REGISTER(15, r15);
	COPY_REGISTER(16, ip);
}

/*
 * In the two loops below what changes from round to round is kept in the plan or in the record and not in registers:
 * what comes from memory is an unknown number to the verifier, so that all ways through a round end in the same state
 * and need to be followed once.
 */
static __always_inline void copy_stack(struct pl_plan *plan, u64 cfa, struct pl_record *record, u32 size)
{
	u32 pieces = plan->stack_pieces;
	record->failed_pieces = 0;
	for (u32 i = 0; i < PL_MAX_PIECES; i++) {
		if (i >= pieces)
			break;
		struct pl_stack_piece *piece = &plan->stack_piece[i];
		u64 at = piece->at;
		u64 bytes = piece->size;
		opaque(at);
		opaque(bytes);
		if (at > SPLIT_START(size) || bytes > PL_MAX_STACK_PIECE || bytes > SPLIT_LENGTH(size))
			break;
		if (bpf_probe_read_user((void *)record + at, bytes, (void *)(cfa + (s64)piece->offset)))
			record->failed_pieces |= 1u << (piece->index & 31);
	}
}

static __always_inline u64 root_word(void *record, u16 offset, u32 size)
{
	u64 at = HEADER + offset;
	opaque(at);
	return at > size - 8 ? 0 : *(u64 *)(record + at);
}

static __always_inline void copy_chunks(struct pl_plan *plan, struct pl_record *record, u32 size)
{
	u32 slots = plan->slots;
	record->used = HEADER + plan->root_size;
	record->chunks = 0;
	for (u32 i = 0; i < PL_MAX_SLOTS; i++) {
		if (i >= slots)
			break;
		struct pl_slot *slot = &plan->slot[i];
		u64 at = *(volatile u32 *)&record->used;
		opaque(at);
		if (at > SPLIT_START(size))
			break;
		struct pl_chunk *chunk = (void *)record + at;
		u64 address = root_word(record, slot->pointer, size);
		u64 elements = 1;
		if (slot->length != PL_NO_LENGTH) {
			elements = root_word(record, slot->length, size);
			/* Also bounds the product: an element takes at least one byte, or nothing is copied. */
			if (elements > PL_MAX_FOLLOW)
				elements = PL_MAX_FOLLOW;
		}
		u64 bytes = elements * slot->elem_size;
		if (bytes > slot->max_bytes)
			bytes = slot->max_bytes;
		*(volatile u32 *)&chunk->length = bytes;
		bytes = *(volatile u32 *)&chunk->length;
		opaque(bytes);
		if (bytes > SPLIT_LENGTH(size))
			break;
		chunk->slot = i;
		chunk->status = PL_CHUNK_OK;
		chunk->address = address;
		if (bpf_probe_read_user((void *)record + at + CHUNK, bytes, (void *)address)) {
			chunk->status = PL_CHUNK_FAULT;
			chunk->length = 0;
		}
		u32 taken = *(volatile u32 *)&chunk->length;
		record->used = at + CHUNK + ((taken + 7) & ~7u);
		record->chunks = i + 1;
	}
}

static __always_inline void fill_record(struct pt_regs *ctx, struct pl_plan *plan, struct pl_record *record,
					struct task_ids *ids, struct goroutine *g, u64 cfa, u32 size)
{
	u64 return_address = 0;
	record->probe = plan->probe;
	record->pid = ids->tgid;
	record->tid = ids->tid;
	record->goid = g->goid;
	record->depth = g->goid ? g->stack_hi - cfa : 0;
	/* The return address stands just below the CFA, at the entry and at the `ret` alike. */
	bpf_probe_read_user(&return_address, sizeof(return_address), (void *)(cfa - 8));
	record->return_address = return_address;
	record->root_size = plan->root_size;
	copy_registers(ctx, plan, record, size);
	copy_stack(plan, cfa, record, size);
	copy_chunks(plan, record, size);
}

static __always_inline void open_key(struct pl_open_key *key, struct pl_plan *plan, struct task_ids *ids,
				     struct goroutine *g, u64 cfa)
{
	key->tgid = ids->tgid;
	key->entry = plan->entry;
	key->goroutine = g->goid ? g->goid : ids->tid;
	key->depth = g->goid ? g->stack_hi - cfa : cfa;
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

static __always_inline int on_call(struct pt_regs *ctx, u32 size)
{
	struct task_ids ids;
	if (current_ids(&ids))
		return 0;
	u32 index = probe_index(ctx);
	struct pl_plan *plan = bpf_map_lookup_elem(&plans, &index);
	struct pl_counters *counter = bpf_map_lookup_elem(&counters, &index);
	if (!plan || !counter)
		return 0;
	u32 flags = plan->flags;
	/* CF (bit 0) or ZF (bit 6): `jbe` goes to morestack, and the function starts over. */
	if ((flags & PL_SKIP_IF_BELOW_OR_EQUAL) && (ctx->flags & 0x41))
		return 0;
	int throttled = plan->interval_ns && over_rate(plan);
	struct pl_record *record = throttled ? 0 : bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		if (flags & PL_PAIR_RETURNS)
			forget_call(ctx, plan, &ids);
		if (throttled)
			count(counter->throttled);
		else
			count(counter->dropped);
		return 0;
	}
	u64 now = bpf_ktime_get_ns();
	u64 id = call_id(record, now);
	struct goroutine g;
	current_goroutine(ctx, &g);
	u64 cfa = ctx->sp + (s64)plan->cfa_offset;
	record->kind = PL_CALL;
	record->call_id = id;
	record->time_ns = now;
	record->duration_ns = 0;
	if (flags & PL_PAIR_RETURNS) {
		struct pl_open_key key;
		struct pl_open_call call = {.call_id = id, .time_ns = now};
		open_key(&key, plan, &ids, &g, cfa);
		bpf_map_update_elem(&open_calls, &key, &call, BPF_ANY);
	}
	fill_record(ctx, plan, record, &ids, &g, cfa, size);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	count(counter->emitted);
	return 0;
}

static __always_inline int on_return(struct pt_regs *ctx, u32 size)
{
	struct task_ids ids;
	if (current_ids(&ids))
		return 0;
	u32 index = probe_index(ctx);
	struct pl_plan *plan = bpf_map_lookup_elem(&plans, &index);
	struct pl_counters *counter = bpf_map_lookup_elem(&counters, &index);
	if (!plan || !counter)
		return 0;
	u64 now = bpf_ktime_get_ns();
	struct goroutine g;
	current_goroutine(ctx, &g);
	u64 cfa = ctx->sp + (s64)plan->cfa_offset;
	struct pl_open_key key;
	open_key(&key, plan, &ids, &g, cfa);
	struct pl_open_call *open = bpf_map_lookup_elem(&open_calls, &key);
	if (!open) {
		count(counter->unpaired);
		return 0;
	}
	struct pl_open_call call = *open;
	bpf_map_delete_elem(&open_calls, &key);
	struct pl_record *record = bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		count(counter->dropped);
		return 0;
	}
	record->kind = PL_RETURN;
	record->call_id = call.call_id;
	record->time_ns = now;
	record->duration_ns = now - call.time_ns;
	fill_record(ctx, plan, record, &ids, &g, cfa, size);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	count(counter->emitted);
	return 0;
}

#define PROGRAMS(size)                                                                                                 \
	SEC("uprobe") int call_##size(struct pt_regs *ctx) { return on_call(ctx, size); }                              \
	SEC("uprobe") int return_##size(struct pt_regs *ctx) { return on_return(ctx, size); }
PL_CLASSES(PROGRAMS)
