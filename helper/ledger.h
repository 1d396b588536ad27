/* SPDX-License-Identifier: MIT */
/*
 * What the probes of other holders cost the same target: one budget is for all. Holders share memory that the helper
 * opens (helper/ledger.ts), a row each, which nobody else writes. Each adds up all rows of its target, so all see the
 * same sum, and the one that holds the heaviest probes lets go of them.
 */
#ifndef PROBELENS_LEDGER_H
#define PROBELENS_LEDGER_H

/* helper/ledger.ts has the same number. A holder that finds no row is on its own. */
#define LEDGER_ROWS 512
/* A holder looks ten times a second; one that does not is stopped, or gone. */
#define ROW_ALIVE_NS 2000000000LL
/* Others that begin at the same moment may take the same one. */
#define MOST_ATTEMPTS 8
/* So long each one leaves the others to tell what theirs weigh: each has looked once. */
#define LEAST_WAIT_NS LOOK_EVERY_NS
/* And so long the holder of the heaviest probes is waited for: it may have come a moment ago. */
#define MOST_WAIT_NS 1000000000LL

struct row {
	uint32_t owner; /* pid of the holder; 0: free */
	uint32_t removals;
	uint64_t target; /* what the helper calls it; another one is another budget */
	int64_t looked_ns;
	double cost_ns; /* of its probes, from the beginning */
	double weight;	/* of its heaviest candidate, cores */
	double budget;
	double debt_ns; /* governor.h: what those that are gone have left for those that come */
	uint64_t unused;
};

static struct row *ledger, *own_row;
static double seen_cost_ns[LEDGER_ROWS];
static uint32_t seen_owner[LEDGER_ROWS], seen_removals[LEDGER_ROWS];
static int64_t waiting_since_ns; /* 0: it does not wait */

/* The file may be left from an earlier boot, whose clock was ahead of this one's. */
static int is_of_this_boot(const struct row *row, int64_t now) { return row->looked_ns < now + ROW_ALIVE_NS; }

static int alive(const struct row *row, int64_t now)
{
	return row->owner && is_of_this_boot(row, now) && now - row->looked_ns < ROW_ALIVE_NS;
}

/* What is left of the debts of the target's probes, gone or not. */
static double debt_of(uint64_t target, double budget, int64_t now)
{
	double most_ns = 0;
	for (uint32_t i = 0; ledger && i < LEDGER_ROWS; i++) {
		const struct row *row = &ledger[i];
		/* One of less budget is sooner in debt. */
		if (row->target != target || row->budget < budget || !is_of_this_boot(row, now))
			continue;
		double debt_ns = debt_within(row->debt_ns - budget * (double)(now - row->looked_ns));
		if (debt_ns > most_ns)
			most_ns = debt_ns;
	}
	return most_ns;
}

/* The free row that was used least recently: its debts matter least. */
static struct row *free_row(int64_t now)
{
	struct row *oldest = NULL;
	for (uint32_t i = 0; ledger && i < LEDGER_ROWS; i++) {
		struct row *row = &ledger[i];
		if (!is_of_this_boot(row, now))
			return row;
		if (!alive(row, now) && (!oldest || row->looked_ns < oldest->looked_ns))
			oldest = row;
	}
	return oldest;
}

/* Gives the debt to begin with. */
static double take_row(uint64_t target, double budget, int64_t now)
{
	double debt_ns = debt_of(target, budget, now);
	for (int attempt = 0; attempt < MOST_ATTEMPTS && !own_row; attempt++) {
		struct row *row = free_row(now);
		if (!row)
			break;
		int64_t looked_ns = row->looked_ns;
		if (!__atomic_compare_exchange_n(&row->looked_ns, &looked_ns, now, 0, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		own_row = row;
		own_row->owner = 0;
		own_row->removals = 0;
		own_row->cost_ns = 0;
		own_row->weight = 0;
		own_row->budget = budget;
		own_row->target = target;
		own_row->debt_ns = debt_ns;
		__atomic_store_n(&own_row->owner, getpid(), __ATOMIC_SEQ_CST);
	}
	return debt_ns;
}

static void tell_others(int64_t now, double cost_ns, double debt_ns)
{
	if (!own_row)
		return;
	own_row->cost_ns += cost_ns;
	own_row->debt_ns = debt_ns;
	own_row->looked_ns = now;
}

static void leave_row(void)
{
	if (own_row)
		__atomic_store_n(&own_row->owner, 0, __ATOMIC_SEQ_CST);
}

static int shares(const struct row *row, int64_t now)
{
	return row != own_row && alive(row, now) && row->target == own_row->target;
}

/* What others' probes have cost since the last call. *removed: some of them were given up. */
static double others_cost(int64_t now, int *removed)
{
	double cost_ns = 0;
	*removed = 0;
	for (uint32_t i = 0; own_row && i < LEDGER_ROWS; i++) {
		const struct row *row = &ledger[i];
		if (!shares(row, now))
			continue;
		double all_ns = row->cost_ns;
		uint32_t removals = row->removals;
		if (seen_owner[i] == row->owner) {
			if (all_ns > seen_cost_ns[i])
				cost_ns += all_ns - seen_cost_ns[i];
			*removed |= removals != seen_removals[i];
		}
		seen_owner[i] = row->owner;
		seen_cost_ns[i] = all_ns;
		seen_removals[i] = removals;
	}
	return cost_ns;
}

static int is_shared(int64_t now)
{
	for (uint32_t i = 0; own_row && i < LEDGER_ROWS; i++)
		if (shares(&ledger[i], now))
			return 1;
	return 0;
}

/* Another one has to give up its probes first: they weigh more, and its budget is not above ours. */
static int is_heavier_elsewhere(int64_t now)
{
	for (uint32_t i = 0; own_row && i < LEDGER_ROWS; i++) {
		const struct row *row = &ledger[i];
		if (!shares(row, now) || row->budget > own_row->budget)
			continue;
		if (row->weight > own_row->weight || (row->weight == own_row->weight && row < own_row))
			return 1;
	}
	return 0;
}

/* Others learn first what this one's weigh, and this one what theirs do: then those of the heaviest go. */
static int waits_for_others(double weight, int64_t now)
{
	if (own_row)
		own_row->weight = weight;
	if (waiting_since_ns == 0)
		waiting_since_ns = now;
	int64_t waited_ns = now - waiting_since_ns;
	if (is_shared(now) && (waited_ns < LEAST_WAIT_NS || (is_heavier_elsewhere(now) && waited_ns < MOST_WAIT_NS)))
		return 1;
	waiting_since_ns = 0;
	return 0;
}

static void forget_weight(void)
{
	waiting_since_ns = 0;
	if (own_row)
		own_row->weight = 0;
}

#endif
