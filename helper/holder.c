/* SPDX-License-Identifier: MIT */
/*
 * probelens-holder: makes the links of one trace and holds them for as long as the peer lives.
 *
 * A process that gets SIGKILL in the middle of making or closing a uprobe link leaves int3 in the target for good: the
 * kernel writes the target's code with get_user_pages, which gives up under a fatal signal, also when it undoes what
 * was done so far. So no process that a user may kill does either. The helper starts this one, which has no terminal,
 * ignores what a terminal sends, and lets go of the links by ending, which the kernel does without a signal pending.
 *
 * Descriptor 3 is the program file, 4 and up are the loaded BPF programs. Standard input has one number after the
 * other:
 *
 *   g BUDGET TARGET FUNCTIONS PROBES CPUS COUNTERS SWITCHES LEDGER SIGNAL, then PROBES times ROLE ENTRY COST CAPTURE
 *                                                          the bound on what they cost (holder_governor.h): millionths
 *                                                          of a core; descriptors; nanoseconds a signal, a hit and
 *                                                          what is captured of it takes
 *   m PROGRAM PID COUNT, then COUNT times OFFSET INDEX     one uprobe_multi link (PID 0: every process)
 *   p PROGRAM PID TYPE OFFSET INDEX                        one perf-event link (PID -1: every process)
 *   e PROGRAM PID TYPE OFFSET INDEX                        one perf event, for kernels without cookies
 *   .                                                      that is all
 *
 * Standard output has one line: "ok", or the system call that failed and its error number. Links made before a failure
 * go with the process. From then on standard input has one command a line:
 *
 *   b       the peer (the server or the terminal front end, not the helper that relays this) has given a sign of life
 *   x MS    let go in MS milliseconds whatever happens; 0: not at any time
 *
 * With a bound it lets go of some of the links earlier, and writes a line for each function or its returns
 * (governor.h).
 *
 * It ends, and with it the links, when standard input ends (status 0), when the last sign of life is LEASE_SECONDS old
 * (LEASE_OVER), or when its time is up (TIME_IS_UP): also when peer or helper are stopped, and when the machine slept.
 */
/* dl_iterate_phdr */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "governor.h"

#define PROGRAM_FILE "/proc/self/fd/3"
/* MAX_PROBES of src/protocol/layout.ts: the helper accepts no request for more. */
#define MAX_SITES 32768
/* The peer tells every two seconds; a pause of five is none. */
#define LEASE_SECONDS 10
/* Exit statuses that helper/holder.ts knows. */
#define LEASE_OVER 2
#define TIME_IS_UP 3

/* include/uapi/linux/capability.h; older systems lack them. */
#define CAP_PERFMON_NUMBER 38
#define CAP_BPF_NUMBER 39
/* As in bpf/probelens.h. */
#define PL_COOKIE_ODD 32
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

/* What is probed. Those of one link stand together. */
static struct site {
	uint64_t offset;
	uint32_t index; /* of the probe */
} sites[MAX_SITES];
static uint32_t site_count;

static struct held {
	int link; /* descriptor; -1: let go of */
	int multi, program, pid;
	int odd; /* PL_COOKIE_ODD */
	uint32_t first_site, sites;
} links[MAX_SITES];
static uint32_t link_count;

static char input[4096];
static size_t next, filled;

/* The next byte of standard input, or EOF. */
static int take(void)
{
	if (next == filled) {
		ssize_t count = read(STDIN_FILENO, input, sizeof(input));
		if (count <= 0)
			return EOF;
		next = 0;
		filled = count;
	}
	return input[next++];
}

static void fail(const char *call)
{
	printf("%s %d\n", call, errno);
	fflush(stdout);
	_exit(1);
}

/* The next byte that is no space. */
static int take_word(void)
{
	int byte;
	do
		byte = take();
	while (byte == ' ' || byte == '\n');
	return byte;
}

static long long number(long long least, long long most)
{
	char digits[24], *end;
	size_t length = 0;
	for (int byte = take_word(); byte != EOF && byte > ' ' && length < sizeof(digits) - 1; byte = take())
		digits[length++] = byte;
	digits[length] = 0;
	errno = 0;
	long long value = strtoll(digits, &end, 10);
	if (errno != 0 || length == 0 || *end != 0 || value < least || value > most) {
		errno = EINVAL;
		fail("reading the request");
	}
	return value;
}

static int link_create(union link_attr *attr, size_t size) { return syscall(SYS_bpf, BPF_LINK_CREATE, attr, size); }

static void start_governing(int pid);

static struct held *new_link(int multi)
{
	/* Not more than sites. */
	struct held *held = &links[link_count++];
	held->multi = multi;
	held->program = number(4, INT32_MAX);
	held->pid = number(-1, INT32_MAX);
	held->first_site = site_count;
	if (link_count == 1)
		start_governing(held->pid);
	return held;
}

static void take_site(struct held *held)
{
	if (site_count == MAX_SITES) {
		errno = E2BIG;
		fail("reading the request");
	}
	struct site *site = &sites[site_count++];
	site->offset = number(0, INT64_MAX);
	site->index = number(0, MAX_SITES - 1);
	held->sites++;
}

