// SPDX-License-Identifier: MIT
/*
 * What a kernel offers to uprobe programs, found by trying: one line each, "yes" or "no", a tab, the feature. The rows
 * of docs/kernels.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/bpf.h>
#include "bpf.h"
#include "btf.h"
#include "libbpf.h"

static const struct {
	int id;
	const char *name;
} helpers[] = {
    {BPF_FUNC_probe_read_user, "bpf_probe_read_user"},
    {BPF_FUNC_get_stack, "bpf_get_stack"},
    {BPF_FUNC_send_signal_thread, "bpf_send_signal_thread"},
    {BPF_FUNC_get_ns_current_pid_tgid, "bpf_get_ns_current_pid_tgid"},
    {BPF_FUNC_ktime_get_boot_ns, "bpf_ktime_get_boot_ns"},
    {BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve"},
    {BPF_FUNC_get_current_task_btf, "bpf_get_current_task_btf"},
    {BPF_FUNC_for_each_map_elem, "bpf_for_each_map_elem"},
    {BPF_FUNC_get_func_ip, "bpf_get_func_ip"},
    {BPF_FUNC_get_attach_cookie, "bpf_get_attach_cookie"},
    {BPF_FUNC_task_pt_regs, "bpf_task_pt_regs"},
    {BPF_FUNC_find_vma, "bpf_find_vma"},
    {BPF_FUNC_loop, "bpf_loop"},
    {BPF_FUNC_map_lookup_percpu_elem, "bpf_map_lookup_percpu_elem"},
    {BPF_FUNC_ringbuf_reserve_dynptr, "bpf_ringbuf_reserve_dynptr"},
};

static const struct {
	int type;
	const char *name;
} maps[] = {
    {BPF_MAP_TYPE_RINGBUF, "ring buffer"},
    {BPF_MAP_TYPE_LRU_HASH, "LRU hash"},
    {BPF_MAP_TYPE_USER_RINGBUF, "user ring buffer"},
    {BPF_MAP_TYPE_ARENA, "arena"},
};

static const char *const kernel_functions[] = {
    "bpf_iter_num_new",	      "bpf_rdonly_cast",      "bpf_probe_read_user_str_dynptr",
    "bpf_copy_from_user_str", "bpf_send_signal_task",
};

#define INSN(op, dst, src, offset, immediate)                                                                          \
	((struct bpf_insn){.code = op, .dst_reg = dst, .src_reg = src, .off = offset, .imm = immediate})
#define RETURN_0 INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static const struct bpf_insn trivial[] = {RETURN_0};
static const struct bpf_insn atomic_with_result[] = {
    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 1),
    INSN(BPF_STX | BPF_DW | BPF_MEM, 10, 2, -8, 0),
    INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 10, 2, -8, BPF_ADD | BPF_FETCH),
    RETURN_0,
};
static const struct bpf_insn variable_stack_access[] = {
    INSN(BPF_ST | BPF_DW | BPF_MEM, 10, 0, -16, 0),
    INSN(BPF_LDX | BPF_DW | BPF_MEM, 2, 1, 0, 0),
    INSN(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 7),
    INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0),
    INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -16),
    INSN(BPF_ALU64 | BPF_ADD | BPF_X, 3, 2, 0, 0),
    INSN(BPF_ST | BPF_B | BPF_MEM, 3, 0, 0, 0),
    INSN(BPF_LDX | BPF_B | BPF_MEM, 4, 3, 0, 0),
    RETURN_0,
};
/* struct pt_regs.ip of x86-64: arch/x86/include/asm/ptrace.h. */
static const struct bpf_insn writes_ip[] = {
    INSN(BPF_LDX | BPF_DW | BPF_MEM, 2, 1, 128, 0),
    INSN(BPF_STX | BPF_DW | BPF_MEM, 1, 2, 128, 0),
    RETURN_0,
};
/* if r2 != 0, r2 /= 2, again: a loop that the verifier walks. */
static const struct bpf_insn bounded_loop[] = {
    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
    INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 1),
    INSN(BPF_JMP | BPF_JLT | BPF_K, 2, 0, -2, 100),
    RETURN_0,
};
#define JCOND 0xe0 /* BPF_JCOND, src_reg 0: may_goto */
static const struct bpf_insn may_goto[] = {
    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
    INSN(BPF_JMP | JCOND, 0, 0, 1, 0),
    INSN(BPF_JMP | BPF_JA, 0, 0, -2, 0),
    RETURN_0,
};
static const struct bpf_insn copies_from_user[] = {
    INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0),
    INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8),
    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 8),
    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_copy_from_user),
    RETURN_0,
};
/* A function of its own, called twice. */
static const struct bpf_insn bpf_to_bpf_call[] = {
    INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1),
    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    RETURN_0,
};

