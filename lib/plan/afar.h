/* Offers of planners elsewhere: kept in the store, and accepted where they came from. */
#ifndef PLAN_AFAR_H
#define PLAN_AFAR_H

#include "store/store.h"

/* Keeps an offer that was judged (net/planner.h). 1: kept; 0: its id is one of an offer that is in
 * the store already, so it cannot be its own. In a transaction. */
int afar_keep(struct store *store, const char *answer, json_t *offer, int64_t now, struct err *err);
/* Is this an offer of a planner elsewhere? */
bool afar_is(const struct offer_row *row);
/* As accept_offer, for one of them. */
int afar_accept(struct store *store, const struct offer_row *row, struct job *job, struct err *err);

#endif
