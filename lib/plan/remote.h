/* What tasks may name that come over the network: nothing of this machine, and no private address
 * (execdm.yaml(5), private-addresses). */
#ifndef PLAN_REMOTE_H
#define PLAN_REMOTE_H

#include "model/finding.h"
#include "model/task.h"
#include "plan/policy.h"

/* May the task name all the places it does? Otherwise findings gains a NO for each. Of the tasks of
 * local users nothing is asked. */
bool remote_allows(const struct task *t, const struct policy *p, struct store *store,
                   struct findings *findings);
/* Does a host, perhaps with a port, mean a private address, by its name or by what DNS says now? */
bool remote_private(const char *host);

#endif
