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
/* Looks that the holder of the heaviest probes is waited for: it may have come a moment ago. */
#define MOST_WAITS 10

struct row {
	uint32_t owner; /* pid of the holder; 0: free */
	uint32_t removals;
	uint64_t target; /* what the helper calls it; another one is another budget */
	int64_t looked_ns;
	double cost_ns; /* of its probes, from the beginning */
	double weight;	/* of its heaviest candidate, cores */
	double budget;
	uint64_t unused[2];
};

static struct row *ledger, *own_row;
static double seen_cost_ns[LEDGER_ROWS];
static uint32_t seen_owner[LEDGER_ROWS], seen_removals[LEDGER_ROWS];
static uint32_t waits;

static int alive(const struct row *row, int64_t now) { return row->owner && now - row->looked_ns < ROW_ALIVE_NS; }

static void take_row(uint64_t target, double budget, int64_t now)
{
	for (uint32_t i = 0; ledger && i < LEDGER_ROWS; i++) {
		uint32_t owner = ledger[i].owner;
		if (alive(&ledger[i], now))
			continue;
		if (!__atomic_compare_exchange_n(&ledger[i].owner, &owner, getpid(), 0, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		own_row = &ledger[i];
		own_row->removals = 0;
		own_row->cost_ns = 0;
		own_row->weight = 0;
		own_row->budget = budget;
		own_row->target = target;
		own_row->looked_ns = now;
		return;
	}
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

static void forget_weight(void)
{
	waits = 0;
	if (own_row)
		own_row->weight = 0;
}

#endif
