/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Float registers, which no program can read: they stand in the registers themselves, and pt_regs has none of them. A
 * hit sends its thread SIGURG, the signal with which Go's scheduler preempts, and which does nothing where no
 * preemption is wanted (runtime/signal_unix.go: "it's okay to send spurious SIGURG"). Before the thread goes on, the
 * kernel stores all its registers in the signal frame, and the program at the entry of runtime.sigtrampgo reads them
 * there: they are what they were at the probe if the frame's RIP and RSP are those behind the probed instruction.
 *
 * What connects the two is an entry by thread. It is gone with the first SIGURG of the thread, whatever the frame
 * shows, and with the thread's next hit. So registers are never taken for those of another call.
 */
#ifndef PROBELENS_FLOATS_H
#define PROBELENS_FLOATS_H

#define SIGURG 23

/*
 * Where Linux has what is asked for in the ucontext and in the FXSAVE area that it points to
 * (arch/x86/include/uapi/asm/sigcontext.h).
 */
#define UCONTEXT_RSP 160
#define UCONTEXT_RIP 168
#define UCONTEXT_FPSTATE 224
#define FXSAVE_XMM 160
#define XMM_BYTES 16

static __always_inline void float_key(struct pl_float_key *key, u32 is_return)
{
	key->thread = (u32)bpf_get_current_pid_tgid();
	key->is_return = is_return;
}

/* A hit whose condition waits for a frame that will not come: it counts as undecided already. */
static __always_inline void give_up_wait(struct pl_float_wait *wait)
{
	u64 id = wait->call_id;
	if (wait->parked == PL_PARKS_FRAME)
		bpf_map_delete_elem(&parked, &id);
}

/*
 * What an earlier hit of this thread still waits for does not belong to this one. A function of its own: the programs
 * of conditions need their stacks.
 */
static __attribute__((noinline)) void forget_floats(struct pl_plan *plan, u32 is_return)
{
	struct pl_float_key key;
	if (!plan->float_pieces)
		return;
	float_key(&key, is_return);
	struct pl_float_wait *wait = bpf_map_lookup_elem(&float_waits, &key);
	if (!wait)
		return;
	give_up_wait(wait);
	bpf_map_delete_elem(&float_waits, &key);
}

/* Before the record is submitted: it says what becomes of its float registers. */
static __always_inline void expect_floats(struct pt_regs *ctx, struct pl_plan *plan, struct pl_record *record,
					  u32 parked)
{
	struct pl_float_key key;
	struct pl_float_wait wait;
	record->floats = PL_FLOATS_NONE;
	if (!plan->float_pieces)
		return;
	float_key(&key, record->kind == PL_RETURN);
	struct pl_float_wait *old = bpf_map_lookup_elem(&float_waits, &key);
	if (old)
		give_up_wait(old);
	/*
	 * On a system stack, Go's signal handlers among them: a probe there that sends a signal again and again would
	 * never let the handler's caller go on.
	 */
	if (!record->goid) {
		record->floats = PL_FLOATS_NO_GOROUTINE;
		bpf_map_delete_elem(&float_waits, &key);
		return;
	}
	wait.call_id = record->call_id;
	wait.sp = ctx->sp + (s64)plan->resume_sp;
	wait.ip[0] = ctx->ip + (s64)plan->resume_ip[0];
	wait.ip[1] = ctx->ip + (s64)plan->resume_ip[1];
	/* A `ret`: fill_header found where to. */
	if (!plan->resume_ip[0]) {
		wait.ip[0] = record->return_address;
		wait.ip[1] = record->return_address;
	}
	wait.probe = record->probe;
	wait.pid = record->pid;
	wait.tid = record->tid;
	wait.registers = plan->float_registers;
	wait.parked = parked;
	if (old)
		*old = wait;
	else if (bpf_map_update_elem(&float_waits, &key, &wait, BPF_ANY)) {
		record->floats = PL_FLOATS_NO_ROOM;
		return;
	}
	record->floats = PL_FLOATS_FOLLOW;
}

static __always_inline void float_header(struct pl_record *record, u64 call_id, u32 probe, u32 pid, u32 tid, u32 bytes)
{
	record->used = HEADER + bytes;
	record->probe = probe;
	record->call_id = call_id;
	record->time_ns = 0;
	record->duration_ns = 0;
	record->pid = pid;
	record->tid = tid;
	record->goid = 0;
	record->depth = 0;
	record->return_address = 0;
	record->failed_pieces = 0;
	record->root_size = bytes;
	record->chunks = 0;
	record->kind = PL_FLOATS;
	record->full = 0;
	record->floats = 0;
	record->waited = 0;
}

static __always_inline void tell_no_floats(u64 call_id, u32 probe, u32 pid, u32 tid)
{
	struct pl_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record)
		return;
	float_header(record, call_id, probe, pid, tid, 0);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline void no_frame(struct pl_float_wait *wait)
{
	if (!wait->parked)
		tell_no_floats(wait->call_id, wait->probe, wait->pid, wait->tid);
	give_up_wait(wait);
}

