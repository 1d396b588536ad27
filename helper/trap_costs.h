/* SPDX-License-Identifier: MIT */
/*
 * `probelens-holder costs`: what a probe takes on this machine, where the kernel emulates its instruction and where it
 * single-steps it (the ratio is the host's: docs/performance.md). The process probes itself, so that nothing else is
 * disturbed. Descriptor 3 is the file of this program, 4 a program that does nothing; standard input has a word of the
 * request that links are made with:
 *
 *   m | p TYPE
 *
 * Standard output has nanoseconds of a hit, emulated and stepped: the least of some rounds, whoever else was running.
 */
#ifndef PROBELENS_TRAP_COSTS_H
#define PROBELENS_TRAP_COSTS_H

#include <link.h>

#define ROUNDS 10
#define HITS 40

asm(".text\n"
    ".type probelens_emulated, @function\n"
    "probelens_emulated: push %rbp\n pop %rbp\n ret\n"
    ".type probelens_stepped, @function\n"
    "probelens_stepped: lea 8(%rsp), %rax\n ret\n");
void probelens_emulated(void);
void probelens_stepped(void);

/* Of the main program's code: address in memory → offset in its file. */
static int file_offset(struct dl_phdr_info *program, size_t size, void *offset)
{
	(void)size;
	for (int i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &program->dlpi_phdr[i];
		uint64_t inside = *(uint64_t *)offset - (program->dlpi_addr + part->p_vaddr);
		if (part->p_type != PT_LOAD || inside >= part->p_memsz)
			continue;
		*(uint64_t *)offset = inside + part->p_offset;
		return 1;
	}
	return 1;
}

static int64_t round_ns(void (*probed)(void))
{
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < HITS; i++)
		probed();
	clock_gettime(CLOCK_MONOTONIC, &to);
	return ((to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec) / HITS;
}

static int64_t hit_ns(void (*probed)(void), int kind, uint32_t type)
{
	struct held held = {.multi = kind == 'm', .program = 4, .pid = getpid(), .sites = 1};
	sites[0].offset = (uintptr_t)probed;
	dl_iterate_phdr(file_offset, &sites[0].offset);
	if (kind == 'm') {
		if (multi_link(&held) < 0)
			fail("bpf_link_create (uprobe_multi)");
	} else {
		int event = open_event(held.pid, type, sites[0].offset);
		if (ioctl(event, PERF_EVENT_IOC_SET_BPF, held.program) < 0 ||
		    ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0)
			fail("ioctl (perf event)");
	}
	int64_t least = INT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t ns = round_ns(probed);
		if (ns < least)
			least = ns;
	}
	return least;
}

static int tell_costs(void)
{
	int kind = take_word();
	uint32_t type = kind == 'p' ? number(0, UINT32_MAX) : 0;
	int64_t emulated = hit_ns(probelens_emulated, kind, type);
	printf("costs %lld %lld\n", (long long)emulated, (long long)hit_ns(probelens_stepped, kind, type));
	fflush(stdout);
	return 0;
}

#endif
