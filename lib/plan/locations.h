/* The places outside that a task names, tried before an offer names them (EP-4A): once for all
 * platforms, all at a time, and what was found of the network holds for a minute. */
#ifndef PLAN_LOCATIONS_H
#define PLAN_LOCATIONS_H

#include "model/finding.h"
#include "model/task.h"
#include "plan/policy.h"
#include "store/store.h"

struct locations {
    json_t *lines;   /* what is tried, lines of a manifest; NULL: nothing was asked yet */
    json_t *results; /* id -> how it ended; NULL: not tried, or err says why not */
    struct err err;
};
void locations_fini(struct locations *l);

/* True when every place can be read, or written where a volume is rw; otherwise findings gains a
 * NO for each that cannot. Tries only when first called: later
 * tasks must name the same places. `policy` is of who
 * asks. */
bool locations_reach(struct locations *l, const struct task *task, const struct store *store,
                     const struct policy *policy, struct findings *findings);

#endif
