/* SPDX-License-Identifier: MIT */
/*
 * The holder's bound on what its probes cost (governor.h): reads the counters that the kernel program writes, and lets
 * go of probes. It asks nobody, so it also works while helper and peer are stopped.
 *
 * Where hits alone are well within the budget and what is captured of them is not, less is captured: the kernel program
 * gets a rate at which it may capture a function, and counts the others as throttled. Else probes go. One
 * function's returns, or its calls, are one decision (relink.h).
 *
 * Other holders of the same target's probes share its budget (ledger.h).
 *
 * For each decision standard output has one line:
 *
 *   removed INDEX returns|calls RATE COST TIME
 *   thinned INDEX INTERVAL RATE COST TIME
 *
 * with the entry probe's index, nanoseconds between two captures, thousandths of hits a second and millionths of a core
 * (of these probes, before they were removed; of the function's captures), and CLOCK_MONOTONIC in nanoseconds. A helper
 * that does not read gets them later. What watches for unwound calls is a function of its own here.
 */
#ifndef PROBELENS_HOLDER_GOVERNOR_H
#define PROBELENS_HOLDER_GOVERNOR_H

#include "probe_costs.h"
#include "relink.h"

/* With so many counters that a look takes long, the next one is so many times as far, so that looking takes 5 % of a
 * core at most. */
#define LOOK_SHARE 20

/* A line that is to be written. */
struct told {
	uint32_t entry;
	enum { CALLS, RETURNS, THINNED } what;
	double rate, cost;
	int64_t interval_ns; /* THINNED */
	int64_t time_ns;
};

static int governed;
static uint64_t target;
static uint32_t function_count;
static struct governor governor;
static int64_t next_look_ns;
/* Of a function its returns, its calls, and that it was thinned. */
static struct told tell[3 * MAX_SITES];
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
	function_count = number(0, INT32_MAX);
	probe_count = number(1, MAX_SITES);
	cpu_count = number(1, MAX_CPUS);
	int counter_map = number(4, INT32_MAX), switch_map = number(4, INT32_MAX);
	int ledger_file = number(4, INT32_MAX);
	signal_ns = number(0, INT32_MAX);
	ledger = mmap(NULL, LEDGER_ROWS * sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, ledger_file, 0);
	close(ledger_file);
	if (ledger == MAP_FAILED)
		ledger = NULL;
	size_t per_probe = PL_COUNTER_WORDS * sizeof(uint64_t);
	counters = map_memory(counter_map, (size_t)cpu_count * probe_count * per_probe);
	switches = map_memory(switch_map, probe_count * sizeof(*switches));
	for (uint32_t i = 0; i < probe_count; i++) {
		probes[i].role = number(WATCH, UNWINDER);
		probes[i].entry = number(0, probe_count - 1);
		probes[i].cost_ns = number(0, INT32_MAX);
		probes[i].capture_ns = number(0, INT32_MAX);
	}
}

/* By how much the clock of this time namespace is ahead of the kernel's, which all holders and BPF programs share. */
static int64_t clock_ahead_ns(void)
{
	long long seconds = 0, nanoseconds = 0;
	FILE *offsets = fopen("/proc/self/timens_offsets", "r");
	if (!offsets)
		return 0;
	if (fscanf(offsets, "monotonic %lld %lld", &seconds, &nanoseconds) != 2)
		seconds = nanoseconds = 0;
	fclose(offsets);
	return seconds * 1000000000LL + nanoseconds;
}

