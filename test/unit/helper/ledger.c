/* Runs helper/ledger.h for ledger.test.ts. Standard input has one command a line; answers on standard output. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../../helper/governor.h"
#include "../../../helper/ledger.h"

static struct row rows[LEDGER_ROWS];

int main(void)
{
	char command[16];
	long long row, owner, target, now;
	double cost, debt, budget, weight;
	int removed;
	ledger = rows;
	while (scanf(" %15s", command) == 1) {
		if (strcmp(command, "row") == 0) { /* ROW OWNER TARGET LOOKED COST DEBT BUDGET WEIGHT */
			if (scanf("%lld %lld %lld %lld %lf %lf %lf %lf", &row, &owner, &target, &now, &cost, &debt,
				  &budget, &weight) != 8)
				return 1;
			rows[row] = (struct row){.owner = owner,
						 .target = target,
						 .looked_ns = now,
						 .cost_ns = cost,
						 .debt_ns = debt,
						 .budget = budget,
						 .weight = weight};
		} else if (strcmp(command, "all") == 0) { /* OWNER TARGET LOOKED: every row */
			if (scanf("%lld %lld %lld", &owner, &target, &now) != 3)
				return 1;
			for (row = 0; row < LEDGER_ROWS; row++)
				rows[row] = (struct row){.owner = owner, .target = target, .looked_ns = now};
		} else if (strcmp(command, "take") == 0) { /* TARGET BUDGET NOW → row, debt in ms */
			if (scanf("%lld %lf %lld", &target, &budget, &now) != 3)
				return 1;
			own_row = NULL;
			debt = take_row(target, budget, now);
			printf("%d %.0f\n", own_row ? (int)(own_row - rows) : -1, debt / 1e6);
		} else if (strcmp(command, "others") == 0) { /* NOW → cost, whether there are any, heavier ones */
			if (scanf("%lld", &now) != 1)
				return 1;
			cost = others_cost(now, &removed);
			printf("%.0f %d %d\n", cost, is_shared(now), is_heavier_elsewhere(now));
		} else if (strcmp(command, "leave") == 0) {
			leave_row();
		} else {
			return 1;
		}
	}
	return 0;
}
