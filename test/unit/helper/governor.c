/* Runs helper/governor.h for governor.test.ts. Standard input has one command a line; answers on standard output. */
#include "../../../helper/governor.h"

#include <stdio.h>

int main(void)
{
	static struct governor governor;
	static struct candidate candidates[1000];
	uint32_t count = 0;
	long long now, entry, parks, functions;
	double cost, returns, budget, times, used;
	static double wanted[1000];
	char command;
	while (scanf(" %c", &command) == 1) {
		switch (command) {
		case 's': /* start BUDGET FUNCTIONS NOW DEBT */
			if (scanf("%lf %lld %lld %lf", &budget, &functions, &now, &cost) != 4)
				return 1;
			governor_start(&governor, budget, functions, now, cost);
			break;
		case 'l': /* look NOW COST → 0 or 1 */
			if (scanf("%lld %lf", &now, &cost) != 2)
				return 1;
			printf("%d\n", governor_look(&governor, now, cost));
			break;
		case 'd': /* cost since NOW */
			if (scanf("%lld", &now) != 1)
				return 1;
			printf("%.0f\n", governor_cost_since(&governor, now));
			break;
		case 'e': /* excess TOTAL ELAPSED BUDGET CPUS USED GROWTH FUNCTIONS */
			if (scanf("%lf %lf %lf %lld %lf %lf %lld", &cost, &returns, &budget, &now, &used, &times,
				  &functions) != 7)
				return 1;
			times = speed_up(cost, returns, now, used, times, functions);
			printf("%.0f\n", excess(cost, returns, budget, times));
			break;
		case 'w': /* room for captures KEPT ELAPSED BUDGET TIMES */
			if (scanf("%lf %lf %lf %lf", &cost, &returns, &budget, &times) != 4)
				return 1;
			printf("%.0f\n", room_for_captures(cost, returns, budget, times));
			break;
		case 'q': /* fair share ROOM COUNT WANTED... */
			if (scanf("%lf %lld", &cost, &now) != 2)
				return 1;
			for (count = 0; count < now; count++)
				if (scanf("%lf", &wanted[count]) != 1)
					return 1;
			printf("%.0f\n", fair_share(wanted, count, cost));
			count = 0;
			break;
		case 'p': /* pause CPUS */
			if (scanf("%lld", &now) != 1)
				return 1;
			printf("%lld\n", (long long)governor_pause_ns(&governor, now));
			break;
		case 'b': /* what is left of the burst, and the debt */
			printf("%.0f %.0f\n", governor.burst_ns / 1e6, governor.debt_ns / 1e6);
			break;
		case 'r': /* removed NOW KEPT */
			if (scanf("%lld %lf", &now, &cost) != 2)
				return 1;
			governor_removed(&governor, now, cost);
			break;
		case 'g': /* growth since then */
			printf("%.2f\n", governor_growth(&governor));
			break;
		case 'f': /* function ENTRY CALLS RETURNS PARKS */
			if (scanf("%lld %lf %lf %lld", &entry, &cost, &returns, &parks) != 4)
				return 1;
			count += candidates_of(entry, cost, returns, parks, &candidates[count]);
			break;
		case 'c': /* choose EXCESS → what goes */
			if (scanf("%lf", &cost) != 1)
				return 1;
			uint32_t chosen = choose(candidates, count, cost);
			for (uint32_t i = 0; i < chosen; i++)
				printf("%u%s ", candidates[i].entry, candidates[i].returns ? "r" : "");
			printf("\n");
			count = 0;
			break;
		default:
			return 1;
		}
	}
	return 0;
}
