/* SPDX-License-Identifier: MIT */
/*
 * probelens-launcher PROGRAM ARGUMENT...: gives up every right that the helper does not need, and becomes PROGRAM.
 *
 * Capabilities belong to threads. A runtime that gives them up in its main thread leaves those threads with everything
 * that it has started before (V8's and libuv's), so they go before there is a second thread. They cannot come back: the
 * bounding set is reduced, and no_new_privs is set.
 *
 * What is kept, and for what:
 *
 *   CAP_BPF              maps and programs (Linux 5.8; before that SYS_ADMIN, and Probelens does not run)
 *   CAP_PERFMON          programs of kprobe type, uprobe_multi links, reading memory in programs (Linux 5.8)
 *   CAP_SYS_PTRACE       /proc/PID/exe, maps, mem and auxv of other users' processes, and pidfd_getfd
 *   CAP_DAC_READ_SEARCH  program files that their owner keeps to himself (mode 0700), opened through /proc/PID/exe
 *   CAP_SYS_ADMIN        perf events on uprobes (required since ba677dbe77af of July 2025), and only on kernels that
 *                        have no working uprobe_multi links: before Linux 6.6.35
 */
#define _GNU_SOURCE /* environ */
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/capability.h; written out, because the headers of older systems lack the newer ones. */
#define CAP_BIT(n) (UINT64_C(1) << (n))
#define KEPT                                                                                                           \
	(CAP_BIT(39) /* BPF */ | CAP_BIT(38) /* PERFMON */ | CAP_BIT(19) /* SYS_PTRACE */ |                            \
	 CAP_BIT(2) /* DAC_READ_SEARCH */)
#define SYS_ADMIN CAP_BIT(21)
/* One descriptor for each probe where the kernel takes them one by one, and some. */
#define OPEN_FILES 16384

/* include/uapi/linux/bpf.h, likewise. */
#define BPF_PROG_LOAD 5
#define BPF_LINK_CREATE 28
#define BPF_PROG_TYPE_KPROBE 2
#define BPF_TRACE_UPROBE_MULTI 48
struct prog_load_attr {
	uint32_t type, count;
	uint64_t instructions, license;
	uint32_t log_level, log_size;
	uint64_t log;
	uint32_t kernel_version, flags;
	char name[16];
	uint32_t ifindex, attach_type;
};
struct multi_link_attr {
	uint32_t program, target, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};

/* The error of a link that cannot be made. */
static int try_multi_link(int program, uint32_t pid)
{
	uint64_t zero = 0;
	struct multi_link_attr attr = {
	    .program = program, .attach_type = BPF_TRACE_UPROBE_MULTI, .count = 1, .pid = pid};
	attr.path = (uintptr_t) "/";
	attr.offsets = attr.cookies = (uintptr_t)&zero;
	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) < 0 ? errno : 0;
}

/* The same test as helper/features.ts, which explains it: asked of the kernel, not of its version. */
static int has_uprobe_multi(void)
{
	const uint64_t instructions[] = {0xb7, 0x95}; /* mov r0, 0; exit */
	struct prog_load_attr attr = {.type = BPF_PROG_TYPE_KPROBE, .count = 2, .attach_type = BPF_TRACE_UPROBE_MULTI};
	attr.instructions = (uintptr_t)instructions;
	attr.license = (uintptr_t) "GPL";
	int program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		return 0;
	int has = try_multi_link(program, 0) == EBADF && try_multi_link(program, -1) == EINVAL;
	close(program);
	return has;
}

/* Best effort: a limit that stays low shows when something needs it, with an error of its own. */
static void raise_limit(int resource, rlim_t value)
{
	struct rlimit limit = {value, value};
	setrlimit(resource, &limit);
}

static void keep_only(uint64_t wanted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}, {0}};
	if (syscall(SYS_capget, &header, data) < 0)
		return;
	uint64_t keep = wanted & (data[0].permitted | (uint64_t)data[1].permitted << 32);
	/* While CAP_SETPCAP is still there. A number that the kernel does not know is refused. */
	for (int capability = 0; capability < 64; capability++)
		if (!(keep & CAP_BIT(capability)))
			prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	data[0].effective = data[0].permitted = data[0].inheritable = keep;
	data[1].effective = data[1].permitted = data[1].inheritable = keep >> 32;
	syscall(SYS_capset, &header, data);
	/* For a user who is not root: what exec keeps. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int capability = 0; capability < 64; capability++)
		if (keep & CAP_BIT(capability))
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

/*
 * Variables by which Node runs other code than PROGRAM's or opens its inspector (NODE_OPTIONS), and OpenSSL other code
 * than its own: where sudo keeps the caller's, they are not the helper's. It needs none of these.
 */
static void forget_orders(void)
{
	static const char *const begins[] = {"NODE_", "OPENSSL_", "SSL_", NULL};
	char **kept = environ;
	for (char **variable = environ; *variable != NULL; variable++) {
		const char *const *begin = begins;
		while (*begin != NULL && strncmp(*variable, *begin, strlen(*begin)) != 0)
			begin++;
		if (*begin == NULL)
			*kept++ = *variable;
	}
	*kept = NULL;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "probelens-launcher: a program is needed\n");
		return 127;
	}
	forget_orders();
	/* Before Linux 5.11 BPF maps count as locked memory; raising that takes CAP_SYS_RESOURCE. */
	raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	raise_limit(RLIMIT_NOFILE, OPEN_FILES);
	keep_only(has_uprobe_multi() ? KEPT : KEPT | SYS_ADMIN);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	execv(argv[1], argv + 1);
	fprintf(stderr, "probelens-launcher: %s cannot be started: %s\n", argv[1], strerror(errno));
	return 127;
}
