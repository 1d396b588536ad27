/* SPDX-License-Identifier: MIT */
/*
 * The holder's bound on what its probes cost (governor.h): reads the counters that the kernel program writes, and lets
 * go of probes. It asks nobody, so it also works while helper and peer are stopped.
 *
 * One function's returns, or its calls, are one decision. The kernel program is told first (PL_SWITCH_,
 * bpf/probelens.h), so that nothing is captured any more; the trap goes with the link. A link of one probe is closed.
 * Of a link of many the rest is linked anew before the old one is closed, and each hit is counted by one of them.
 *
 * Other holders of the same target's probes share its budget (ledger.h).
 *
 * For each decision standard output has one line:
 *
 *   removed INDEX returns|calls RATE COST TIME
 *
 * with the entry probe's index, thousandths of hits a second and millionths of a core (of these probes, before they
 * were removed), and CLOCK_MONOTONIC in nanoseconds. A helper that does not read gets them later.
 */
#ifndef PROBELENS_HOLDER_GOVERNOR_H
#define PROBELENS_HOLDER_GOVERNOR_H

/* bpf/probelens.h */
#define PL_SWITCH_OFF 1
#define PL_SWITCH_NO_ENDS 2
#define PL_SWITCH_LINKING 4
#define PL_SWITCH_OVER 8
#define PL_SWITCH_ODD 16
#define PL_SWITCH_CHANGE 32
#define PL_COUNTER_WORDS 8
/* emitted, filtered, throttled, dropped, unpaired: each hit is one of them. */
#define PL_HIT_WORDS 5

/* Between two looks; with so many counters that a look takes long, more, so that looking takes 5 % of a core at most.
 */
#define LOOK_EVERY_NS 100000000
#define LOOK_SHARE 20
/* What a probe has cost lately is taken from its hits since the last mark but one. */
#define MARK_EVERY_NS 300000000
#define MAX_CPUS 8192

enum role { WATCH = 0, ENTRY = 1, RETURN = 2, ENTRY_THAT_PARKS = 3 };

struct probe {
	uint32_t entry; /* index of its function's entry probe */
	uint32_t cost_ns;
	enum role role;
	int gone;
	uint64_t hits, marked, marked_before;
};

/* A line that is to be written. */
struct told {
	uint32_t entry;
	int returns;
	double rate, cost;
	int64_t time_ns;
};

static int governed;
static uint64_t target;
static struct governor governor;
static struct probe probes[MAX_SITES];
static uint32_t probe_count, cpu_count;
static const volatile uint64_t *counters;
static volatile uint64_t *switches;
static int64_t next_look_ns, mark_ns, mark_before_ns;
static uint32_t change;
static struct told tell[2 * MAX_SITES];
static uint32_t told_count, to_tell_count;

#include "ledger.h"

static void *map_memory(int map, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (memory == MAP_FAILED)
		fail("mmap (counters)");
	close(map);
	return memory;
}

static void take_budget(void)
{
	governed = 1;
	governor.budget = (double)number(1, INT64_MAX) / 1e6;
	target = number(0, INT64_MAX);
	probe_count = number(1, MAX_SITES);
	cpu_count = number(1, MAX_CPUS);
	int counter_map = number(4, INT32_MAX), switch_map = number(4, INT32_MAX);
	int ledger_file = number(4, INT32_MAX);
	ledger = mmap(NULL, LEDGER_ROWS * sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, ledger_file, 0);
	close(ledger_file);
	if (ledger == MAP_FAILED)
		ledger = NULL;
	size_t per_probe = PL_COUNTER_WORDS * sizeof(uint64_t);
	counters = map_memory(counter_map, (size_t)cpu_count * probe_count * per_probe);
	switches = map_memory(switch_map, probe_count * sizeof(uint64_t));
	for (uint32_t i = 0; i < probe_count; i++) {
		probes[i].role = number(WATCH, ENTRY_THAT_PARKS);
		probes[i].entry = number(0, probe_count - 1);
		probes[i].cost_ns = number(0, INT32_MAX);
	}
}

static int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Takes all hits; gives nanoseconds that those since the last look have cost. */
static double count_hits(void)
{
	double cost_ns = 0;
	for (uint32_t i = 0; i < probe_count; i++) {
		struct probe *probe = &probes[i];
		uint64_t hits = 0;
		if (probe->gone || probe->role == WATCH)
			continue;
		for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
			for (uint32_t word = 0; word < PL_HIT_WORDS; word++)
				hits += counters[((size_t)cpu * probe_count + i) * PL_COUNTER_WORDS + word];
		/* A count that is moved from one place to another is read twice, or not, for a moment. */
		if (hits > probe->hits) {
			cost_ns += (double)(hits - probe->hits) * probe->cost_ns;
			probe->hits = hits;
		}
	}
	return cost_ns;
}

