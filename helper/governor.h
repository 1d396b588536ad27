/* SPDX-License-Identifier: MIT */
/*
 * What probes cost their target, whether that is too much, and which of them go: arithmetic alone, without a clock and
 * without a system call (test/unit/helper/governor.test.ts). holder.c looks at the counters and does what is decided.
 *
 * Cost is hits times what one hit takes at that kind of site, in nanoseconds of the target's threads; a budget of 0.05
 * is 50 ms of that in each second. A burst is forgiven: too much is
 *
 * - more than the budget in each of the last five periods of 190 ms, as long as it goes on; or
 * - BURST_NS beyond the budget, however they came about: several threads at once, or again and again.
 *
 * So a flood is noticed within 1.1 s, and over a long time the average is the budget's. Once probes were given up, less
 * is enough: what the budget gives in ALARM_NS, or three such periods. A target that runs faster without them may call
 * the others more often; how much more is measured (governor_growth). A second within the budget ends that.
 *
 * Patience is for functions that somebody named. What a pattern found, hundreds and thousands of them, is captured from
 * the first call, too (it may be the only one), but begins with less of a burst: see governor_start.
 */
#ifndef PROBELENS_GOVERNOR_H
#define PROBELENS_GOVERNOR_H

#include <stdint.h>
#include <stdlib.h>

/* Some 80 000 hits that are single-stepped on a slow host, or more than a million that are emulated. */
#define BURST_NS 1e9
#define PERIODS 5
#define PERIOD_NS 190000000
/* Some servers do in a tenth of a second what they do in a whole one. */
#define ALARM_NS 1200000000
#define ALARM_PERIODS 3
#define ALARM_LOOK_NS 50000000
#define CALM_NS 1000000000
/* What is left of the burst for those that stay: they did not use it up. */
#define BURST_OF_THE_REST_NS (BURST_NS / 2)
/* A trace that begins when others have just spent the burst of their common target has this, and one of thousands of
 * functions. */
#define LEAST_BURST_NS (BURST_NS / 10)
/* With more functions the burst is as much smaller. src/protocol/budget.ts has the same number. */
#define FEW_FUNCTIONS 100
/* Between two looks: no longer than it takes all CPUs to use up the burst, within these. */
#define LOOK_EVERY_NS 100000000
#define LOOK_SOONEST_NS 20000000
/* Looks that are remembered: more than PERIODS periods of those that come soonest. */
#define LOOKS 64

struct look {
	int64_t time_ns;
	double cost_ns; /* up to then */
};

struct governor {
	double budget; /* cores */
	double burst_ns;
	double debt_ns;	 /* how much of BURST_NS is spent in truth, also by those that went */
	int alarmed;	 /* something was done lately, and there was no second within the budget since */
	double alarm_ns; /* then: what is left of the budget of ALARM_NS */
	double kept;	 /* cores: what those that stayed had cost before the last removal; 0: not known */
	uint32_t functions;
	int64_t over_ns; /* the last look above the budget */
	uint32_t looks;
	struct look look[LOOKS];
};

static int are_few(const struct governor *g) { return g->functions <= FEW_FUNCTIONS; }

/* `debt_ns`: what earlier probes of the target have left. */
static void governor_start(struct governor *g, double budget, uint32_t functions, int64_t now_ns, double debt_ns)
{
	g->budget = budget;
	g->functions = functions;
	g->debt_ns = debt_ns;
	g->burst_ns = (are_few(g) ? BURST_NS : BURST_NS * FEW_FUNCTIONS / functions) - debt_ns;
	if (g->burst_ns < LEAST_BURST_NS)
		g->burst_ns = LEAST_BURST_NS;
	g->alarmed = 0;
	g->kept = 0;
	g->over_ns = now_ns;
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

static double debt_within(double debt_ns) { return debt_ns < 0 ? 0 : debt_ns > BURST_NS ? BURST_NS : debt_ns; }

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
	g->debt_ns = debt_within(g->debt_ns - spare_ns);
	if (spare_ns < 0)
		g->over_ns = now_ns;
	if (g->burst_ns < 0)
		return 1;
	if (now_ns - g->over_ns >= CALM_NS) {
		g->alarmed = 0;
		g->kept = 0;
	}
	if (g->alarmed) {
		double most_ns = g->budget * ALARM_NS;
		g->alarm_ns = g->alarm_ns + spare_ns < most_ns ? g->alarm_ns + spare_ns : most_ns;
		if (g->alarm_ns < 0)
			return 1;
	}
	for (int period = 0; period < (g->alarmed ? ALARM_PERIODS : PERIODS) && spare_ns < 0; period++)
		if (!over(g, look_at(g, now_ns - (period + 1) * PERIOD_NS), look_at(g, now_ns - period * PERIOD_NS)))
			return 0;
	return spare_ns < 0;
}

