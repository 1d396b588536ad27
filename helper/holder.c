/* SPDX-License-Identifier: MIT */
/*
 * probelens-holder: makes the links of one trace and holds them until its input ends.
 *
 * A process that gets SIGKILL in the middle of making or closing a uprobe link leaves int3 in the target for good: the
 * kernel writes the target's code with get_user_pages, which gives up under a fatal signal, also when it undoes what
 * was done so far. So no process that a user may kill does either. The helper starts this one, which has no terminal,
 * ignores what a terminal sends, and lets go of the links by ending, which the kernel does without a signal pending.
 *
 * Descriptor 3 is the program file, 4 and up are the loaded BPF programs. Standard input has one number after the
 * other:
 *
 *   m PROGRAM PID COUNT, then COUNT times OFFSET COOKIE    one uprobe_multi link (PID 0: every process)
 *   p PROGRAM PID TYPE OFFSET COOKIE                       one perf-event link (PID -1: every process)
 *   e PROGRAM PID TYPE OFFSET                              one perf event, for kernels without cookies
 *   .                                                      that is all
 *
 * Standard output has one line: "ok", or the system call that failed and its error number. Links made before a failure
 * go with the process.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_FILE "/proc/self/fd/3"
/* MAX_PROBES of src/protocol/layout.ts: the helper accepts no request for more. */
#define MAX_SITES 32768

/* include/uapi/linux/bpf.h; written out, because the headers of older systems lack uprobe_multi. */
#define BPF_LINK_CREATE 28
#define BPF_PERF_EVENT 41
#define BPF_TRACE_UPROBE_MULTI 48
union link_attr {
	struct {
		uint32_t program, target, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t count, multi_flags, pid, pad;
	} multi;
	struct {
		uint32_t program, target, attach_type, flags;
		uint64_t cookie;
	} perf;
};

static uint64_t offsets[MAX_SITES], cookies[MAX_SITES];

static void fail(const char *call)
{
	printf("%s %d\n", call, errno);
	fflush(stdout);
	_exit(1);
}

static long long number(long long least, long long most)
{
	long long value;
	if (scanf("%lld", &value) != 1 || value < least || value > most) {
		errno = EINVAL;
		fail("reading the request");
	}
	return value;
}

static void link_create(union link_attr *attr, size_t size, const char *call)
{
	if (syscall(SYS_bpf, BPF_LINK_CREATE, attr, size) < 0)
		fail(call);
}

static void multi_link(void)
{
	union link_attr attr = {.multi = {.attach_type = BPF_TRACE_UPROBE_MULTI}};
	attr.multi.program = number(4, INT32_MAX);
	attr.multi.pid = number(0, INT32_MAX);
	attr.multi.count = number(1, MAX_SITES);
	for (uint32_t i = 0; i < attr.multi.count; i++) {
		offsets[i] = number(0, INT64_MAX);
		cookies[i] = number(0, INT64_MAX);
	}
	attr.multi.path = (uintptr_t)PROGRAM_FILE;
	attr.multi.offsets = (uintptr_t)offsets;
	attr.multi.cookies = (uintptr_t)cookies;
	link_create(&attr, sizeof(attr.multi), "bpf_link_create (uprobe_multi)");
}

static int open_event(int pid, uint32_t type, uint64_t offset)
{
	struct perf_event_attr attr = {.type = type, .size = sizeof(attr)};
	attr.uprobe_path = (uintptr_t)PROGRAM_FILE;
	attr.probe_offset = offset;
	/* A uprobe of all processes is opened on one CPU and fires on each. */
	int event = syscall(SYS_perf_event_open, &attr, pid, pid == -1 ? 0 : -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		fail("perf_event_open (uprobe)");
	return event;
}

static void perf_event(int with_cookie)
{
	int program = number(4, INT32_MAX);
	int pid = number(-1, INT32_MAX);
	uint32_t type = number(0, UINT32_MAX);
	int event = open_event(pid, type, number(0, INT64_MAX));
	if (with_cookie) {
		union link_attr attr = {.perf = {.program = program, .target = event, .attach_type = BPF_PERF_EVENT}};
		attr.perf.cookie = number(0, INT64_MAX);
		link_create(&attr, sizeof(attr.perf), "bpf_link_create (perf event)");
	} else if (ioctl(event, PERF_EVENT_IOC_SET_BPF, program) < 0) {
		fail("ioctl (PERF_EVENT_IOC_SET_BPF)");
	}
	if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0)
		fail("ioctl (PERF_EVENT_IOC_ENABLE)");
	if (with_cookie)
		close(event); /* The link keeps it. */
}

/* Holding takes no rights. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2];
	memset(none, 0, sizeof(none));
	syscall(SYS_capset, &header, none);
}

int main(void)
{
	const int ignored[] = {SIGINT, SIGHUP, SIGQUIT, SIGTERM, SIGTSTP, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	for (;;) {
		char kind;
		if (scanf(" %c", &kind) != 1)
			return 1; /* The helper ended first. */
		if (kind == '.')
			break;
		switch (kind) {
		case 'm':
			multi_link();
			break;
		case 'p':
			perf_event(1);
			break;
		case 'e':
			perf_event(0);
			break;
		default:
			errno = EINVAL;
			fail("reading the request");
		}
	}
	drop_capabilities();
	puts("ok");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