static void mark(int64_t now)
{
	if (now - mark_ns < MARK_EVERY_NS)
		return;
	mark_before_ns = mark_ns;
	mark_ns = now;
	for (uint32_t i = 0; i < probe_count; i++) {
		probes[i].marked_before = probes[i].marked;
		probes[i].marked = probes[i].hits;
	}
}

/* From here on. */
static void mark_all(int64_t now)
{
	mark_ns = mark_before_ns = now;
	for (uint32_t i = 0; i < probe_count; i++)
		probes[i].marked = probes[i].marked_before = probes[i].hits;
}

static void start_governing(void)
{
	if (!governed)
		return;
	int64_t now = monotonic_ns();
	governor_start(&governor, governor.budget, now);
	take_row(target, governor.budget, now);
	next_look_ns = now + LOOK_EVERY_NS;
	count_hits();
	mark_all(now);
	/* A helper that reads nothing must not hold this up. */
	fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
}

static double hits_lately(const struct probe *probe) { return (double)(probe->hits - probe->marked_before); }

static void set_switch(uint32_t index, uint64_t clear, uint64_t set)
{
	uint64_t state = (switches[index] & ~clear) | set;
	__atomic_store_n(&switches[index], state, __ATOMIC_SEQ_CST);
}

/* The kernel program first: it stops at once. `hits` and `cost_ns` are what is told of these probes. */
static void give_up(uint32_t entry, int returns, double hits, double cost_ns, int64_t now)
{
	double seconds = (double)(now - mark_before_ns) / 1e9;
	set_switch(entry, 0, PL_SWITCH_NO_ENDS);
	for (uint32_t i = entry; i < probe_count; i++) {
		if (probes[i].role == WATCH || probes[i].entry != entry || (returns && probes[i].role != RETURN))
			continue;
		probes[i].gone = 1;
		set_switch(i, 0, PL_SWITCH_OFF);
	}
	tell[to_tell_count++] = (struct told){entry, returns, hits / seconds, cost_ns / 1e9 / seconds, now};
}

/* Clears what a change of links takes, and sets what it takes next. */
static void switch_links(const struct held *held, uint64_t set)
{
	const uint64_t clear = PL_SWITCH_LINKING | PL_SWITCH_OVER | PL_SWITCH_ODD | ~0ull << PL_SWITCH_CHANGE;
	for (uint32_t i = 0; i < held->sites; i++)
		set_switch(sites[held->first_site + i].index, clear, set);
}

/* Lets go of the probes of a link that are gone, and of no other. */
static void release(struct held *held)
{
	struct held rest = *held;
	struct site *own = &sites[held->first_site];
	rest.sites = 0;
	for (uint32_t i = 0; i < held->sites; i++)
		if (!probes[own[i].index].gone)
			own[rest.sites++] = own[i];
	if (rest.sites == held->sites)
		return;
	if (rest.sites > 0) {
		rest.odd = !held->odd;
		uint64_t common = (uint64_t)++change << PL_SWITCH_CHANGE | (rest.odd ? PL_SWITCH_ODD : 0);
		switch_links(&rest, common | PL_SWITCH_LINKING);
		rest.link = multi_link(&rest);
		/* Where it cannot be made, the process is gone, or the rest goes, too: the target comes first. */
		switch_links(&rest, rest.link < 0 ? 0 : common | PL_SWITCH_OVER);
	} else {
		rest.link = -1;
	}
	/* What ends a call goes last, also when this process ends: by the numbers of the descriptors, from above. */
	if (rest.link >= 0 && dup2(rest.link, held->link) >= 0) {
		close(rest.link);
		rest.link = held->link;
		switch_links(&rest, 0);
	} else {
		close(held->link);
	}
	*held = rest;
}

/* Where the rest of a link could not be linked anew: those probes are gone, and it is told. */
static void tell_lost(const struct held *held, int64_t now)
{
	for (uint32_t i = 0; held->link < 0 && i < held->sites; i++) {
		const struct probe *probe = &probes[sites[held->first_site + i].index];
		if (!probe->gone && probe->role != WATCH)
			give_up(probe->entry, probe->role == RETURN, hits_lately(probe),
				hits_lately(probe) * probe->cost_ns, now);
	}
}

