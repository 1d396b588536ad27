// SPDX-License-Identifier: MIT
/*
 * Loads each program of a BPF object by itself and prints what the verifier says:
 *
 *	load OBJECT [FIELD=NUMBER ...]
 *
 * FIELDs are set in the constant `config` first, since the verifier knows constants and skips what they switch off.
 * One line for each program; after "refused" follows the whole log, each line indented.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/bpf.h>
#include "btf.h"
#include "libbpf.h"

/* As much as the oldest kernels take (log_buf's size: kernel/bpf/verifier.c, UINT_MAX >> 8). */
static char verifier_log[UINT_MAX >> 8];

struct result {
	int error; /* positive errno; 0: loaded */
	double ms;
	size_t instructions;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* Sets one u32 field; a field that the object does not have is no error: objects of several ages are loaded. */
static void set_field(struct bpf_object *object, const char *name, unsigned int value)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	struct btf *btf = bpf_object__btf(object);
	int config = btf__find_by_name_kind(btf, "pl_config", BTF_KIND_STRUCT);
	if (!map || config < 0)
		return;
	size_t size;
	char *bytes = bpf_map__initial_value(map, &size);
	const struct btf_type *type = btf__type_by_id(btf, config);
	const struct btf_member *members = btf_members(type);
	for (int i = 0; i < (int)btf_vlen(type); i++)
		if (strcmp(btf__name_by_offset(btf, members[i].name_off), name) == 0)
			memcpy(bytes + members[i].offset / 8, &value, sizeof(value));
}

/* The programs that the helper loads so for --fault-in (bpf/sleepable.h). */
static bool is_sleepable(const char *name) { return strstr(name, "_sleepable") != NULL; }

/* How much of a refusal's log is of use: the path that led there stands at its end. */
static int log_lines = 400;

static void print_log(void)
{
	char *from = verifier_log + strlen(verifier_log);
	for (int lines = 0; from > verifier_log && lines <= log_lines; from--)
		lines += from[-1] == '\n';
	if (from > verifier_log)
		printf("    (%zu bytes before this)\n", (size_t)(from - verifier_log));
	for (char *line = strtok(from, "\n"); line; line = strtok(NULL, "\n"))
		printf("    %s\n", line);
}

/* From the verifier's statistics: "processed 123 insns (limit 1000000) ...". */
static long processed(void)
{
	const char *found = strstr(verifier_log, "processed ");
	return found ? atol(found + strlen("processed ")) : -1;
}

/* Loads program `index` alone; its name, or NULL when there are no more. */
static const char *load(const char *path, int index, int fields, char **field, int level, struct result *result)
{
	static char name[64];
	struct bpf_object *object = bpf_object__open(path);
	if (!object) {
		printf("%s: %s\n", path, strerror(errno));
		exit(1);
	}
	for (int i = 0; i < fields; i++) {
		char field_name[64];
		unsigned int value;
		if (sscanf(field[i], "%63[^=]=%u", field_name, &value) == 2)
			set_field(object, field_name, value);
	}
	bool fault_in = false;
	for (int i = 0; i < fields; i++)
		fault_in |= strcmp(field[i], "fault_in=1") == 0;
	struct bpf_program *program;
	struct bpf_program *wanted = NULL;
	int at = 0;
	bpf_object__for_each_program(program, object)
	{
		bool chosen = at++ == index;
		bpf_program__set_autoload(program, chosen);
		if (chosen)
			wanted = program;
		if (fault_in && is_sleepable(bpf_program__name(program)))
			bpf_program__set_flags(program, BPF_F_SLEEPABLE);
	}
	if (!wanted)
		return NULL;
	verifier_log[0] = 0;
	bpf_program__set_log_buf(wanted, verifier_log, sizeof(verifier_log));
	bpf_program__set_log_level(wanted, level);
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	result->error = -bpf_object__load(object);
	clock_gettime(CLOCK_MONOTONIC, &to);
	result->ms = (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6;
	result->instructions = bpf_program__insn_cnt(wanted);
	snprintf(name, sizeof(name), "%s", bpf_program__name(wanted));
	bpf_object__close(object);
	return name;
}

/* include/linux/bpf_verifier.h: BPF_LOG_STATS, BPF_LOG_LEVEL1. */
enum { STATISTICS = 4, EVERY_INSTRUCTION = 1 };

int main(int argc, char **argv)
{
	int refused = 0;
	if (argc < 2)
		return 2;
	if (getenv("LOG_LINES"))
		log_lines = atoi(getenv("LOG_LINES"));
	libbpf_set_print(quiet);
	for (int index = 0;; index++) {
		struct result result;
		const char *name = load(argv[1], index, argc - 2, argv + 2, STATISTICS, &result);
		if (!name)
			return refused ? 1 : 0;
		printf("%-8s %-24s %5zu instructions, %7ld verified, %7.0f ms%s%s\n",
		       result.error ? "REFUSED" : "loaded", name, result.instructions, processed(), result.ms,
		       result.error ? ": " : "", result.error ? strerror(result.error) : "");
		if (result.error) {
			refused++;
			print_log();
			printf("    --- every instruction of the path:\n");
			load(argv[1], index, argc - 2, argv + 2, STATISTICS | EVERY_INSTRUCTION, &result);
			print_log();
		}
		fflush(stdout);
	}
}