/* After the record is submitted. `floats` is what it says. */
static __always_inline void send_for_floats(struct pl_counters *counter, u32 floats, u32 is_return)
{
	struct pl_float_key key;
	if (floats != PL_FLOATS_FOLLOW)
		return;
	count(counter->signals);
	if (!bpf_send_signal_thread(SIGURG))
		return;
	float_key(&key, is_return);
	struct pl_float_wait *wait = bpf_map_lookup_elem(&float_waits, &key);
	if (!wait)
		return;
	no_frame(wait);
	bpf_map_delete_elem(&float_waits, &key);
}

struct float_registers {
	struct pl_record header;
	u64 low[PL_FLOAT_REGISTERS];
};

/* Sends what `from` holds; where there is no room, the event's float registers stay unknown. */
static __always_inline void send_floats(u64 call_id, u32 probe, u32 pid, u32 tid, u64 *from)
{
	struct float_registers *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record)
		return;
	float_header(&record->header, call_id, probe, pid, tid, sizeof(record->low));
	__builtin_memcpy(record->low, from, sizeof(record->low));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* 1: a call or a return that was waited for can be decided on now. */
static __always_inline int read_frame(struct pl_float_wait *wait, u64 context, u32 is_return)
{
	u64 at[(UCONTEXT_FPSTATE - UCONTEXT_RSP) / 8 + 1];
	u64 xmm[PL_FLOAT_REGISTERS * XMM_BYTES / 8];
	if (bpf_probe_read_user(at, sizeof(at), (void *)(context + UCONTEXT_RSP)))
		goto no;
	u64 sp = at[0];
	u64 ip = at[(UCONTEXT_RIP - UCONTEXT_RSP) / 8];
	u64 fpstate = at[(UCONTEXT_FPSTATE - UCONTEXT_RSP) / 8];
	if (sp != wait->sp || (ip != wait->ip[0] && ip != wait->ip[1]))
		goto no;
	if (bpf_probe_read_user(xmm, sizeof(xmm), (void *)(fpstate + FXSAVE_XMM)))
		goto no;
	u32 wanted = wait->registers;
#pragma unroll
	for (u32 i = 0; i < PL_FLOAT_REGISTERS; i++)
		xmm[i] = wanted & (1u << i) ? xmm[i * XMM_BYTES / 8] : 0;
	if (wait->parked == PL_PARKS_FRAME) {
		/* Its record and its machine are still the thread's last, unless another hit came between. */
		struct pl_scratch *s = own_scratch(0);
		struct pl_record *record = s ? (void *)s->record : 0;
		if (!record || s->machine.awaits != wait->call_id || record->call_id != wait->call_id ||
		    record->kind != (is_return ? PL_RETURN : PL_CALL))
			goto no;
		__builtin_memcpy(s->machine.own_low, xmm, PL_FLOAT_REGISTERS * sizeof(u64));
		s->machine.has_own_low = 1;
		return 1;
	}
	if (wait->parked) {
		u64 id = wait->call_id;
		struct pl_parked *call = bpf_map_lookup_elem(&parked, &id);
		if (!call)
			return 0;
		__builtin_memcpy(call->low, xmm, sizeof(call->low));
		call->has_low = 1;
		return 0;
	}
	send_floats(wait->call_id, wait->probe, wait->pid, wait->tid, xmm);
	return 0;
no:
	no_frame(wait);
	return 0;
}

/* Behind a parked call's own record. A function of its own: the programs of conditions need their stacks. */
static __attribute__((noinline)) void tell_parked_floats(struct pl_parked *call)
{
	struct pl_record *parked_record = (void *)call->record;
	if (parked_record->floats != PL_FLOATS_FOLLOW)
		return;
	u64 id = parked_record->call_id;
	u32 probe = parked_record->probe, pid = parked_record->pid, tid = parked_record->tid;
	if (!call->has_low) {
		tell_no_floats(id, probe, pid, tid);
		return;
	}
	send_floats(id, probe, pid, tid, call->low);
}

/* A call and a return wait at once where the function's one instruction is its `ret`. */
static __always_inline int answer_floats(struct pt_regs *ctx, u32 is_return)
{
	struct pl_float_key key;
	float_key(&key, is_return);
	struct pl_float_wait *wait = bpf_map_lookup_elem(&float_waits, &key);
	if (!wait)
		return 0;
	int decides = read_frame(wait, ctx->cx, is_return);
	bpf_map_delete_elem(&float_waits, &key);
	return decides;
}

/* sigtrampgo(sig uint32, info *siginfo, ctx unsafe.Pointer), by ABIInternal in every Go that has it. */
SEC("uprobe") int sigtrampgo(struct pt_regs *ctx)
{
	OWN_STACK(ctx);
	if ((u32)ctx->ax != SIGURG)
		return 0;
	int decides = answer_floats(ctx, 0);
	if (answer_floats(ctx, 1) || decides)
		bpf_tail_call(ctx, &stages, PL_STAGE_FRAME);
	return 0;
}

#endif
