/* SPDX-License-Identifier: MIT */
/*
 * Taking probes out of links. The kernel program is told first (PL_SWITCH_, bpf/probelens.h), so that nothing is
 * captured any more; the trap goes with the link. A link of one probe is closed. Of a link of many the rest is linked
 * anew before the old one is closed, and each hit is counted by one of them.
 *
 * Closing a link waits for a grace period of the kernel, 20 to 180 ms on a busy machine, so several threads close, and
 * wait, at the same time.
 */
#ifndef PROBELENS_RELINK_H
#define PROBELENS_RELINK_H

#include <pthread.h>

/* bpf/probelens.h */
#define PL_SWITCH_OFF 1
#define PL_SWITCH_NO_ENDS 2
#define PL_SWITCH_LINKING 4
#define PL_SWITCH_OVER 8
#define PL_SWITCH_ODD 16
#define PL_SWITCH_CHANGE 32
struct pl_switch {
	uint64_t state;
	uint64_t interval_ns;
};

/* There are a dozen links at the most, or thousands of one probe each before Linux 6.6. */
#define MAX_CLOSERS 32

static volatile struct pl_switch *switches;
static uint32_t change;
/* What is to be closed, and what is to take its number: -1 where nothing is. */
static struct closing {
	struct held *held;
	int old, new;
} closings[MAX_SITES];
static uint32_t closing_count, next_closing;

static void set_switch(uint32_t index, uint64_t clear, uint64_t set)
{
	uint64_t state = (switches[index].state & ~clear) | set;
	__atomic_store_n(&switches[index].state, state, __ATOMIC_SEQ_CST);
}

/* Clears what a change of links takes, and sets what it takes next. */
static void switch_links(const struct held *held, uint64_t set)
{
	const uint64_t clear = PL_SWITCH_LINKING | PL_SWITCH_OVER | PL_SWITCH_ODD | ~0ull << PL_SWITCH_CHANGE;
	for (uint32_t i = 0; i < held->sites; i++)
		set_switch(sites[held->first_site + i].index, clear, set);
}

/* Links what stays of a link; without the probes that are gone, and with all others. 0: there is nothing to do. */
static int link_rest(struct held *held)
{
	struct held rest = *held;
	struct site *own = &sites[held->first_site];
	rest.sites = 0;
	rest.link = -1;
	for (uint32_t i = 0; i < held->sites; i++)
		if (!probes[own[i].index].gone)
			own[rest.sites++] = own[i];
	if (rest.sites == held->sites)
		return 0;
	if (rest.sites > 0) {
		rest.odd = !held->odd;
		uint64_t common = (uint64_t)++change << PL_SWITCH_CHANGE | (rest.odd ? PL_SWITCH_ODD : 0);
		switch_links(&rest, common | PL_SWITCH_LINKING);
		rest.link = multi_link(&rest);
		/* Where it cannot be made, the process is gone, or the rest goes, too: the target comes first. */
		switch_links(&rest, rest.link < 0 ? 0 : common | PL_SWITCH_OVER);
	}
	closings[closing_count++] = (struct closing){held, held->link, rest.link};
	/* What ends a call goes last when this process ends, by the numbers of the descriptors, from above: a rest has
	 * the number of what it is a rest of. */
	if (rest.link >= 0)
		rest.link = held->link;
	*held = rest;
	return 1;
}

static void *close_some(void *unused)
{
	for (;;) {
		uint32_t i = __atomic_fetch_add(&next_closing, 1, __ATOMIC_SEQ_CST);
		if (i >= closing_count)
			return unused;
		struct closing *closing = &closings[i];
		/* Closes what had the number. */
		if (closing->new >= 0 && dup2(closing->new, closing->old) >= 0)
			continue;
		close(closing->old);
		closing->held->link = closing->new;
		closing->new = -1;
	}
}

/* Lets go of the probes that are gone, and of no other. `changed` has a place for each link. */
static void release_gone(unsigned char *changed)
{
	pthread_t closers[MAX_CLOSERS];
	uint32_t started = 0;
	closing_count = next_closing = 0;
	for (uint32_t i = 0; i < link_count; i++)
		changed[i] = links[i].link >= 0 && link_rest(&links[i]);
	/* This thread closes, too; without others it closes all. */
	while (started < MAX_CLOSERS && started + 1 < closing_count &&
	       pthread_create(&closers[started], NULL, close_some, NULL) == 0)
		started++;
	close_some(NULL);
	while (started > 0)
		pthread_join(closers[--started], NULL);
	for (uint32_t i = 0; i < link_count; i++)
		if (changed[i])
			switch_links(&links[i], 0);
	for (uint32_t i = 0; i < closing_count; i++)
		if (closings[i].new >= 0)
			close(closings[i].new);
}

#endif