static int64_t monotonic_ns(void)
{
	static int64_t ahead_ns;
	static int known;
	struct timespec now;
	if (!known) {
		ahead_ns = clock_ahead_ns();
		known = 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec - ahead_ns;
}

/* From the first link on they cost: making thousands under a target that hits them takes a while. */
static void start_governing(int pid)
{
	if (!governed)
		return;
	int64_t now = next_look_ns = monotonic_ns();
	governor_start(&governor, governor.budget, function_count, now, take_row(target, governor.budget, now));
	target_pid = pid;
	mark_all(now);
}

/* The kernel program first: it stops at once. `hits` and `cost_ns` are what is told of these probes. */
static void give_up(uint32_t entry, int returns, double hits, double cost_ns, int64_t now)
{
	double seconds = (double)(now - flood_ns) / 1e9;
	set_switch(entry, 0, PL_SWITCH_NO_ENDS);
	for (uint32_t i = entry; i < probe_count; i++) {
		if (probes[i].role == WATCH || probes[i].entry != entry || (returns && probes[i].role != RETURN))
			continue;
		probes[i].gone = 1;
		set_switch(i, 0, PL_SWITCH_OFF);
	}
	tell[to_tell_count++] = (struct told){.entry = entry,
					      .what = returns ? RETURNS : CALLS,
					      .rate = hits / seconds,
					      .cost = cost_ns / 1e9 / seconds,
					      .time_ns = now};
}

/* Probes that are gone are let go of; and where the rest of a link could not be linked anew, so are that rest's. */
static void release(int64_t now)
{
	static unsigned char changed[MAX_SITES];
	release_gone(changed);
	int lost = 0;
	for (uint32_t i = 0; i < link_count; i++) {
		for (uint32_t j = 0; changed[i] && links[i].link < 0 && j < links[i].sites; j++) {
			const struct probe *probe = &probes[sites[links[i].first_site + j].index];
			if (probe->gone || probe->role == WATCH)
				continue;
			give_up(probe->entry, probe->role == RETURN, in_flood(probe).hits, cost_in_flood(probe), now);
			lost = 1;
		}
	}
	/* What else they had, in other links. */
	if (lost)
		release_gone(changed);
}

/* All that can be given up, with what it has cost in the flood; gives how many. */
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
		return_hits[probe->entry] += (double)in_flood(probe).hits;
		returns_ns[probe->entry] += cost_in_flood(probe);
	}
	for (uint32_t i = 0; i < probe_count; i++) {
		const struct probe *probe = &probes[i];
		if (probe->gone || probe->role == WATCH || probe->role == RETURN)
			continue;
		count += candidates_of(i, cost_in_flood(probe), returns_ns[i], probe->role == ENTRY_THAT_PARKS,
				       &candidates[count]);
	}
	return count;
}

/* Captures less where that suffices; gives whether it does. */
static int thin(double total_ns, double elapsed_ns, double times, int64_t now)
{
	static double capture_ns[MAX_SITES], wanted[MAX_SITES];
	static uint32_t entries[MAX_SITES];
	uint32_t count = 0;
	double all_ns = 0;
	memset(capture_ns, 0, sizeof(capture_ns));
	/* A call that is not captured has no return that is. */
	for (uint32_t i = 0; i < probe_count; i++)
		if (!probes[i].gone && probes[i].role != WATCH)
			capture_ns[probes[i].entry] += lately(&probes[i]).capture_ns;
	for (uint32_t i = 0; i < probe_count; i++) {
		const struct probe *probe = &probes[i];
		/* Whether a call that waits for its return is captured is decided before anything could thin it. */
		if (probe->gone || probe->role != ENTRY || probe->thinned || lately(probe).captures == 0)
			continue;
		entries[count] = i;
		wanted[count++] = capture_ns[i] * times;
		all_ns += capture_ns[i];
	}
	double room_ns = room_for_captures(total_ns - all_ns, elapsed_ns, governor.budget, times);
	if (room_ns == 0 || all_ns == 0)
		return 0;
	double share_ns = fair_share(wanted, count, room_ns);
	int thinned = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct probe *probe = &probes[entries[i]];
		if (wanted[i] <= share_ns)
			continue;
		struct tally since = lately(probe);
		double one_ns = capture_ns[entries[i]] / (double)since.captures;
		int64_t interval_ns = (int64_t)(one_ns * elapsed_ns / share_ns);
		switches[entries[i]].interval_ns = interval_ns;
		probe->thinned = thinned = 1;
		tell[to_tell_count++] = (struct told){.entry = entries[i],
						      .what = THINNED,
						      .rate = (double)since.hits / elapsed_ns * 1e9,
						      .cost = capture_ns[entries[i]] / elapsed_ns,
						      .interval_ns = interval_ns,
						      .time_ns = now};
	}
	return thinned;
}