/* Until the next look. */
static int64_t governor_pause_ns(const struct governor *g, uint32_t cpus)
{
	double used_up_ns = g->burst_ns / cpus;
	if (g->alarmed)
		return ALARM_LOOK_NS;
	return used_up_ns < LOOK_SOONEST_NS ? LOOK_SOONEST_NS
	       : used_up_ns > LOOK_EVERY_NS ? LOOK_EVERY_NS
					    : (int64_t)used_up_ns;
}

/* What all have cost since then. */
static double governor_cost_since(const struct governor *g, int64_t time_ns)
{
	const struct look *from = look_at(g, time_ns);
	return from ? g->look[(g->looks - 1) % LOOKS].cost_ns - from->cost_ns : 0;
}

/* Where no CPU time seems to be left, and where the rest was hardly called before; with more functions than these as
 * much as there are: what the target does calls most of them, and each is slowed. */
#define MOST_SPEED_UP 50

/* A hit was measured with warm caches, on a CPU of its own. Among others it takes more. */
#define AMONG_OTHERS 1.5

static double unslowed(double trapped_share, uint32_t functions)
{
	double most = functions > MOST_SPEED_UP ? functions : MOST_SPEED_UP;
	return trapped_share < 1 - 1 / most ? 1 / (1 - trapped_share) : most;
}

/*
 * How much more often the rest is called once a target runs freely that spent `total_ns` in traps, of `used_ns` of CPU
 * time. What is called beside a flood, and not by it, is not called more often without it, so what the machine's CPUs
 * lack counts; and, if that is more, the growth that was measured when others went, as far as this target's traps can
 * be the reason: a server of which every function of the runtime was traced ran 500 times as fast without, and so did,
 * one after the other, what was still traced. One that waits for its clients has bursts all the same.
 */
static double speed_up(double total_ns, double elapsed_ns, uint32_t cpus, double used_ns, double growth,
		       uint32_t functions)
{
	double of_machine = unslowed(total_ns / elapsed_ns / cpus, functions);
	double of_target = unslowed(AMONG_OTHERS * total_ns / used_ns, functions);
	double of_growth = growth < of_target ? growth : of_target;
	return of_growth > of_machine ? of_growth : of_machine;
}

/* Since the last removal, how many times what the rest had cost before; 1 where that is not known. */
static double governor_growth(const struct governor *g)
{
	const struct look *first = &g->look[0], *last = &g->look[(g->looks - 1) % LOOKS];
	/* Longer ago than all looks that are remembered it does not matter any more. */
	if (!g->alarmed || g->kept <= 0 || g->looks < 2 || g->looks > LOOKS)
		return 1;
	return last->cost_ns / (double)(last->time_ns - first->time_ns) / g->kept;
}

/* What has to be saved of `total_ns`, which probes have cost in `elapsed_ns`. */
static double excess(double total_ns, double elapsed_ns, double budget, double times)
{
	return total_ns - budget * elapsed_ns / times;
}

/*
 * Instead of giving probes up, capturing less: where hits without it would take half of the budget at the most, what
 * captures may take of it is half of the rest; 0: that does not suffice. `kept_ns` is what hits and others' probes take
 * in any case.
 */
static double room_for_captures(double kept_ns, double elapsed_ns, double budget, double times)
{
	double rest_ns = budget * elapsed_ns - kept_ns * times;
	return rest_ns > budget * elapsed_ns / 2 ? rest_ns / 2 : 0;
}

/* What each may take at the most, so that all together take no more than the room. */
static double fair_share(const double *wanted, uint32_t count, double room)
{
	double share = room / count, before = 0;
	/* It only grows; whenever it stops there is room left, never too little. */
	for (int round = 0; round < 20 && share > before; round++) {
		double rest = room;
		uint32_t larger = 0;
		for (uint32_t i = 0; i < count; i++) {
			if (wanted[i] <= share)
				rest -= wanted[i];
			else
				larger++;
		}
		before = share;
		if (larger > 0)
			share = rest / larger;
	}
	return share;
}

/* Some have gone, elsewhere or of these, or less is captured: what was spent is no measure of the rest. `kept`: cores
 * that these have cost before; 0: not known. */
static void governor_removed(struct governor *g, int64_t now_ns, double kept)
{
	g->alarmed = 1;
	g->alarm_ns = g->budget * ALARM_NS;
	g->kept = kept;
	g->over_ns = now_ns;
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