static int load(const struct bpf_insn *insns, size_t count, int attach_type, unsigned int flags)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type, .prog_flags = flags);
	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "feature", "GPL", insns, count, &opts);
}

static void row(const char *prefix, const char *name, int has)
{
	printf("%s\t%s%s\n", has > 0 ? "yes" : "no", prefix, name);
}

static void program_row(const char *name, const struct bpf_insn *insns, size_t size, unsigned int flags)
{
	int fd = load(insns, size / sizeof(*insns), 0, flags);
	row("", name, fd >= 0);
	if (fd >= 0)
		close(fd);
}

/* errno of a link on a path that is no regular file, as in helper/features.ts. */
static int link_error(int program, int attach_type, int pid)
{
	unsigned long offset = 0;
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	opts.uprobe_multi.path = "/";
	opts.uprobe_multi.offsets = &offset;
	opts.uprobe_multi.cnt = 1;
	opts.uprobe_multi.pid = pid;
	int fd = bpf_link_create(program, -1, attach_type, &opts);
	if (fd >= 0)
		close(fd);
	return -fd;
}

static void link_rows(void)
{
	int multi = load(trivial, 2, BPF_TRACE_UPROBE_MULTI, 0);
	int known = multi >= 0 && link_error(multi, BPF_TRACE_UPROBE_MULTI, 0) == EBADF;
	row("", "uprobe_multi link", known);
	/* Linux 6.6.0 to 6.6.34 took the filter for a thread's. */
	row("", "uprobe_multi link, filter by process",
	    known && link_error(multi, BPF_TRACE_UPROBE_MULTI, -1) == EINVAL);
	int session = load(trivial, 2, BPF_TRACE_UPROBE_SESSION, 0);
	row("", "uprobe_session link", session >= 0 && link_error(session, BPF_TRACE_UPROBE_SESSION, 0) == EBADF);
}

int main(void)
{
	libbpf_set_print(NULL);
	row("", "kernel types (BTF)", access("/sys/kernel/btf/vmlinux", R_OK) == 0);
	row("", "perf-event uprobes", access("/sys/bus/event_source/devices/uprobe/type", R_OK) == 0);
	row("", "attach cookies", libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL));
	link_rows();
	program_row("bounded loops", bounded_loop, sizeof(bounded_loop), 0);
	program_row("functions in a program", bpf_to_bpf_call, sizeof(bpf_to_bpf_call), 0);
	program_row("atomics with a result", atomic_with_result, sizeof(atomic_with_result), 0);
	program_row("stack access at a variable offset", variable_stack_access, sizeof(variable_stack_access), 0);
	program_row("may_goto", may_goto, sizeof(may_goto), 0);
	program_row("sleepable uprobe programs", trivial, sizeof(trivial), BPF_F_SLEEPABLE);
	program_row("bpf_copy_from_user in them (faults pages in)", copies_from_user, sizeof(copies_from_user),
		    BPF_F_SLEEPABLE);
	program_row("writing registers (rip)", writes_ip, sizeof(writes_ip), 0);
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		row("map: ", maps[i].name, libbpf_probe_bpf_map_type(maps[i].type, NULL));
	for (size_t i = 0; i < sizeof(helpers) / sizeof(*helpers); i++)
		row("helper: ", helpers[i].name, libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, helpers[i].id, NULL));
	struct btf *kernel = btf__load_vmlinux_btf();
	for (size_t i = 0; kernel && i < sizeof(kernel_functions) / sizeof(*kernel_functions); i++)
		row("kernel function: ", kernel_functions[i],
		    btf__find_by_name_kind(kernel, kernel_functions[i], BTF_KIND_FUNC));
	btf__free(kernel);
	return 0;
}
