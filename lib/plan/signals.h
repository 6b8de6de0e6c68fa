/* Triggers and callouts of a task: may it have them here, and how they are offered (Planner 2.5).
 */
#ifndef PLAN_SIGNALS_H
#define PLAN_SIGNALS_H

#include "model/finding.h"
#include "model/task.h"
#include "plan/policy.h"

/* Can all of them be set up here? Otherwise findings gains every reason. */
bool signals_allow(const struct task *t, const struct policy *p, struct findings *findings);
/* Does the job wait to be started by a trigger (EP-73)? */
bool signals_wait(const struct task *t);

/* As the offer `id` has them: triggers with their endpoints, a secret in each (EP-76), whose right
 * to call is what *secrets, {name: secret}, keeps for whoever receives calls. All have names. New
 * references; NULL when the task has none. */
json_t *signals_triggers(const struct task *t, const struct policy *p, const char *id,
                         json_t **secrets);
json_t *signals_callouts(const struct task *t);

#endif
