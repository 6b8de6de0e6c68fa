/* The nearest request that would have been YES: what a NO asks for too much is lowered to what
 * there is, and asked again, until the answer is YES (execdm-plan --explain). */
#ifndef PLAN_NEAREST_H
#define PLAN_NEAREST_H

#include "model/finding.h"
#include "text/when.h"

/* Asks whether a task is YES. findings gains the reasons if not; *start is of the first slot. */
typedef bool nearest_ask(void *context, json_t *task, struct findings *findings,
                         struct window *start);

/* `task` is NO for the reasons in `findings`. A new reference: JSON pointers into the task with
 * what would have to stand there, null for nothing; NULL when no change of amounts or times would
 * do. *text gets the words for it; the caller frees. */
json_t *nearest_find(json_t *task, const struct findings *findings, nearest_ask *ask, void *context,
                     char **text);

#endif
