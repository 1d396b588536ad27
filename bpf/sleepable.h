/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The programs of sessions that may fault memory in (config.fault_in): loaded as sleepable ones (Linux 6.0), whose
 * reads wait for what is not resident (memory.h).
 *
 * What shapes the code:
 * - All plans are deep here. A program that waits while it has a record reserved would hold up the whole ring.
 * - Sleepable programs may use no map of programs before Linux 7.0 (check_map_prog_compatibility,
 *   kernel/bpf/verifier.c), so what others leave to stages is done in place. Where uprobe programs may sleep there are
 *   bpf_loop and cookies, so one program each does for all probes.
 * - The parts are functions of their own, because together their frames are larger than a program's stack.
 */
#ifndef PROBELENS_SLEEPABLE_H
#define PROBELENS_SLEEPABLE_H

#define __own_frame static __attribute__((noinline))

__own_frame int deep_call_part(struct pt_regs *ctx)
{
	struct hit hit;
	return on_deep_call(ctx, &hit);
}

__own_frame int deep_return_part(struct pt_regs *ctx)
{
	struct hit hit;
	return on_deep_return(ctx, &hit);
}

__own_frame int where_call_part(struct pt_regs *ctx)
{
	struct hit hit;
	if (!start_hit(ctx, &hit) || starts_over(ctx, hit.plan))
		return 0;
	if (!hit.pairs && turned_away(ctx, &hit))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (s)
		return on_where_call(ctx, &hit, s);
	give_up_call(&hit, 0);
	return 0;
}

__own_frame int where_return_part(struct pt_regs *ctx)
{
	struct hit hit;
	if (!start_hit(ctx, &hit))
		return 0;
	struct pl_scratch *s = own_scratch(1);
	if (s)
		return on_where_return(ctx, &hit, s);
	give_up_return(&hit);
	return 0;
}

__own_frame int walk_part(struct pt_regs *ctx)
{
	walk_to_end(ctx);
	return 0;
}

#define SLEEPABLE(name, part)                                                                                          \
	SEC("uprobe") int name(struct pt_regs *ctx)                                                                    \
	{                                                                                                              \
		OWN_STACK(ctx);                                                                                        \
		if (part(ctx))                                                                                         \
			walk_part(ctx);                                                                                \
		return 0;                                                                                              \
	}
SLEEPABLE(call_sleepable, deep_call_part)
SLEEPABLE(return_sleepable, deep_return_part)
SLEEPABLE(call_where_sleepable, where_call_part)
SLEEPABLE(return_where_sleepable, where_return_part)

#endif
