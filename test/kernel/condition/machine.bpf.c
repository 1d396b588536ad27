// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/* Runs one condition on a machine that the test has filled: memory is read from the test's own process. */
#include "../../../bpf/kernel.h"
#include "../../../bpf/probelens.h"

/* Of maps.h, whose maps are none of this. */
const volatile struct pl_config config = {};
#include "../../../bpf/condition.h"
#include "../../../bpf/screen.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct pl_machine);
	__uint(max_entries, 1);
} machines SEC(".maps");

static __always_inline struct pl_machine *own_machine(void)
{
	u32 only = 0;
	return bpf_map_lookup_elem(&machines, &only);
}

static __always_inline u64 register_of(void *ctx, u32 number)
{
	struct pl_machine *m = own_machine();
	u64 index = number;
	(void)ctx;
	opaque(index);
	return m && index < PL_REGISTERS ? m->registers[index] : 0;
}

/* The verdict; bit 8: the screen turns the call away. */
SEC("raw_tp/sys_enter") int run_condition(void *ctx)
{
	struct pl_machine *m = own_machine();
	if (!m)
		return -1;
	struct pl_condition *c = bpf_map_lookup_elem(&conditions, &m->condition);
	if (!c)
		return -1;
	u32 screened = screened_out(ctx, c, m->cfa, m->kept.lost);
	return evaluate(m) | screened << 8;
}
