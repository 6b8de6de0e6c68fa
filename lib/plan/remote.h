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
/* What speaks against asking a host, perhaps with a port: "has a private address, ...", by its name
 * or by what DNS says now, or no address that could be looked at; NULL when nothing does. A name is
 * looked up once for a task: `documents` (plan/match.h) keeps what was found, and lends the text.
 */
const char *remote_objection(const char *host, json_t *documents);

#endif
