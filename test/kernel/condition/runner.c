// SPDX-License-Identifier: MIT
/*
 * Runs conditions in the kernel on machines that stand on stdin: struct pl_condition, struct pl_machine and the arena's
 * bytes for each; answers with the program's result and the machine after it. usage: runner OBJECT CONDITION_SIZE
 * MACHINE_SIZE
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What the conditions' pointers point into; nothing is mapped around it. */
#define ARENA ((void *)0x100000000ul)
#define ARENA_BYTES 16384

struct bpf_object;
struct bpf_program;
struct bpf_object *bpf_object__open_file(const char *path, const void *opts);
int bpf_object__load(struct bpf_object *object);
int bpf_object__find_map_fd_by_name(const struct bpf_object *object, const char *name);
struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *object, const char *name);
int bpf_program__fd(const struct bpf_program *program);
int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags);
int bpf_map_lookup_elem(int fd, const void *key, void *value);

struct bpf_test_run_opts {
	size_t sz;
	const void *data_in;
	void *data_out;
	uint32_t data_size_in, data_size_out;
	const void *ctx_in;
	void *ctx_out;
	uint32_t ctx_size_in, ctx_size_out, retval;
	int repeat;
	uint32_t duration, flags, cpu, batch_size;
};
int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *opts);

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	size_t condition_size = strtoul(argv[2], 0, 10), machine_size = strtoul(argv[3], 0, 10);
	struct bpf_object *object = bpf_object__open_file(argv[1], 0);
	if (!object || bpf_object__load(object))
		fail("loading");
	int conditions = bpf_object__find_map_fd_by_name(object, "conditions");
	int machines = bpf_object__find_map_fd_by_name(object, "machines");
	int program = bpf_program__fd(bpf_object__find_program_by_name(object, "run_condition"));
	if (mmap(ARENA, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		 0) != ARENA)
		fail("mmap");
	void *condition = malloc(condition_size), *machine = malloc(machine_size);
	uint32_t zero = 0;
	while (fread(condition, condition_size, 1, stdin) == 1) {
		if (fread(machine, machine_size, 1, stdin) != 1 || fread(ARENA, ARENA_BYTES, 1, stdin) != 1)
			fail("stdin");
		if (bpf_map_update_elem(conditions, &zero, condition, 0) ||
		    bpf_map_update_elem(machines, &zero, machine, 0))
			fail("update");
		struct bpf_test_run_opts opts = {.sz = sizeof(opts)};
		if (bpf_prog_test_run_opts(program, &opts))
			fail("test_run");
		if (bpf_map_lookup_elem(machines, &zero, machine))
			fail("lookup");
		fwrite(&opts.retval, 4, 1, stdout);
		fwrite(machine, machine_size, 1, stdout);
	}
	return 0;
}
