// SPDX-License-Identifier: MIT
/*
 * The least that a probe can cost: a program of two instructions that does nothing, by a uprobe_multi link as
 * Probelens makes it, until standard input ends.
 *
 *	floor PID FILE OFFSET...
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/bpf.h>
#include "bpf.h"

#define MAX_OFFSETS 16

int main(int argc, char **argv)
{
	/* r0 = 0; exit */
	const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	unsigned long offsets[MAX_OFFSETS];
	char end;
	if (argc < 4 || argc - 3 > MAX_OFFSETS) {
		fprintf(stderr, "usage: floor PID FILE OFFSET... (at most %d)\n", MAX_OFFSETS);
		return 2;
	}
	for (int i = 3; i < argc; i++)
		offsets[i - 3] = strtoul(argv[i], NULL, 0);
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = BPF_TRACE_UPROBE_MULTI);
	int program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "floor", "GPL", nothing, 2, &load);
	if (program < 0) {
		perror("floor: loading the empty program");
		return 1;
	}
	LIBBPF_OPTS(bpf_link_create_opts, link, .uprobe_multi.path = argv[2], .uprobe_multi.offsets = offsets,
		    .uprobe_multi.cnt = argc - 3, .uprobe_multi.pid = atoi(argv[1]));
	if (bpf_link_create(program, 0, BPF_TRACE_UPROBE_MULTI, &link) < 0) {
		perror("floor: linking it");
		return 1;
	}
	puts("attached");
	fflush(stdout);
	while (read(0, &end, 1) > 0)
		;
	return 0;
}