/* All that can be given up, with what it has cost lately; gives how many. */
static uint32_t list_candidates(struct candidate *candidates, double *return_hits)
{
	static double returns_ns[MAX_SITES];
	uint32_t count = 0;
	memset(returns_ns, 0, sizeof(returns_ns));
	memset(return_hits, 0, sizeof(returns_ns));
	for (uint32_t i = 0; i < probe_count; i++) {
		const struct probe *probe = &probes[i];
		if (probe->gone || probe->role != RETURN)
			continue;
		return_hits[probe->entry] += hits_lately(probe);
		returns_ns[probe->entry] += hits_lately(probe) * probe->cost_ns;
	}
	for (uint32_t i = 0; i < probe_count; i++) {
		const struct probe *probe = &probes[i];
		if (probe->gone || (probe->role != ENTRY && probe->role != ENTRY_THAT_PARKS))
			continue;
		count += candidates_of(i, hits_lately(probe) * probe->cost_ns, returns_ns[i],
				       probe->role == ENTRY_THAT_PARKS, &candidates[count]);
	}
	return count;
}

static void reduce(int64_t now)
{
	static struct candidate candidates[2 * MAX_SITES];
	static double return_hits[MAX_SITES];
	uint32_t count = list_candidates(candidates, return_hits);
	double elapsed_ns = (double)(now - mark_before_ns), heaviest_ns = 0;
	for (uint32_t i = 0; i < count; i++)
		if (candidates[i].weight_ns > heaviest_ns)
			heaviest_ns = candidates[i].weight_ns;
	if (own_row)
		own_row->weight = heaviest_ns / elapsed_ns;
	/* Others learn first what this one's weigh, and this one what theirs do. */
	if (is_shared(now) && (waits == 0 || (is_heavier_elsewhere(now) && waits < MOST_WAITS))) {
		waits++;
		return;
	}
	waits = 0;
	double total_ns = governor_cost_since(&governor, mark_before_ns);
	double excess_ns = excess(total_ns, elapsed_ns, governor.budget, cpu_count, governor.alarmed);
	uint32_t chosen = choose(candidates, count, excess_ns);
	for (uint32_t i = 0; i < chosen; i++) {
		uint32_t entry = candidates[i].entry;
		int returns = candidates[i].returns;
		give_up(entry, returns, returns ? return_hits[entry] : hits_lately(&probes[entry]),
			candidates[i].gain_ns, now);
	}
	if (chosen == 0)
		return;
	if (own_row)
		own_row->removals++;
	for (uint32_t i = 0; i < link_count; i++) {
		if (links[i].link < 0)
			continue;
		release(&links[i]);
		tell_lost(&links[i], now);
	}
	count_hits();
	int64_t then = monotonic_ns();
	governor_removed(&governor, then);
	mark_all(then);
}

static void write_told(void)
{
	char line[128];
	for (; told_count < to_tell_count; told_count++) {
		const struct told *one = &tell[told_count];
		int length = snprintf(line, sizeof(line), "removed %u %s %.0f %.0f %lld\n", one->entry,
				      one->returns ? "returns" : "calls", one->rate * 1e3, one->cost * 1e6,
				      (long long)one->time_ns);
		/* Shorter than PIPE_BUF: whole or not at all. */
		if (write(STDOUT_FILENO, line, length) < 0)
			return;
	}
}

/* Gives the milliseconds until it wants to be called again. */
static int govern(void)
{
	int64_t now = monotonic_ns();
	if (now >= next_look_ns) {
		int removed_elsewhere;
		double cost_ns = count_hits();
		if (own_row) {
			own_row->cost_ns += cost_ns;
			own_row->looked_ns = now;
		}
		int too_much = governor_look(&governor, now, cost_ns + others_cost(now, &removed_elsewhere));
		if (removed_elsewhere) {
			too_much = 0;
			governor_removed(&governor, now);
			mark_all(now);
		}
		if (too_much) {
			reduce(now);
		} else {
			forget_weight();
			mark(now);
		}
		int64_t then = monotonic_ns();
		int64_t pause_ns = too_much ? 0 : LOOK_SHARE * (then - now);
		next_look_ns = then + (pause_ns > LOOK_EVERY_NS ? pause_ns : LOOK_EVERY_NS);
		now = then;
	}
	write_told();
	return (int)((next_look_ns - now) / 1000000) + 1;
}

#endif
