/* Jobs made over UWS, before they are planned (JOB_DRAFT in job.h). */
#ifndef PLAN_DRAFT_H
#define PLAN_DRAFT_H

#include "model/task.h"
#include "plan/policy.h"

/* What a draft keeps of its task: {"task", "sealed"}, the latter when there were secrets in it; by
 * the id the job has. A new reference, NULL with err. */
json_t *draft_keep(const struct store *store, const char *id, const json_t *task, struct err *err);
/* The task again, canonical, with its secrets: a new reference. NULL with err; CODE_NOINPUT when it
 * has none. */
json_t *draft_task(const struct store *store, const struct job *j, struct err *err);
/* A new draft by this id, of who asks. `parameters` is [{"name", "value"}], `kept` of draft_keep or
 * NULL. */
void draft_init(struct job *j, const char *id, const struct identity *who, int64_t now,
                json_t *parameters, json_t *kept, const char *runid);

#endif
