/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Reads of the target's memory. */
#ifndef PROBELENS_MEMORY_H
#define PROBELENS_MEMORY_H

/*
 * Copies what is asked for; not 0: something of it cannot be read, and `to` is all zeroes. bpf_probe_read_user takes
 * what is resident and disturbs nobody. Where the user wants it (config.fault_in, sleepable programs), what is not
 * resident is waited for, as the target's own access to it would wait; it fails where nothing is mapped.
 */
static __always_inline long read_target(void *to, u32 size, const void *from)
{
	long failed = bpf_probe_read_user(to, size, from);
	if (config.fault_in && failed)
		failed = bpf_copy_from_user(to, size, from);
	return failed;
}

#endif