/* Of all sites that the link is to have. Gives a descriptor, or -1. */
static int multi_link(const struct held *held)
{
	static uint64_t offsets[MAX_SITES], cookies[MAX_SITES];
	union link_attr attr = {.multi = {.attach_type = BPF_TRACE_UPROBE_MULTI}};
	for (uint32_t i = 0; i < held->sites; i++) {
		const struct site *site = &sites[held->first_site + i];
		offsets[i] = site->offset;
		cookies[i] = (uint64_t)held->odd << PL_COOKIE_ODD | site->index;
	}
	attr.multi.program = held->program;
	attr.multi.pid = held->pid;
	attr.multi.count = held->sites;
	attr.multi.path = (uintptr_t)PROGRAM_FILE;
	attr.multi.offsets = (uintptr_t)offsets;
	attr.multi.cookies = (uintptr_t)cookies;
	return link_create(&attr, sizeof(attr.multi));
}

static void take_multi_link(void)
{
	struct held *held = new_link(1);
	for (uint32_t left = number(1, MAX_SITES); left > 0; left--)
		take_site(held);
	held->link = multi_link(held);
	if (held->link < 0)
		fail("bpf_link_create (uprobe_multi)");
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

static void take_perf_event(int with_cookie)
{
	struct held *held = new_link(0);
	uint32_t type = number(0, UINT32_MAX);
	take_site(held);
	const struct site *site = &sites[held->first_site];
	int event = held->link = open_event(held->pid, type, site->offset);
	if (with_cookie) {
		union link_attr attr = {
		    .perf = {.program = held->program, .target = event, .attach_type = BPF_PERF_EVENT}};
		attr.perf.cookie = site->index;
		held->link = link_create(&attr, sizeof(attr.perf));
		if (held->link < 0)
			fail("bpf_link_create (perf event)");
	} else if (ioctl(event, PERF_EVENT_IOC_SET_BPF, held->program) < 0) {
		fail("ioctl (PERF_EVENT_IOC_SET_BPF)");
	}
	if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0)
		fail("ioctl (PERF_EVENT_IOC_ENABLE)");
	if (with_cookie)
		close(event); /* The link keeps it. */
}

/* The clock that also runs while the machine sleeps. */
static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

#include "holder_governor.h"
#include "trap_costs.h"

/* Holding takes no rights; making links anew takes these two. */
static void drop_capabilities(void)
{
	uint64_t keep = governed ? 1ull << CAP_BPF_NUMBER | 1ull << CAP_PERFMON_NUMBER : 0;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &header, data) < 0)
		keep = 0;
	for (int half = 0; half < 2; half++) {
		data[half].permitted &= (uint32_t)(keep >> 32 * half);
		data[half].effective = data[half].permitted;
		data[half].inheritable = 0;
	}
	syscall(SYS_capset, &header, data);
}

static int64_t lease_end, time_is_up;

static void sign_of_life(void) { lease_end = now_ns() + LEASE_SECONDS * 1000000000LL; }

static void obey(const char *line)
{
	if (line[0] == 'b')
		sign_of_life();
	else if (line[0] == 'x') {
		int64_t ms = strtoll(line + 1, NULL, 10);
		time_is_up = ms > 0 && ms < INT64_MAX / 2000000 ? now_ns() + ms * 1000000 : 0;
	}
}

/* Returns why the links go: the exit status. */
static int hold(int timer)
{
	struct pollfd sources[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = timer, .events = POLLIN}};
	char line[32];
	size_t length = 0;
	sign_of_life();
	for (;;) {
		for (; next < filled; next++) {
			if (input[next] != '\n') {
				if (length < sizeof(line) - 1)
					line[length++] = input[next];
				continue;
			}
			line[length] = 0;
			length = 0;
			obey(line);
		}
		int64_t until = time_is_up != 0 && time_is_up < lease_end ? time_is_up : lease_end;
		struct itimerspec at = {.it_value = {until / 1000000000, until % 1000000000}};
		timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
		poll(sources, 2, governed ? govern() : -1);
		if (time_is_up != 0 && now_ns() >= time_is_up)
			return TIME_IS_UP;
		if (now_ns() >= lease_end)
			return LEASE_OVER;
		if (sources[0].revents != 0) {
			int byte = take();
			if (byte == EOF)
				return 0;
			next--;
		}
	}
}

/* Also while its request is still being read: nobody wants the links any more. */
static int helper_ended(void)
{
	struct pollfd source = {.fd = STDIN_FILENO, .events = POLLRDHUP};
	return poll(&source, 1, 0) > 0 && (source.revents & (POLLRDHUP | POLLHUP)) != 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "costs") == 0)
		return tell_costs();
	const int ignored[] = {SIGINT, SIGHUP, SIGQUIT, SIGTERM, SIGTSTP, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	for (;;) {
		int kind = take_word();
		if (kind == EOF || helper_ended())
			return 1;
		if (kind == '.')
			break;
		switch (kind) {
		case 'g':
			take_budget();
			break;
		case 'm':
			take_multi_link();
			break;
		case 'p':
			take_perf_event(1);
			break;
		case 'e':
			take_perf_event(0);
			break;
		default:
			errno = EINVAL;
			fail("reading the request");
		}
	}
	/* A wait of poll itself stands still while the machine sleeps. */
	int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	if (timer < 0)
		fail("timerfd_create");
	drop_capabilities();
	puts("ok");
	fflush(stdout);
	/* A helper that reads nothing must not hold it up. */
	fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
	int status = hold(timer);
	leave_row();
	return status;
}
