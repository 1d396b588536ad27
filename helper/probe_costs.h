/* SPDX-License-Identifier: MIT */
/*
 * What each probe has cost, from the counters that the kernel program writes: hits times what one takes with its trap,
 * and what the program has measured or counted beside that (walks of deep plans, signals for float registers).
 */
#ifndef PROBELENS_PROBE_COSTS_H
#define PROBELENS_PROBE_COSTS_H

/* struct pl_counters, bpf/probelens.h */
#define PL_COUNTER_WORDS 10
enum { EMITTED = 0, DROPPED = 3, UNPAIRED = 4, SPENT_NS = 8, SIGNALS = 9 };

/* What a probe has cost lately is taken from its hits since the last mark but one. */
#define MARK_EVERY_NS 300000000
#define MAX_CPUS 8192

enum role { WATCH = 0, ENTRY = 1, RETURN = 2, ENTRY_THAT_PARKS = 3, UNWINDER = 4 };

struct tally {
	uint64_t hits;
	uint64_t captures; /* hits whose record was made */
	double capture_ns;
};

struct probe {
	uint32_t entry;	     /* index of its function's entry probe */
	uint32_t cost_ns;    /* of a hit, without what `tally` has */
	uint32_t capture_ns; /* of one that is captured, beside what its program measures */
	enum role role;
	int gone;
	int thinned;
	struct tally now, marked, marked_before;
	struct tally at_flood; /* when it began */
};

static struct probe probes[MAX_SITES];
static uint32_t probe_count, cpu_count, signal_ns;
static const volatile uint64_t *counters;
static int64_t mark_ns, mark_before_ns;
/* What has led to a removal weighs on in those that follow it: a target that hardly moves tells little more. Longer ago
 * than this it does not. 0: nothing is known. */
#define MOST_FLOOD_NS 3000000000LL
static int64_t flood_ns;
/* CPU time that the target had used then. */
static int64_t used_marked_ns, used_marked_before_ns;
static int target_pid; /* 0 and below: many, or not known */

static double cost_of(const struct probe *probe, const struct tally *tally)
{
	return (double)tally->hits * probe->cost_ns + tally->capture_ns;
}

static void read_tally(uint32_t index, struct tally *tally)
{
	uint64_t words[PL_COUNTER_WORDS] = {0};
	for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
		for (uint32_t word = 0; word < PL_COUNTER_WORDS; word++)
			words[word] += counters[((size_t)cpu * probe_count + index) * PL_COUNTER_WORDS + word];
	tally->hits = 0;
	/* emitted, filtered, throttled, dropped, unpaired: each hit is one of them. */
	for (uint32_t word = EMITTED; word <= UNPAIRED; word++)
		tally->hits += words[word];
	tally->captures = words[EMITTED] + words[DROPPED];
	tally->capture_ns = (double)words[SPENT_NS] + (double)words[SIGNALS] * signal_ns +
			    (double)words[EMITTED] * probes[index].capture_ns;
}

/* Takes all hits; gives nanoseconds that those since the last look have cost. */
static double count_hits(void)
{
	double cost_ns = 0;
	for (uint32_t i = 0; i < probe_count; i++) {
		struct probe *probe = &probes[i];
		struct tally now;
		if (probe->gone || probe->role == WATCH)
			continue;
		read_tally(i, &now);
		/* A count that is moved from one place to another is read twice, or not, for a moment. */
		if (now.hits < probe->now.hits)
			now.hits = probe->now.hits;
		if (now.captures < probe->now.captures)
			now.captures = probe->now.captures;
		cost_ns += cost_of(probe, &now) - cost_of(probe, &probe->now);
		probe->now = now;
	}
	return cost_ns;
}

/* CPU time of the target up to now; 0: not known. */
static int64_t target_used_ns(void)
{
	struct timespec used;
	/* As clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED of a process. */
	clockid_t clock = ~(clockid_t)target_pid << 3 | 2;
	if (target_pid <= 0 || clock_gettime(clock, &used) < 0)
		return 0;
	return used.tv_sec * 1000000000LL + used.tv_nsec;
}

static void mark(int64_t now)
{
	if (now - mark_ns < MARK_EVERY_NS)
		return;
	mark_before_ns = mark_ns;
	mark_ns = now;
	used_marked_before_ns = used_marked_ns;
	used_marked_ns = target_used_ns();
	for (uint32_t i = 0; i < probe_count; i++) {
		probes[i].marked_before = probes[i].marked;
		probes[i].marked = probes[i].now;
	}
}

/* From here on. */
static void mark_all(int64_t now)
{
	mark_ns = mark_before_ns = now;
	used_marked_ns = used_marked_before_ns = target_used_ns();
	for (uint32_t i = 0; i < probe_count; i++)
		probes[i].marked = probes[i].marked_before = probes[i].now;
}

static struct tally since(const struct probe *probe, const struct tally *from)
{
	return (struct tally){probe->now.hits - from->hits, probe->now.captures - from->captures,
			      probe->now.capture_ns - from->capture_ns};
}

static struct tally lately(const struct probe *probe) { return since(probe, &probe->marked_before); }

static double cost_lately(const struct probe *probe)
{
	struct tally all = lately(probe);
	return cost_of(probe, &all);
}

static double own_cost_lately(void)
{
	double cost_ns = 0;
	for (uint32_t i = 0; i < probe_count; i++)
		if (!probes[i].gone && probes[i].role != WATCH)
			cost_ns += cost_lately(&probes[i]);
	return cost_ns;
}

/* The flood is what there was lately; unless it has begun before, and is not over. */
static void flood_begins(int goes_on, int64_t now)
{
	if (goes_on && flood_ns > 0 && now - flood_ns < MOST_FLOOD_NS)
		return;
	flood_ns = mark_before_ns;
	for (uint32_t i = 0; i < probe_count; i++)
		probes[i].at_flood = probes[i].marked_before;
}

static struct tally in_flood(const struct probe *probe) { return since(probe, &probe->at_flood); }

static double cost_in_flood(const struct probe *probe)
{
	struct tally all = in_flood(probe);
	return cost_of(probe, &all);
}

/* What the target has used of its CPUs lately; where that is not known, as if it were one thread. */
static double used_lately(double elapsed_ns)
{
	int64_t used_ns = target_used_ns() - used_marked_before_ns;
	return used_marked_before_ns > 0 && used_ns > 0 ? (double)used_ns : elapsed_ns;
}

#endif
