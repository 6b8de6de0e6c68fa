/* Asking: the platforms of this site, each by its driver, merged into one answer (EP-11). */
#ifndef PLAN_ASK_H
#define PLAN_ASK_H

#include "model/load.h"
#include "plan/answer.h"

/* Which platforms there are: `names` (a NULL-ended list of names or files), or when it is empty
 * every file of platforms.d in the configuration directory, or when there is none the one called
 * localhost, derived from probing. Adds what each says to the answer. A platform that is down or
 * wrong is a message, not a failure; -1 when the store failed or a named one does not exist. */
int ask_platforms(struct answer *a, struct model *model, struct store *store,
                  const struct task *task, char *const *names, struct err *err);

#endif
