/* SPDX-License-Identifier: MIT */
/*
 * What probes cost their target, whether that is too much, and which of them go: arithmetic alone, without a clock and
 * without a system call (test/unit/helper/governor.test.ts). holder.c looks at the counters and does what is decided.
 *
 * Cost is hits times what one hit takes at that kind of site, in nanoseconds of the target's threads; a budget of 0.05
 * is 50 ms of that in each second. A burst is forgiven: too much is
 *
 * - more than the budget in each of the last six periods of 220 ms, as long as it goes on; or
 * - BURST_NS beyond the budget, however they came about: several threads at once, or again and again.
 *
 * So a flood is noticed within 1.4 s, and over a long time the average is the budget's. Once probes were given up,
 * three periods of 100 ms are enough: a target that runs faster without them may call the others more often.
 */
#ifndef PROBELENS_GOVERNOR_H
#define PROBELENS_GOVERNOR_H

#include <stdint.h>
#include <stdlib.h>

/* Some 100 000 hits that are single-stepped on a slow host, or more than a million that are emulated. */
#define BURST_NS 1.25e9
#define PERIODS 6
#define PERIOD_NS 220000000
#define ALARMED_PERIODS 3
#define ALARMED_PERIOD_NS 100000000
/* What is left of the burst for those that stay: they did not use it up. */
#define BURST_OF_THE_REST_NS (BURST_NS / 2)
/* Looks that are remembered: more than PERIODS periods of those that come 100 ms apart. */
#define LOOKS 32

struct look {
	int64_t time_ns;
	double cost_ns; /* up to then */
};

struct governor {
	double budget; /* cores */
	double burst_ns;
	int alarmed; /* removals since the last look within the budget */
	uint32_t looks;
	struct look look[LOOKS];
};

static void governor_start(struct governor *g, double budget, int64_t now_ns)
{
	g->budget = budget;
	g->burst_ns = BURST_NS;
	g->alarmed = 0;
	g->looks = 1;
	g->look[0] = (struct look){now_ns, 0};
}

/* The last look up to that time; NULL where it is too long ago. */
static const struct look *look_at(const struct governor *g, int64_t time_ns)
{
	uint32_t known = g->looks < LOOKS ? g->looks : LOOKS;
	for (uint32_t back = 1; back <= known; back++) {
		const struct look *look = &g->look[(g->looks - back) % LOOKS];
		if (look->time_ns <= time_ns)
			return look;
	}
	return NULL;
}

static int over(const struct governor *g, const struct look *from, const struct look *to)
{
	/* Of a period without a look nothing is known. */
	return from && to &&
	       (from == to || to->cost_ns - from->cost_ns > g->budget * (double)(to->time_ns - from->time_ns));
}

/* Takes what all probes have cost since the look before; says whether some have to go. */
static int governor_look(struct governor *g, int64_t now_ns, double cost_ns)
{
	const struct look *last = &g->look[(g->looks - 1) % LOOKS];
	int64_t elapsed_ns = now_ns - last->time_ns;
	if (elapsed_ns <= 0)
		return 0;
	struct look now = {now_ns, last->cost_ns + cost_ns};
	g->look[g->looks++ % LOOKS] = now;
	double spare_ns = g->budget * (double)elapsed_ns - cost_ns;
	g->burst_ns += spare_ns;
	if (g->burst_ns > BURST_NS)
		g->burst_ns = BURST_NS;
	if (g->burst_ns < 0)
		return 1;
	if (spare_ns >= 0) {
		g->alarmed = 0;
		return 0;
	}
	int64_t period_ns = g->alarmed ? ALARMED_PERIOD_NS : PERIOD_NS;
	int periods = g->alarmed ? ALARMED_PERIODS : PERIODS;
	for (int period = 0; period < periods; period++)
		if (!over(g, look_at(g, now_ns - (period + 1) * period_ns), look_at(g, now_ns - period * period_ns)))
			return 0;
	return 1;
}

/* What all have cost since then. */
static double governor_cost_since(const struct governor *g, int64_t time_ns)
{
	const struct look *from = look_at(g, time_ns);
	return from ? g->look[(g->looks - 1) % LOOKS].cost_ns - from->cost_ns : 0;
}

/* Where no CPU time seems to be left. */
#define MOST_SPEED_UP 50
/*
 * Each time that a removal was not enough, four times as much: a server of which every function of the runtime was
 * traced ran 500 times as fast without, and so did, one after the other, what was still traced.
 */
#define MOST_ROUNDS 4
#define SPEED_UP_OF_ROUND 4

/*
 * What has to be saved of `total_ns`, which probes have cost in `elapsed_ns`. The rest is called more often once a
 * target that spent most of its CPUs' time in traps runs freely.
 */
static double excess(double total_ns, double elapsed_ns, double budget, uint32_t cpus, int rounds)
{
	double free_share = 1 - total_ns / elapsed_ns / cpus;
	double speed_up = free_share > 1.0 / MOST_SPEED_UP ? 1 / free_share : MOST_SPEED_UP;
	for (int round = 0; round < rounds; round++)
		speed_up *= SPEED_UP_OF_ROUND;
	return total_ns - budget * elapsed_ns / speed_up;
}

/* Some have gone: what they cost is no measure of the rest. */
static void governor_removed(struct governor *g, int64_t now_ns)
{
	if (g->alarmed < MOST_ROUNDS)
		g->alarmed++;
	g->looks = 1;
	g->look[0] = (struct look){now_ns, 0};
	if (g->burst_ns < BURST_OF_THE_REST_NS)
		g->burst_ns = BURST_OF_THE_REST_NS;
}

/* What may be given up at once: the returns of a function, or its calls. */
struct candidate {
	uint32_t entry; /* index of the entry probe */
	int returns;	/* these alone */
	double weight_ns;
	double gain_ns; /* what it saves in the time that was looked at */
};

/*
 * A function's candidates. Returns go before calls, so they bear the weight of both; where the condition of a call may
 * wait for its return (`parks`), neither is of use without the other. Gives the number of candidates.
 */
static int candidates_of(uint32_t entry, double calls_ns, double returns_ns, int parks, struct candidate *out)
{
	int count = 0;
	if (returns_ns > 0 && !parks)
		out[count++] = (struct candidate){entry, 1, calls_ns + returns_ns, returns_ns};
	double rest_ns = parks ? calls_ns + returns_ns : calls_ns;
	if (rest_ns > 0)
		out[count++] = (struct candidate){entry, 0, rest_ns, rest_ns};
	return count;
}

static int heavier(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;
	if (left->weight_ns != right->weight_ns)
		return left->weight_ns < right->weight_ns ? 1 : -1;
	if (left->entry != right->entry)
		return left->entry < right->entry ? -1 : 1;
	return right->returns - left->returns;
}

/* Puts first what has to go, the most expensive first, until `excess_ns` are saved; gives how many. */
static uint32_t choose(struct candidate *all, uint32_t count, double excess_ns)
{
	qsort(all, count, sizeof(*all), heavier);
	uint32_t chosen = 0;
	while (chosen < count && excess_ns > 0)
		excess_ns -= all[chosen++].gain_ns;
	return chosen;
}

#endif
