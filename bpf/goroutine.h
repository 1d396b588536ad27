/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Who makes the call: probe, process, thread and goroutine. */
#ifndef PROBELENS_GOROUTINE_H
#define PROBELENS_GOROUTINE_H

/*
 * Before 5.15 there is no cookie that tells probes apart. There the helper loads one program per probe and replaces
 * this constant in it (helper/load.ts).
 */
static __always_inline u64 probe_cookie(struct pt_regs *ctx)
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

/* include/linux/pid_namespace.h */
#define MAX_PID_NS_LEVEL 32

/*
 * Of a thread in a namespace below the helper's: the kernel's function knows only threads of the very namespace that it
 * is asked about. Nonzero: it is elsewhere, and has no number there.
 */
static __always_inline int ids_from_above(struct task_ids *ids)
{
	void *task = (void *)bpf_get_current_task(), *leader = 0, *thread_pid = 0, *leader_pid = 0;
	u32 level = 0, inode = 0;
	bpf_probe_read_kernel(&leader, sizeof(leader), task + config.task_leader);
	bpf_probe_read_kernel(&thread_pid, sizeof(thread_pid), task + config.task_pid);
	bpf_probe_read_kernel(&leader_pid, sizeof(leader_pid), leader + config.task_pid);
	bpf_probe_read_kernel(&level, sizeof(level), thread_pid + config.pid_level);
	for (u32 i = 0; i <= MAX_PID_NS_LEVEL && i <= level; i++) {
		struct pl_pid_number thread = {}, process = {};
		u64 at = config.pid_numbers + i * sizeof(thread);
		bpf_probe_read_kernel(&thread, sizeof(thread), thread_pid + at);
		bpf_probe_read_kernel(&inode, sizeof(inode), (void *)thread.pidns + config.pidns_inum);
		if (inode != (u32)config.pidns_ino)
			continue;
		bpf_probe_read_kernel(&process, sizeof(process), leader_pid + at);
		ids->tid = thread.number;
		ids->tgid = process.number;
		return 0;
	}
	return -1;
}

static __always_inline int current_ids(struct task_ids *ids)
{
	if (config.pidns_ino) {
		struct bpf_pidns_info info = {};
		if (!bpf_get_ns_current_pid_tgid(config.pidns_dev, config.pidns_ino, &info, sizeof(info))) {
			ids->tgid = info.tgid;
			ids->tid = info.pid;
		} else if (!config.pid_numbers || ids_from_above(ids)) {
			return -1;
		}
	} else {
		u64 both = bpf_get_current_pid_tgid();
		ids->tgid = both >> 32;
		ids->tid = (u32)both;
	}
	/* The kernel's own filter is by thread on some kernels (6.6.0 to 6.6.34), by memory map on others. */
	return config.tgid && config.tgid != ids->tgid ? -1 : 0;
}

struct goroutine {
	u64 address; /* of its g */
	u64 goid;
	u64 stack_hi;
	u32 unread; /* there is one, and nothing of it could be read */
};

/* goid stands at most 160 bytes into g, stack.hi at 8 (go 1.15 to 1.27). */
#define G_WINDOW 160

/*
 * Memory that is in use can be away for a moment, while the kernel takes a huge page apart or moves a page; a program
 * may not wait for it. About one hit in 50 000 meets that in a process that collects garbage all the time, and the next
 * try finds the memory there again. Nonzero: it is away still.
 */
static __always_inline int read_in_use(void *to, u32 size, u64 address)
{
	return bpf_probe_read_user(to, size, (void *)address) && bpf_probe_read_user(to, size, (void *)address) &&
	       bpf_probe_read_user(to, size, (void *)address);
}

/* The goroutine of a runtime.g; zeroes where there is none (g is 0), or where it cannot be read (g0 has goid 0 too). */
static __always_inline void read_goroutine(u64 g, struct goroutine *out)
{
	out->address = g;
	out->goid = 0;
	out->stack_hi = 0;
	out->unread = 0;
	if (!g)
		return;
	/* One read of both, where they stand as in every known Go, saves 5 to 10 % of a hit. */
	u64 window[G_WINDOW / 8];
	u64 between = (u64)config.goid_offset - config.stack_hi_offset;
	if (between <= G_WINDOW - 8 && between % 8 == 0) {
		out->unread = read_in_use(window, between + 8, g + config.stack_hi_offset);
		if (out->unread)
			return;
		out->stack_hi = window[0];
		out->goid = window[between / 8];
	} else {
		out->unread = read_in_use(&out->goid, sizeof(out->goid), g + config.goid_offset) ||
			      read_in_use(&out->stack_hi, sizeof(out->stack_hi), g + config.stack_hi_offset);
		if (out->unread)
			out->goid = out->stack_hi = 0;
	}
}

static __always_inline void current_goroutine(struct pt_regs *ctx, struct goroutine *out)
{
	u64 g = 0;
	int failed = 0;
	if (config.g_in_register) {
		g = ctx->r14;
	} else if (config.fsbase_offset) {
		u64 base = 0;
		void *task = (void *)bpf_get_current_task();
		bpf_probe_read_kernel(&base, sizeof(base), task + config.fsbase_offset);
		failed = read_in_use(&g, sizeof(g), base + (s64)config.tls_offset);
	} else {
		failed = 1; /* Nothing says where threads have theirs. */
	}
	read_goroutine(failed ? 0 : g, out);
	if (failed)
		out->unread = 1;
}

#endif