/* Gives what those that go have cost in the flood; 0: none goes. */
static double remove_some(struct candidate *candidates, uint32_t count, const double *return_hits, double excess_ns,
			  int64_t now)
{
	uint32_t chosen = choose(candidates, count, excess_ns);
	double saved_ns = 0;
	for (uint32_t i = 0; i < chosen; i++) {
		saved_ns += candidates[i].gain_ns;
		uint32_t entry = candidates[i].entry;
		int returns = candidates[i].returns;
		double hits = returns ? return_hits[entry] : (double)in_flood(&probes[entry]).hits;
		give_up(entry, returns, hits, candidates[i].gain_ns, now);
	}
	if (chosen > 0)
		release(now);
	return saved_ns;
}

static void reduce(int64_t now)
{
	static struct candidate candidates[2 * MAX_SITES];
	static double return_hits[MAX_SITES];
	flood_begins(governor.alarmed, now);
	uint32_t count = list_candidates(candidates, return_hits);
	double flooded_ns = (double)(now - flood_ns), heaviest_ns = 0, flood_cost_ns = 0;
	for (uint32_t i = 0; i < count; i++) {
		flood_cost_ns += candidates[i].gain_ns;
		if (candidates[i].weight_ns > heaviest_ns)
			heaviest_ns = candidates[i].weight_ns;
	}
	if (waits_for_others(heaviest_ns / flooded_ns, now))
		return;
	double elapsed_ns = (double)(now - mark_before_ns);
	double total_ns = governor_cost_since(&governor, mark_before_ns);
	double own_ns = own_cost_lately();
	double others_share = (total_ns - own_ns) / elapsed_ns;
	double times = speed_up(total_ns, elapsed_ns, cpu_count, used_lately(elapsed_ns), governor_growth(&governor),
				governor.functions);
	/* The flood has begun before others went: what is left costs more now than in all of it. */
	double grown = own_ns / elapsed_ns / (flood_cost_ns / flooded_ns);
	double all_ns = flood_cost_ns + others_share * flooded_ns;
	double excess_ns = excess(all_ns, flooded_ns, governor.budget, grown > 1 ? times * grown : times);
	int thinned = thin(total_ns, elapsed_ns, times, now);
	double saved_ns = thinned ? 0 : remove_some(candidates, count, return_hits, excess_ns, now);
	if (!thinned && saved_ns == 0)
		return;
	if (own_row)
		own_row->removals++;
	count_hits();
	int64_t then = monotonic_ns();
	governor_removed(&governor, then, thinned ? 0 : (all_ns - saved_ns) / flooded_ns);
	mark_all(then);
	/* What was captured before is no measure of what will be. */
	if (thinned)
		flood_ns = 0;
}

static int tell_length(const struct told *one, char *line, size_t size)
{
	int length =
	    one->what == THINNED
		? snprintf(line, size, "thinned %u %lld", one->entry, (long long)one->interval_ns)
		: snprintf(line, size, "removed %u %s", one->entry, one->what == RETURNS ? "returns" : "calls");
	return length + snprintf(line + length, size - length, " %.0f %.0f %lld\n", one->rate * 1e3, one->cost * 1e6,
				 (long long)one->time_ns);
}

static void write_told(void)
{
	char line[160];
	for (; told_count < to_tell_count; told_count++) {
		/* Shorter than PIPE_BUF: whole or not at all. */
		if (write(STDOUT_FILENO, line, tell_length(&tell[told_count], line, sizeof(line))) < 0)
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
		int too_much = governor_look(&governor, now, cost_ns + others_cost(now, &removed_elsewhere));
		tell_others(now, cost_ns, governor.debt_ns);
		if (removed_elsewhere) {
			too_much = 0;
			governor_removed(&governor, now, 0);
			mark_all(now);
		}
		if (too_much) {
			reduce(now);
		} else {
			forget_weight();
			mark(now);
		}
		int64_t then = monotonic_ns();
		int64_t rest_ns = too_much ? 0 : LOOK_SHARE * (then - now);
		int64_t pause_ns = governor_pause_ns(&governor, cpu_count);
		next_look_ns = then + (rest_ns > pause_ns ? rest_ns : pause_ns);
		now = then;
	}
	write_told();
	return (int)((next_look_ns - now) / 1000000) + 1;
}

#endif
